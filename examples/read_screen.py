#!/usr/bin/env python3
"""Reads what is on the screen (X11), and prints it when it changes.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/read_screen.py
"""

from common import answer, launch, play

# The pointer would hide letters. Small print wants every pixel: the size is not reduced, and there are
# bits enough for sharp edges. One picture a second is sent, so that costs little.
PIPELINE = """ximagesrc use-damage=false show-pointer=false ! video/x-raw,framerate=5/1
    ! overshootsink name=ask interval-seconds=1 max-width=0 max-height=0 bitrate=8000000"""

shown = ""


def show(said):
    global shown
    text = answer(said)
    if text is not None and text != shown:
        shown = text
        print(text, end="\n\n", flush=True)


pipeline, ask = launch(PIPELINE)
ask.set_property("prompt", "Read any visible text. Answer with the text only.")
play(pipeline, show)
