#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian for amd64: installs the packages for arm64, with GStreamer's for arm64, and runs them by qemu. The
# kernel's support for other architectures is not needed, so nothing on the system changes.
#     arm64.sh PLUGIN.deb TOOLS.deb
set -euo pipefail
# A minute: to connect takes seconds by qemu, and on a busy machine many.
pictures=1800
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

dpkg --add-architecture arm64
quiet apt-get update
quiet apt-get install --yes --no-install-recommends qemu-user-static binutils gstreamer1.0-tools:arm64 "$@"
# The plugin scanner is a process of its own, which qemu could not start.
export GST_REGISTRY_FORK=no
emulated() { qemu-aarch64-static "$(command -v "$1")" "${@:2}"; }

plugin=/usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstovershoot.so
for file in /usr/bin/gst-inspect-1.0 "$plugin" /usr/bin/overshoot-{cameras,emulator,webapp}; do
    readelf -h "$file" | grep -q 'Machine: *AArch64$' || die "$file is not for arm64"
done
say "the plugin has $(($(stat -c %s "$plugin") / 1024)) KiB, and needs glibc" \
    "$(readelf -VW "$plugin" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)"

# inspect ELEMENT PLUGIN: whether the plugin has it, and how long it takes.
inspect() {
    local TIMEFORMAT="==> gst-inspect-1.0 $1 by qemu: %R s, CPU time %U s"
    time emulated gst-inspect-1.0 "$1" >/tmp/inspect
    grep -q "^  Filename .*/aarch64-linux-gnu/gstreamer-1.0/lib$2.so\$" /tmp/inspect \
        || die "the element is not in $2: $(cat /tmp/inspect)"
}
say "gst-inspect-1.0: the first time, which loads all plugins, and then with the registry"
inspect overshootsink gstovershoot
# Without the plugin, for comparison.
for _ in 1 2 3; do
    inspect identity gstcoreelements
    inspect overshootsink gstovershoot
done

say "one answer"
start_emulator qemu-aarch64-static /usr/bin/overshoot-emulator
ask qemu-aarch64-static /usr/bin/gst-launch-1.0 -q

say "the other programs"
for program in overshoot-cameras overshoot-webapp; do emulated "$program" --version >&2; done
kill "$emulator"
wait "$emulator" || die "the emulator did not end in order: $(cat "$emulator_log")"
trap - EXIT
