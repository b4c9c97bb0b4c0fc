#!/usr/bin/env python3
"""Counts repetitions: what goes up, down, and up again has done one. Answers have a fixed form, and
what they mean together is kept here.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/repetitions.py file:///tmp/squats.mp4 "What position is the person in?"
"""

import json
import sys

from common import answer, argument, open_, play

SCHEMA = {
    "type": "object",
    "properties": {"position": {"enum": ["up", "down"]}},
    "required": ["position"],
}


class Counter:
    """A model errs now and then: a position counts once two answers in a row agree."""

    def __init__(self):
        self.last = None
        self.position = None
        self.repetitions = 0

    def see(self, position):
        """Whether that completes a repetition."""
        agreed, self.last = self.last == position, position
        if not agreed or self.position == position:
            return False
        completed = (self.position, position) == ("down", "up")
        self.position = position
        self.repetitions += completed
        return completed


counter = Counter()


def count(said):
    # "stale": the camera stalls, and the picture is an old one.
    if said.has_field("stale") and said.get_value("stale"):
        return
    if (text := answer(said)) is None:
        return
    try:
        position = json.loads(text)["position"]
    except (ValueError, KeyError, TypeError) as error:
        print("not of the form that was asked for:", error, file=sys.stderr)
        return
    if counter.see(position):
        time = f"{said.get_value('capture-time') / 1e9:.1f} s" if said.has_field("capture-time") else "?"
        print(f"{counter.repetitions} at {time}", flush=True)


pipeline, ask = open_(argument(1), "overshootsink name=ask interval-seconds=0.2")
ask.set_property("prompt", argument(2, "Is the moving thing up or down?"))
ask.set_property("output-schema", json.dumps(SCHEMA))
play(pipeline, count)
print("repetitions:", counter.repetitions)
