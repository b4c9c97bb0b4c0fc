#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Counts repetitions: down and up again is one. Answers are JSON of a fixed form, and the program keeps the
count across answers.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/repetitions.py file:///tmp/squats.mp4 "What position is the person in?"
"""

import json
import sys

from common import launch_with_source, play, read_answer, read_arguments

SCHEMA = {
    "type": "object",
    "properties": {"position": {"enum": ["up", "down"]}},
    "required": ["position"],
}


class Counter:
    """A model makes mistakes: a position counts only after two equal answers in a row."""

    def __init__(self):
        self.last = None
        self.position = None
        self.repetitions = 0

    def add(self, position):
        """Adds an answer. Returns whether it completes a repetition."""
        agreed, self.last = self.last == position, position
        if not agreed or self.position == position:
            return False
        completed = (self.position, position) == ("down", "up")
        self.position = position
        self.repetitions += completed
        return completed


counter = Counter()


def count(message):
    # "stale": the video has stalled, and the answer is about an old frame.
    if message.has_field("stale") and message.get_value("stale"):
        return
    if (text := read_answer(message)) is None:
        return
    try:
        position = json.loads(text)["position"]
    except (ValueError, KeyError, TypeError) as error:
        print("the answer does not match the schema:", error, file=sys.stderr)
        return
    if counter.add(position):
        time = f"{message.get_value('capture-time') / 1e9:.1f} s" if message.has_field("capture-time") else "?"
        print(f"{counter.repetitions} at {time}", flush=True)


uri, question = read_arguments("[URI [QUESTION]]", 0, 2)
pipeline, sink = launch_with_source(uri, "overshootsink name=sink interval-seconds=0.2")
sink.set_property("prompt", question or "Is the moving thing up or down?")
sink.set_property("output-schema", json.dumps(SCHEMA))
play(pipeline, count)
print("repetitions:", counter.repetitions)
