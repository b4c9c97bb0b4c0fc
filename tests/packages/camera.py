# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""A camera on rtsp://127.0.0.1:8554/orange."""

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

Gst.init(None)
server = GstRtspServer.RTSPServer(address="127.0.0.1", service="8554")
camera = GstRtspServer.RTSPMediaFactory(shared=True)
camera.set_launch(
    "( videotestsrc is-live=true pattern=solid-color foreground-color=0xffff8000"
    " ! video/x-raw,width=320,height=240,framerate=30/1"
    " ! x264enc tune=zerolatency key-int-max=30 ! video/x-h264,profile=baseline ! rtph264pay name=pay0 )"
)
server.get_mount_points().add_factory("/orange", camera)
server.attach(None)
GLib.MainLoop().run()
