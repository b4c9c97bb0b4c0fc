#!/usr/bin/env python3
"""Asks about a video what is typed: each line is a new question, and the end of the input ends it.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/prompts.py                          # a moving test picture
    /usr/bin/python3 examples/prompts.py file:///tmp/video.mp4    # or rtsp://…, https://…
"""

import sys
import threading

from common import GLib, answer, argument, open_, play


def show(said):
    if (text := answer(said)) is not None:
        print(f"{said.get_string('prompt')}: {text}", flush=True)


def typed():
    """The lines that are typed, without empty ones."""
    return (line.strip() for line in sys.stdin if line.strip())


# An answer to the question before is no answer to this one.
pipeline, ask = open_(argument(1), "overshootsink name=ask drop-late-results=true")
print("What do you want to know? A line is a question; Ctrl-D ends it.", file=sys.stderr, flush=True)
questions = typed()
first = next(questions, None)
if first is None:
    sys.exit()
ask.set_property("prompt", first)


def plan(end):
    def read():
        for question in questions:
            ask.set_property("prompt", question)
        GLib.idle_add(end)

    # Reading waits for as long as nothing is typed, so it has a thread of its own.
    threading.Thread(target=read, daemon=True).start()


play(pipeline, show, plan)
