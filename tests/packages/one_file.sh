#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian of any release: copies the plugin's file, and installs nothing but what GStreamer and then the element
# name as missing, until an answer comes.
#     one_file.sh FOLDER    the folder with libgstovershoot.so and overshoot-emulator, built on Debian 12
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

quiet apt-get update
# add PACKAGE...
add() { quiet apt-get install --yes --no-install-recommends "$@"; }

add gstreamer1.0-tools
mkdir /tmp/plugin
cp "$1/libgstovershoot.so" /tmp/plugin
export GST_PLUGIN_PATH=/tmp/plugin
gst-launch-1.0 --gst-version >&2

say "without the libraries"
! gst-inspect-1.0 overshootsink >/tmp/said 2>&1 || die "it loads without them: is this a fresh Debian?"
grep -m 1 -o "Failed to load plugin '.*libgst.*-1.0.so.0: cannot open shared object file" /tmp/said >&2 \
    || { cat /tmp/said >&2; die "GStreamer does not say what is missing"; }

say "without other plugins"
# As docs/troubleshooting.md says: GStreamer remembers files that did not load. videotestsrc is in the base plugins.
[[ $(gst-inspect-1.0 -b) == *libgstovershoot.so* ]] || die "GStreamer does not list the file as one that did not load"
rm -r ~/.cache/gstreamer-1.0
add libgstreamer-plugins-bad1.0-0 gstreamer1.0-plugins-base
for element in overshootsink overshootfilter; do
    G_DEBUG=fatal-criticals gst-inspect-1.0 "$element" >/tmp/said 2>&1 || { cat /tmp/said >&2; die "$element does not load"; }
    ! grep -E '(WARNING|CRITICAL) \*\*' /tmp/said >&2 || die "$element loads with warnings (see above)"
done
named=(none)
for ((round = 0; ${#named[@]} && round < 4; round++)); do
    # The emulator also decodes with what is installed when it starts.
    start_emulator "$1/overshoot-emulator"
    # A critical warning, which is a mistake in code, ends it.
    # shellcheck disable=SC2086
    G_DEBUG=fatal-criticals timeout 120 gst-launch-1.0 -q $orange ! video/x-raw,width=320,height=240,framerate=30/1 \
        ! overshootsink name=o prompt="What is it?" o.json_src ! filesink location=/tmp/answers >/tmp/said 2>&1 || true
    grep '^ERROR: from' /tmp/said >&2 || true
    mapfile -t named < <(grep '^ERROR: from' /tmp/said | grep -oE '(gstreamer1.0|ca)-[a-z-]+' | sort -u)
    kill "$emulator"
    wait "$emulator" || die "the emulator did not end in order: $(cat "$emulator_log")"
    trap - EXIT
    ((${#named[@]} == 0)) || add "${named[@]}"
done
((round > 1)) || { cat /tmp/said >&2; die "the element does not say what is missing"; }
expect_orange /tmp/answers
