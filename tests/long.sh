#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# The long tests. Each has a short form in tests/run.sh.
#     bash tests/long.sh                     all parts, one after the other: most of a day
#     bash tests/long.sh soak cycles         these parts
#     bash tests/long.sh --list              lists the parts, and how long each takes
# OVERSHOOT_LONG_SCALE=60 divides the times and counts by 60, to try the parts themselves. A failed part does not stop
# the others. At the end there is a line for each part.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=../scripts/setup.sh
source "$here/../scripts/setup.sh"

scale=${OVERSHOOT_LONG_SCALE:-1}
[[ $scale =~ ^[1-9][0-9]{0,2}$ ]] || die "OVERSHOOT_LONG_SCALE=$scale is not a whole number from 1 to 999"
# Slow tests are not ended.
export NEXTEST_PROFILE=long

names=(soak cycles ends valgrind room fuzz networks benches trixie sid)
declare -A what=(
    [soak]="an hour of random faults, prompt changes and restarts"
    [cycles]="1,000 starts and stops, under GStreamer's leaks tracer (some 3 minutes)"
    [ends]="800 programs in C and Python that end early (10 minutes)"
    [valgrind]="a start, a stream and a stop under valgrind (a minute)"
    [room]="ten minutes of publishing into a room of a LiveKit server (12 minutes)"
    [fuzz]="ten minutes of mutated inputs for each parser, four parsers at a time (an hour)"
    [networks]="loss, delay, cuts and relays in network namespaces (2 minutes; root)"
    [benches]="the benchmarks, webrtcsink included (an hour; on a machine that does nothing else)"
    [trixie]="every test on Debian 13's GStreamer (half an hour; root)"
    [sid]="every test on the newest GStreamer of Debian (half an hour; root)"
)

tests() { bash "$here/run.sh" "$@"; }
part_soak() { OVERSHOOT_SOAK_SECONDS=$((3600 / scale)) tests --test soak -- --nocapture; }
part_cycles() { OVERSHOOT_TEST_CYCLES=$((1000 / scale)) tests --test cycles -- --nocapture; }
part_ends() { OVERSHOOT_TEST_ENDS=$((400 / scale)) tests --test early_ends -- --nocapture; }
part_valgrind() { tests --test valgrind -- --nocapture; }
part_room() { OVERSHOOT_LIVEKIT_SECONDS=$((600 / scale)) tests --test livekit not_dropped -- --nocapture; }
part_fuzz() { OVERSHOOT_FUZZ_SECONDS=$((600 / scale)) tests --lib fuzz --success-output immediate; }
part_networks() { tests --test networks -- --nocapture; }
part_benches() {
    local short=()
    ((scale == 1)) || short=(--quick)
    bash "$here/../benches/run.sh" "${short[@]}"
}
part_trixie() { bash "$here/newer-gstreamer.sh" trixie --no-fail-fast; }
part_sid() { bash "$here/newer-gstreamer.sh" sid --no-fail-fast; }

parts=()
while (($# > 0)); do
    case $1 in
        --list)
            for name in "${names[@]}"; do printf '%-9s %s\n' "$name" "${what[$name]}"; done
            exit ;;
        *)
            [[ -n ${what[$1]:-} ]] || die "there is no part $1. The parts: ${names[*]}"
            parts+=("$1") ;;
    esac
    shift
done
((${#parts[@]})) || parts=("${names[@]}")

outcomes=() failed=0
for part in "${parts[@]}"; do
    say "$part: ${what[$part]}"
    began=$SECONDS status=0
    "part_$part" || status=$?
    ((status == 0)) || failed=1
    outcomes+=("$(printf '%-9s %-14s %6d s' "$part" "$( ((status)) && echo "failed ($status)" || echo passed)" $((SECONDS - began)))")
done
say "outcomes:"
printf '%s\n' "${outcomes[@]}"
exit "$failed"
