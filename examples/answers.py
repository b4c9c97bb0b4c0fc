#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Prints each answer about a video and changes the prompt half-way. It ends cleanly at the end of the video,
after some seconds, or at Ctrl-C.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/answers.py                         # a moving test picture, 10 seconds
    /usr/bin/python3 examples/answers.py 60 file:///tmp/video.mp4   # or rtsp://…, https://…
"""

from common import GLib, launch_with_source, play, read_answer, read_arguments, seconds

FIRST_PROMPT = "What do you see?"
SECOND_PROMPT = "What moves, and where to?"


def show(message):
    """Prints the messages of the element."""
    if (text := read_answer(message)) is not None:
        print(text, flush=True)
    elif message.get_name() == "overshoot-prompt":
        print("now asking:", message.get_string("prompt"), flush=True)
    elif message.get_name() == "overshoot-state":
        print(" ".join(filter(None, map(message.get_string, ("state", "reason")))), flush=True)


time, uri = read_arguments("[SECONDS [URI]]", 0, 2)
time = seconds(time, 10)
pipeline, sink = launch_with_source(uri, "overshootsink name=sink")
sink.set_property("prompt", FIRST_PROMPT)


def plan(end):
    GLib.timeout_add(int(time * 500), sink.set_property, "prompt", SECOND_PROMPT)
    GLib.timeout_add(int(time * 1000), end)


play(pipeline, show, plan)
