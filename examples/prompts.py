#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Asks typed questions about a video. Each line is a new question, and the end of the input ends the program.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/prompts.py                          # a moving test picture
    /usr/bin/python3 examples/prompts.py file:///tmp/video.mp4    # or rtsp://…, https://…
"""

import sys
import threading

from common import GLib, launch_with_source, play, read_answer, read_arguments


def show(message):
    if (text := read_answer(message)) is not None:
        print(f"{message.get_string('prompt')}: {text}", flush=True)


def read_questions():
    """The typed lines, without empty ones."""
    return (line.strip() for line in sys.stdin if line.strip())


# Answers to an earlier question are dropped.
(uri,) = read_arguments("[URI]", 0, 1)
pipeline, sink = launch_with_source(uri, "overshootsink name=sink drop-late-results=true")
print("What do you want to know? Each line is a question. Ctrl-D ends the program.", file=sys.stderr, flush=True)
questions = read_questions()
first = next(questions, None)
if first is None:
    sys.exit()
sink.set_property("prompt", first)


def plan(end):
    def read():
        for question in questions:
            sink.set_property("prompt", question)
        GLib.idle_add(end)

    # Reading blocks, so it has its own thread.
    threading.Thread(target=read, daemon=True).start()


play(pipeline, show, plan)
