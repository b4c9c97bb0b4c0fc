#!/usr/bin/env bash
# Sets up all that the tests need, then runs them, each in a process of its own (.config/nextest.toml):
#     bash tests/run.sh                             everything
#     bash tests/run.sh --test NAME                 one module of tests: tests/it/NAME.rs, or an example's
#     bash tests/run.sh --test NAME PART            those of its tests that have PART in their name
#     bash tests/run.sh --lib PART                  unit tests
#     bash tests/run.sh -p PACKAGE                  the tests of one package
#     bash tests/run.sh --test NAME -- --nocapture  with all that they print, one at a time; --ignored
#                                                   for those that measure and are left out
# Other arguments go to cargo nextest run. What is slow to fetch or build stays in OVERSHOOT_TEST_CACHE
# (default ~/.cache/overshootsink), so that a second run is quick; remove that folder to start afresh.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=setup/assets.sh
source "$repo/tests/setup/assets.sh"
# shellcheck source=setup/livekit.sh
source "$repo/tests/setup/livekit.sh"

# ---- what is asked for, in nextest's words ----

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

# ---- what the tests need ----

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
part_begins
# One at a time, where two clones share the cache.
exec {lock}>"$cache/lock"
flock "$lock"
make_venv
fetch_videos
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

# Always the whole workspace: with fewer packages the crates that they share would have other features, and
# be built anew.
say "building the tests"
part_begins
nextest run --locked --workspace --no-run </dev/null
part_ends "build of the tests" "$build_budget"

# A copy of the plugin, and nothing else, for the tests that start gst-launch-1.0: those that run the quick start
# or the benchmarks build it again, with other features, in the same place. Of each run its own, as GStreamer's
# registry is beside it.
OVERSHOOT_TEST_PLUGIN=$(mktemp -d)
export OVERSHOOT_TEST_PLUGIN
trap 'rm -rf "$OVERSHOOT_TEST_PLUGIN"' EXIT
cp "$CARGO_TARGET_DIR/debug/deps/libgstovershoot.so" "$OVERSHOOT_TEST_PLUGIN"

say "cargo nextest run --locked --workspace ${options[*]@Q}"
part_begins
status=0
nextest run --locked --workspace "${options[@]}" || status=$?
part_ends tests "$tests_budget"

# A skipped test prints why, and nextest shows nothing of what passes: its report has it.
report=$repo/target/nextest/${NEXTEST_PROFILE:-default}/junit.xml
if skipped=$(grep -ioE 'skipped: [^<]+' "$report" | sort | uniq -c); then
    say "skipped, how often, and why:"
    printf '%s\n' "$skipped" >&2
fi
exit "$status"
