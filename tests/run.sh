#!/usr/bin/env bash
# Sets up all that the tests need, then runs them. Arguments go to cargo test:
#     bash tests/run.sh                             everything
#     bash tests/run.sh --test NAME -- --nocapture  one file of tests
# What is slow to fetch or build stays in OVERSHOOT_TEST_CACHE (default ~/.cache/overshootsink),
# so that a second run is quick; remove that folder to start afresh.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=setup/assets.sh
source "$repo/tests/setup/assets.sh"
# shellcheck source=setup/livekit.sh
source "$repo/tests/setup/livekit.sh"

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
# One at a time, where two clones share the cache.
exec {lock}>"$cache/lock"
flock "$lock"
make_venv
fetch_videos
make_livekit_server
exec {lock}>&-
bypass_proxy_for_loopback

say "videos in $OVERSHOOT_TEST_VIDEOS, Python $OVERSHOOT_TEST_PYTHON, build in $CARGO_TARGET_DIR"
say "cargo test --locked --workspace $*"
cd "$repo"
cargo test --locked --workspace "$@"
