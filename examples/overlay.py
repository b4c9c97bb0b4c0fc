#!/usr/bin/env python3
"""Shows a video in a window, with the newest answer written over it. The picture does not wait for
answers.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/overlay.py                          # a moving test picture
    /usr/bin/python3 examples/overlay.py file:///tmp/video.mp4 "What happens?"
"""

from common import answer, argument, open_, play

# The queues let each branch run by itself.
PIPELINE = """videoconvert ! tee name=t
    t. ! queue ! textoverlay name=text valignment=bottom shaded-background=true
        font-desc="Sans 18" ! videoconvert ! autovideosink
    t. ! queue ! overshootsink name=ask"""

pipeline, ask = open_(argument(1), PIPELINE)
ask.set_property("prompt", argument(2, "What do you see?"))
overlay = pipeline.get_by_name("text")


def show(said):
    if (text := answer(said)) is not None:
        overlay.set_property("text", text)
    elif said.get_name() == "overshoot-state" and said.get_string("state") != "streaming":
        overlay.set_property("text", f"({said.get_string('state')})")


play(pipeline, show)
