#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian 12 for amd64: installs the packages for arm64, with GStreamer's for arm64, and runs them by qemu. The
# kernel's support for other architectures is not needed, so nothing on the system changes.
#     arm64.sh PLUGIN.deb TOOLS.deb
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

dpkg --add-architecture arm64
quiet apt-get update
quiet apt-get install --yes --no-install-recommends qemu-user-static file gstreamer1.0-tools:arm64 "$@"
file -L /usr/bin/gst-inspect-1.0 /usr/bin/overshoot-emulator | grep -c 'ARM aarch64' | grep -qx 2
# The plugin scanner is a process of its own, which qemu could not start.
export GST_REGISTRY_FORK=no
emulated() { qemu-aarch64-static "$(command -v "$1")" "${@:2}"; }

say "gst-inspect-1.0, the first and the second time"
for _ in 1 2; do
    began=$EPOCHREALTIME
    emulated gst-inspect-1.0 overshootsink >/tmp/inspect
    grep Filename /tmp/inspect >&2
    say "took $(((${EPOCHREALTIME/./} - ${began/./}) / 1000)) ms by qemu"
done

say "one answer"
start_emulator qemu-aarch64-static /usr/bin/overshoot-emulator
ask qemu-aarch64-static /usr/bin/gst-launch-1.0 -q
for program in overshoot-cameras overshoot-webapp; do
    dpkg-query -L overshoot-tools:arm64 | grep -qx "/usr/bin/$program"
done
emulated overshoot-cameras --version >&2
