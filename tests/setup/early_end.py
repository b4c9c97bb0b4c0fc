# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""A program that ends early and leaves its elements behind (tests/it/early_ends.rs):

    early_end.py HOW MILLISECONDS PIPELINE

It starts the pipeline, and ends with status 7 after that time. HOW: "main" ends the main program, "error" by an
exception, "answer" with a handler of the signal `result`, "notify" with one of a property, "bus" with one of messages as
they are posted, "pad" with a reader of answers, "fork" also in a forked process, "prompt" without having started the
pipeline.
"""

import os
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 (the version must be set first)

STATUS = 7
how, wait, description = sys.argv[1], int(sys.argv[2]) / 1000, sys.argv[3]
Gst.init(None)
pipeline = Gst.parse_launch(description)
sink = pipeline.get_by_name("o")
sink.set_property("prompt", "What do you see?")
if how == "answer":
    sink.connect("result", lambda sink, result: None)
if how == "notify":
    sink.connect("notify::last-result", lambda sink, property: None)
if how == "bus":
    pipeline.get_bus().enable_sync_message_emission()
    pipeline.get_bus().connect("sync-message", lambda bus, message: None)
if how == "pad":
    reader = Gst.ElementFactory.make("appsink")
    reader.set_property("sync", False)
    reader.set_property("emit-signals", True)
    reader.connect("new-sample", lambda reader: Gst.FlowReturn.OK)
    pipeline.add(reader)
    sink.link_pads("json_src", reader, "sink")
if how != "prompt":
    pipeline.set_state(Gst.State.PLAYING)
time.sleep(wait)
if how == "fork":
    child = os.fork()
    if child and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != STATUS:
        sys.exit(1)
sys.exit(STATUS)
