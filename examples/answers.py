#!/usr/bin/env python3
"""Prints each answer about a video, asks something else half-way through, and ends in order: at the
end of the video, after some seconds, or at Ctrl-C.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/answers.py                         # a moving test picture, 10 seconds
    /usr/bin/python3 examples/answers.py 60 file:///tmp/video.mp4   # or rtsp://…, https://…
"""

from common import GLib, answer, argument, open_, play

FIRST = "What do you see?"
THEN = "What moves, and where to?"


def show(said):
    """Prints what the element says."""
    if (text := answer(said)) is not None:
        print(text, flush=True)
    elif said.get_name() == "overshoot-prompt":
        print("now asking:", said.get_string("prompt"), flush=True)
    elif said.get_name() == "overshoot-state":
        print(" ".join(filter(None, map(said.get_string, ("state", "reason")))), flush=True)


seconds = float(argument(1, "10"))
pipeline, ask = open_(argument(2), "overshootsink name=ask")
ask.set_property("prompt", FIRST)


def plan(end):
    GLib.timeout_add(int(seconds * 500), ask.set_property, "prompt", THEN)
    GLib.timeout_add(int(seconds * 1000), end)


play(pipeline, show, plan)
