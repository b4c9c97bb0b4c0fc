#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sets up everything that the tests need, then runs them, each in its own process (.config/nextest.toml):
#     bash tests/run.sh                             all tests
#     bash tests/run.sh --test NAME                 one module of tests: tests/it/NAME.rs, or an example's
#     bash tests/run.sh --test NAME PART            its tests with PART in their name
#     bash tests/run.sh --lib PART                  unit tests
#     bash tests/run.sh -p PACKAGE                  the tests of one package
#     bash tests/run.sh --test NAME -- --nocapture  with their output, one at a time; --ignored
#                                                   for the measuring tests that are left out
# Other arguments go to cargo nextest run. Everything that is slow to fetch or build stays in OVERSHOOT_TEST_CACHE
# (default ~/.cache/overshootsink), so that a second run is quick. To start again, remove that folder.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=setup/assets.sh
source "$repo/tests/setup/assets.sh"
# shellcheck source=setup/livekit.sh
source "$repo/tests/setup/livekit.sh"

# ---- arguments, as options of nextest ----

modules=() packages=() options=()
while (($# > 0)); do
    case $1 in
        --test) (($# > 1)) || die "--test needs the name of a module"; modules+=("$2"); shift ;;
        --test=*) modules+=("${1#--test=}") ;;
        -p | --package) (($# > 1)) || die "$1 needs the name of a package"; packages+=("$2"); shift ;;
        --nocapture) options+=(--no-capture) ;;
        --ignored) options+=(--run-ignored only) ;;
        --) ;;
        *) options+=("$1") ;;
    esac
    shift
done
one_of() { local IFS='|'; echo "($*)"; }
filter='all()'
((${#modules[@]} == 0)) || filter+=" & kind(test) & test(/^$(one_of "${modules[@]}")::/)"
((${#packages[@]} == 0)) || filter+=" & package(/^$(one_of "${packages[@]}")\$/)"
options+=(-E "$filter")

# ---- preparation ----

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
part_begins
# Only one run at the same time, because several clones may share the cache.
exec {lock}>"$cache/lock"
flock "$lock"
make_venv
fetch_videos
fetch_axe
make_livekit_server
exec {lock}>&-
part_ends "Python, videos, LiveKit server" "$assets_budget"
bypass_proxy_for_loopback
say "videos in $OVERSHOOT_TEST_VIDEOS, Python $OVERSHOOT_TEST_PYTHON, build in $CARGO_TARGET_DIR"
cd "$repo"

# ---- build and run ----

nextest() {
    "$cache/venv/bin/cargo-nextest" nextest "$@"
}

# Always the whole workspace: with fewer packages, shared crates would have other features and be rebuilt.
say "building the tests"
part_begins
nextest run --locked --workspace --no-run </dev/null
part_ends "build of the tests" "$build_budget"

# A folder with a copy of the plugin only, for the tests that start gst-launch-1.0. The tests of the quick start and of
# the benchmarks rebuild the plugin in its original place, with other features. Each run has its own folder, because
# the registry of GStreamer is beside the plugin.
OVERSHOOT_TEST_PLUGIN=$(mktemp -d)
export OVERSHOOT_TEST_PLUGIN
trap 'rm -rf "$OVERSHOOT_TEST_PLUGIN"' EXIT
cp "$CARGO_TARGET_DIR/debug/deps/libgstovershoot.so" "$OVERSHOOT_TEST_PLUGIN"

# OpenGL without a display and without a GPU, for the tests with textures.
export GST_GL_PLATFORM=egl GST_GL_WINDOW=egl-device LIBGL_ALWAYS_SOFTWARE=1

say "cargo nextest run --locked --workspace ${options[*]@Q}"
part_begins
status=0
nextest run --locked --workspace "${options[@]}" || status=$?
part_ends tests "$tests_budget"

# A skipped test prints the reason. nextest hides the output of passed tests, but its report has it.
report=$repo/target/nextest/${NEXTEST_PROFILE:-default}/junit.xml
if skipped=$(grep -ioE 'skipped: [^<]+' "$report" | sort | uniq -c); then
    say "skipped tests, with count and reason:"
    printf '%s\n' "$skipped" >&2
fi
exit "$status"
