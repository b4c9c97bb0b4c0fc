#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Run by images.sh, in a network of its own: each program in its image's files, as a container would run it: as an ordinary
# user, with a root that cannot be written, until the image's health check passes and an answer has come.
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The values of an instruction of a stage: instruction webapp HEALTHCHECK
instruction() {
    awk -v stage="$1" -v word="$2" '/^FROM/ { here = ($4 == stage) } here && $1 == word' "$repo/packaging/Dockerfile"
}

# container PROGRAM [NAME=VALUE]... -- [ARGUMENT]...: runs an image.
container() {
    local program=$1 settings=()
    shift
    while [[ $1 != -- ]]; do settings+=("$1"); shift; done
    shift
    mapfile -t environment < <(instruction base ENV | cut -d ' ' -f 2- | tr ' ' '\n'
        instruction "$program" ENV | cut -d ' ' -f 2- | tr ' ' '\n')
    workdir=$(instruction "$program" WORKDIR | cut -d ' ' -f 2)
    # shellcheck disable=SC2016
    exec unshare --mount bash -c '
        set -e
        image=$1
        shift
        mount --rbind "$image" "$image"
        mount -o remount,bind,ro "$image"
        mount -t tmpfs tmpfs "$image/tmp"
        mount --bind /tmp/recordings "$image/recordings"
        exec setpriv --no-new-privs env -i "$@"
    ' bash "/images/$program" "${environment[@]}" no_proxy=127.0.0.1 "${settings[@]}" \
        /usr/sbin/chroot --userspec=1000:1000 "/images/$program" \
        /bin/sh -c 'cd "$0" && exec "$@"' "${workdir:-/}" "/usr/local/bin/overshoot-$program" "$@"
}
# healthy PROGRAM: waits until the image's health check passes.
healthy() {
    local check
    check=$(instruction "$1" HEALTHCHECK | cut -d ' ' -f 3- | jq -r 'join(" ")')
    for ((i = 0; i < 100; i++)); do
        # shellcheck disable=SC2086
        ! chroot --userspec=1000:1000 "/images/$1" /bin/busybox $check 2>/tmp/health || return 0
        sleep 0.2
    done
    cat "/tmp/$1"* /tmp/health >&2
    die "$1 is not healthy: $check"
}

running=''
end() { [[ -z $running ]] || kill "$running" 2>/dev/null || true; }
trap end EXIT
# finish PROGRAM: as a container is stopped.
finish() {
    kill "$running"
    wait "$running" || die "$1 did not end in order: $(cat "/tmp/$1")"
    running=''
}
# Every container has these.
for image in /images/*; do
    mount --rbind /dev "$image/dev"
    mount -t proc proc "$image/proc"
done
ip link set lo up
mkdir /tmp/recordings
chown 1000:1000 /tmp/recordings

say "emulator"
container emulator -- --listen 127.0.0.1:8787 >/tmp/emulator 2>&1 &
running=$!
healthy emulator
finish emulator

say "webapp"
container webapp -- --emulator >/tmp/webapp 2>&1 &
running=$!
healthy webapp
emulator_log=/tmp/webapp ask_webapp
finish webapp

say "cameras"
/usr/bin/python3 "$repo/tests/packages/camera.py" >/tmp/camera 2>&1 &
camera=$!
echo "$orange_camera" >/tmp/recordings/cameras.toml
# With libav: by openh264dec alone, an emulator in the image did not decode the H.264 of this camera.
end_camera() { end; kill "$camera" "$emulator"; }
start_emulator overshoot-emulator
trap end_camera EXIT
container cameras "OVERSHOOT_API_URL=$url" OVERSHOOT_API_KEY=any -- run --no-table cameras.toml >/tmp/cameras 2>/tmp/cameras.log &
running=$!
healthy cameras
emulator_log=/tmp/cameras.log expect_orange_from cat /tmp/cameras
finish cameras
