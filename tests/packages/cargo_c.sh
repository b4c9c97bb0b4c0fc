#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian: installs the plugin by cargo-c, then builds a C program that contains the plugin, and runs it.
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools_package=$1

say "cargo-c and GStreamer's development files"
quiet apt-get update
quiet apt-get install --yes --no-install-recommends build-essential pkg-config git cargo-c gstreamer1.0-tools \
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev "$tools_package"

say "cargo cinstall (the first time it takes minutes)"
multiarch=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
cd "$repo"
# The command of docs/install.md.
cargo cinstall --release --locked --prefix=/usr --libdir="/usr/lib/$multiarch" 2>&1 | grep -v Compiling >&2
for file in libgstovershoot.so libgstovershoot.a; do
    [[ -s /usr/lib/$multiarch/gstreamer-1.0/$file ]] || die "there is no $file: $(find / -xdev -name 'libgstovershoot*')"
done
gst-inspect-1.0 overshootsink | grep Filename >&2

say "a C program that contains the plugin"
start_emulator overshoot-emulator
mkdir /tmp/program
cd /tmp/program
cp "$repo/tests/packages/contains_plugin.c" .
# Only the archive is left to link with, and no plugin to load.
rm "/usr/lib/$multiarch/gstreamer-1.0/libgstovershoot.so"
# The command of docs/install.md.
# shellcheck disable=SC2046
cc contains_plugin.c -o contains_plugin $(pkg-config --static --cflags --libs gstovershoot gstreamer-1.0)
! gst-inspect-1.0 overshootsink >/dev/null 2>&1 || die "the plugin is still there"
ask ./contains_plugin
say "the program has $(($(stat -c %s contains_plugin) / 1024)) KiB"
