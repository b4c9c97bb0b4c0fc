#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# The steps of the Dockerfile beside it, for root on Debian 12:
#     image.sh packages                  installs what images take their files from
#     image.sh collect PROGRAM FOLDER    makes an image's files: the program, GStreamer's plugins for it, and the
#                                        libraries of both. Debian's packages of these plugins would be 900 MB.
set -euo pipefail

# GStreamer's plugins, by what needs them.
plugins=(
    # everything
    app autodetect coreelements playback typefindfunctions videoconvertscale videofilter videorate deinterlace
    # sending, and a room
    dtls nice rtp rtpmanager srtp udp webrtc
    # cameras
    rtsp tcp
    # files, recordings and pictures
    avi isomp4 jpeg matroska multifile videoparsersbad
    # codecs. libav's decoders, with their libraries, have 160 MB: videos that only they decode, such as interlaced
    # H.264, MPEG-4 and ProRes, need Debian's packages.
    aom de265 openh264 vpx x264
    # the test pictures
    videotestsrc
)

case ${1:-} in
    packages)
        apt-get update
        apt-get install --yes --no-install-recommends busybox-static ca-certificates gstreamer1.0-nice \
            gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
            gstreamer1.0-tools
        ;;
    collect)
        program=$2 image=$3
        # A file of this system, at its place in the image. /lib is a link to /usr/lib on both.
        add() { install -D -T "$1" "$image$(realpath "$(dirname "$1")")/$(basename "$1")"; }
        multiarch=$(dirname "$(find /usr/lib -name libc.so.6 -print -quit)")
        sources=("$(command -v "$program")")
        # libsrtp encrypts by NSS, which loads these by name.
        sources+=("$multiarch"/lib{freebl,freeblpriv,softokn}3.so)
        for plugin in "${plugins[@]}"; do sources+=("$multiarch/gstreamer-1.0/libgst$plugin.so"); done
        mkdir -p "$image"/{bin,dev,etc,proc,sys,tmp,usr/lib,usr/lib64,recordings}
        ln -s usr/lib "$image/lib"
        ln -s usr/lib64 "$image/lib64"
        # The last one is loaded by name.
        mapfile -t libraries < <(ldd "${sources[@]}" | awk '$3 ~ "^/" { print $3 } $1 ~ "^/.*/ld-" { print $1 }' | sort -u)
        for file in "${sources[@]}" "${libraries[@]}" "$multiarch/libgcc_s.so.1" /etc/ssl/certs/ca-certificates.crt; do
            add "$file"
        done
        # A shell for people, and wget for health checks.
        install -T "$(command -v busybox)" "$image/bin/busybox"
        for applet in cat hostname ls ps sh wget; do ln -s busybox "$image/bin/$applet"; done
        echo 'hosts: files dns' >"$image/etc/nsswitch.conf"
        echo 'overshoot:x:1000:1000::/tmp:/bin/sh' >"$image/etc/passwd"
        echo 'overshoot:x:1000:' >"$image/etc/group"
        chmod 1777 "$image/tmp"
        # A new volume that is mounted here gets the owner of this folder.
        chown 1000:1000 "$image/recordings"
        # The list of plugins, which GStreamer would otherwise make at each start. GST_REGISTRY in the Dockerfile names it.
        add "$(command -v gst-inspect-1.0)"
        GST_REGISTRY=/usr/lib/gstreamer-registry.bin GST_REGISTRY_FORK=no chroot "$image" /usr/bin/gst-inspect-1.0 webrtcbin >/dev/null
        rm "$image/usr/bin/gst-inspect-1.0"
        ;;
    *)
        echo "usage: image.sh packages | image.sh collect PROGRAM FOLDER" >&2
        exit 2
        ;;
esac
