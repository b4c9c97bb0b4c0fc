#!/usr/bin/env bash
# Measures overshootsink side by side with its floors and with webrtcsink, in one go:
#     bash benches/run.sh [--runs N] [--seconds S] [--only NAME,NAME]
# Prints a table and whether the targets are met. Five runs of every case take half an hour; the
# machine should have nothing else to do. Without GStreamer's webrtcsink, which takes some minutes to
# build: OVERSHOOT_BENCH_FEATURES= bash benches/run.sh
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=../tests/setup/assets.sh
source "$repo/tests/setup/assets.sh"

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
make_venv
fetch_videos
bypass_proxy_for_loopback

# dev is quicker to build where the tests have been built; figures are to be taken with release.
profile=${OVERSHOOT_BENCH_PROFILE:-release}
built=$profile
[[ $profile != dev ]] || built=debug
say "building the plugin"
cargo build --locked --profile "$profile" --manifest-path "$repo/Cargo.toml" </dev/null
export GST_PLUGIN_PATH=$CARGO_TARGET_DIR/$built
say "building the benchmarks"
features=${OVERSHOOT_BENCH_FEATURES-webrtcsink}
export CARGO_TARGET_DIR=$cache/benches
cargo build --locked --profile "$profile" --manifest-path "$repo/benches/Cargo.toml" \
    --no-default-features --features "$features" </dev/null
exec "$CARGO_TARGET_DIR/$built/bench" "$OVERSHOOT_TEST_VIDEOS/bikes.mp4" "$cache/benches/videos" "$@"
