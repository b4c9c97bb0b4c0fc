#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Shows a video in a window with the newest answer over it. The video never waits for answers.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/overlay.py                          # a moving test picture
    /usr/bin/python3 examples/overlay.py file:///tmp/video.mp4 "What happens?"
"""

from common import launch_with_source, play, read_answer, read_arguments

# With the queues, the branches do not wait for each other.
PIPELINE = """videoconvert ! tee name=t
    t. ! queue ! textoverlay name=text valignment=bottom shaded-background=true
        font-desc="Sans 18" ! videoconvert ! autovideosink
    t. ! queue ! overshootsink name=sink"""

uri, question = read_arguments("[URI [QUESTION]]", 0, 2)
pipeline, sink = launch_with_source(uri, PIPELINE)
sink.set_property("prompt", question or "What do you see?")
overlay = pipeline.get_by_name("text")


def show(message):
    if (text := read_answer(message)) is not None:
        overlay.set_property("text", text)
    elif message.get_name() == "overshoot-state" and message.get_string("state") != "streaming":
        overlay.set_property("text", f"({message.get_string('state')})")


play(pipeline, show)
