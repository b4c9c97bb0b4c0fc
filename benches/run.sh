#!/usr/bin/env bash
# Measures overshootsink side by side with its floors and with webrtcsink: see --help.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=../tests/setup/assets.sh
source "$repo/tests/setup/assets.sh"

usage() {
    cat <<'END'
usage: bash benches/run.sh [OPTION]...

Installs what is missing, builds everything for release, makes test videos, and measures CPU,
memory, threads, start-up and delay of overshootsink, of the bare elements that it is made of, and
of GStreamer's webrtcsink: all cases in turn, several times over. Prints a table of the medians and
whether the targets are met (status 2: not all are). Takes half an hour, on a machine that should
have nothing else to do.

  --runs N          how often each case is run (5)
  --seconds S       how long each run is measured, after 3 s of start-up (10)
  --quick           one short run of each case
  --only NAME,NAME  these cases only
  --list            show the names of the cases
  --no-webrtcsink   leave webrtcsink out, which takes some minutes to build
END
}

webrtcsink=yes options=() previous=''
for option in "$@"; do
    case $previous$option in
        -h | --help) usage; exit ;;
        --no-webrtcsink) webrtcsink='' ;;
        --list) webrtcsink='' options+=("$option") ;;
        # Where none of its cases is asked for, there is no need to build it.
        --only*) [[ $option == --only || $option == *ws-* ]] || webrtcsink='' ;;&
        *) options+=("$option") ;;
    esac
    previous=''
    if [[ $option == --only ]]; then previous=--only=; fi
done

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
# One at a time, where two clones share the cache.
exec {lock}>"$cache/lock"
flock "$lock"
make_venv
fetch_videos
exec {lock}>&-
bypass_proxy_for_loopback

# Only the test that all this works is content with another profile.
profile=${OVERSHOOT_BENCH_PROFILE:-release}
case $profile in
    dev) folder=debug ;;
    *) folder=$profile ;;
esac
say "building the benchmarks ($profile; the first time takes some minutes)"
# The plugin and the emulator by name, too: shared crates get the same features as for the quick
# start, and are not built anew.
cargo build --locked --profile "$profile" --manifest-path "$repo/Cargo.toml" \
    -p overshoot-benches -p gst-plugin-overshoot -p overshoot-emulator </dev/null
bench=$CARGO_TARGET_DIR/$folder/bench

if [[ -n $webrtcsink ]]; then
    say "building webrtcsink ($profile; the first time takes some minutes)"
    # In a folder of its own: what it shares with the element has other features there.
    export CARGO_TARGET_DIR=$cache/webrtcsink
    cargo build --locked --profile "$profile" --manifest-path "$repo/benches/webrtcsink/Cargo.toml" </dev/null
    options+=(--webrtcsink "$CARGO_TARGET_DIR/$folder/overshoot-bench-webrtcsink")
fi

exec "$bench" --video "$OVERSHOOT_TEST_VIDEOS/bikes.mp4" --folder "$cache/benches/videos" "${options[@]}"
