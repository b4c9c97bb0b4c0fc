#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian 12: takes the steps of packaging/Dockerfile but compiling, then runs the programs in the images' files.
#     images.sh FOLDER    the folder with the three programs
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dockerfile=$repo/packaging/Dockerfile
# Docker's megabytes have 1000 kB.
most_megabytes=150

install -t /usr/local/bin "$1"/overshoot-{cameras,webapp,emulator}
cp "$repo/packaging/image.sh" /
# The steps on debian:12-slim, as they stand in the Dockerfile.
sed -n '/AS files$/,/^FROM scratch/s/^RUN //p' "$dockerfile" >/tmp/steps
[[ $(wc -l </tmp/steps) == 4 ]] || die "the Dockerfile has other steps: $(cat /tmp/steps)"
while read -r step; do
    say "RUN $step"
    quiet bash -c "$step"
done </tmp/steps

for program in cameras webapp emulator; do
    megabytes=$(($(du -s --block-size=1 --apparent-size "/images/$program" | cut -f 1) / 1000000))
    say "the image of $program has $megabytes MB"
    ((megabytes < most_megabytes)) || die "it must have less than $most_megabytes MB"
done

quiet apt-get install --yes --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-libav curl \
    iproute2 jq
# A network of its own, as the ports are those of the images.
exec unshare --net bash "$repo/tests/packages/images_run.sh"
