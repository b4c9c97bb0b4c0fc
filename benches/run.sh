#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Measures overshootsink beside its floors and beside webrtcsink: see --help.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=../tests/setup/assets.sh
source "$repo/tests/setup/assets.sh"

usage() {
    cat <<'END'
usage: bash benches/run.sh [OPTION]...

Installs missing packages, builds everything for release, makes test videos, and measures the CPU
time, memory, threads, start-up time and delay of overshootsink, of the bare elements that it uses
(its floors), and of GStreamer's webrtcsink. It runs all cases in turn, several times. It prints a
table of the medians, and whether the targets are met (exit status 2 if not). It takes half an hour.
Run nothing else on the machine meanwhile.

  --runs N          how many times each case runs (5)
  --seconds S       how long to measure each run, after 3 s of start-up (10)
  --quick           one short run of each case
  --only NAME,NAME  only these cases
  --list            list the cases
  --no-webrtcsink   leave out webrtcsink, which takes some minutes to build
END
}

webrtcsink=yes options=() previous=''
for option in "$@"; do
    case $previous$option in
        -h | --help) usage; exit ;;
        --no-webrtcsink) webrtcsink='' ;;
        --list) webrtcsink='' options+=("$option") ;;
        # Without any of its cases, webrtcsink need not be built.
        --only*) [[ $option == --only || $option == *ws-* ]] || webrtcsink='' ;;&
        *) options+=("$option") ;;
    esac
    previous=''
    if [[ $option == --only ]]; then previous=--only=; fi
done

check_rust
install_packages "${base_packages[@]}" "${test_packages[@]}"
use_cache
# Only one run at the same time, because several clones may share the cache.
exec {lock}>"$cache/lock"
flock "$lock"
make_venv
fetch_videos
exec {lock}>&-
bypass_proxy_for_loopback

# Only the test of this script uses another profile.
profile=${OVERSHOOT_BENCH_PROFILE:-release}
case $profile in
    dev) folder=debug ;;
    *) folder=$profile ;;
esac
say "building the benchmarks ($profile; the first time takes some minutes)"
# The plugin and the emulator are named too, so that shared crates have the same features as for the quick start and
# are not rebuilt.
cargo build --locked --profile "$profile" --manifest-path "$repo/Cargo.toml" \
    -p overshoot-benches -p gst-plugin-overshoot -p overshoot-emulator </dev/null
bench=$CARGO_TARGET_DIR/$folder/bench

if [[ -n $webrtcsink ]]; then
    say "building webrtcsink ($profile; the first time takes some minutes)"
    # In its own folder, because shared crates have other features there.
    export CARGO_TARGET_DIR=$cache/webrtcsink
    cargo build --locked --profile "$profile" --manifest-path "$repo/benches/webrtcsink/Cargo.toml" </dev/null
    options+=(--webrtcsink "$CARGO_TARGET_DIR/$folder/overshoot-bench-webrtcsink")
fi

exec "$bench" --video "$OVERSHOOT_TEST_VIDEOS/bikes.mp4" --folder "$cache/benches/videos" "${options[@]}"
