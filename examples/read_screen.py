#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Reads the text on the screen (X11) and prints it when it changes.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/read_screen.py
"""

from common import launch, play, read_answer, read_arguments

# The pointer would hide letters. Small print needs every pixel, so the size is not reduced and the bitrate is high
# enough for sharp edges. This costs little, because only one frame per second is sent.
PIPELINE = """ximagesrc use-damage=false show-pointer=false ! video/x-raw,framerate=5/1
    ! overshootsink name=sink interval-seconds=1 max-width=0 max-height=0 bitrate=8000000"""

shown = ""


def show(message):
    global shown
    text = read_answer(message)
    if text is not None and text != shown:
        shown = text
        print(text, end="\n\n", flush=True)


read_arguments("", 0, 0)
pipeline, sink = launch(PIPELINE)
sink.set_property("prompt", "Read any visible text. Answer with the text only.")
play(pipeline, show)
