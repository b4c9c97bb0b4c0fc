#!/usr/bin/env python3
"""An application of its own that asks about video and uses the answers. It prints each one, asks
something else half-way through, and ends in order: at the end of the video, after some seconds, or
at Ctrl-C. It needs python3-gi and gir1.2-gstreamer-1.0.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/answers.py                         # a moving test picture, 10 seconds
    /usr/bin/python3 examples/answers.py 60 file:///tmp/video.mp4   # or rtsp://…, https://…
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 (the version comes first)

try:
    from gi.repository.GLibUnix import signal_add as on_signal
except ImportError:  # PyGObject before 3.52
    on_signal = GLib.unix_signal_add

FIRST = "What do you see?"
THEN = "What moves, and where to?"


def show(said):
    """Prints what the element says."""
    name = said.get_name()
    if name == "overshoot-result":
        if said.has_field("ok") and not said.get_value("ok"):
            print("no answer:", said.get_string("error"), flush=True)
        else:
            print(said.get_string("result"), flush=True)
    elif name == "overshoot-prompt":
        print("now asking:", said.get_string("prompt"), flush=True)
    elif name == "overshoot-state":
        print(" ".join(filter(None, map(said.get_string, ("state", "reason")))), flush=True)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    source = "videotestsrc is-live=true pattern=ball"
    if len(sys.argv) > 2:
        source = "uridecodebin name=source"
    Gst.init(None)
    pipeline = Gst.parse_launch(f"{source} ! overshootsink name=ask")
    ask = pipeline.get_by_name("ask")
    ask.set_property("prompt", FIRST)
    if len(sys.argv) > 2:
        pipeline.get_by_name("source").set_property("uri", sys.argv[2])

    loop = GLib.MainLoop()
    errors = []

    def on_message(_bus, message):
        if message.type == Gst.MessageType.ELEMENT:
            show(message.get_structure())
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", message.parse_warning()[0].message, file=sys.stderr)
        elif message.type == Gst.MessageType.ERROR:
            errors.append(message.parse_error()[0].message)
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            # The last answer is here, and the stream at the service is deleted.
            loop.quit()

    def end():
        # Not just the state is changed: so the last answers still come.
        pipeline.send_event(Gst.Event.new_eos())
        # A camera that never came up does not pass it on.
        GLib.timeout_add_seconds(10, loop.quit)
        return GLib.SOURCE_CONTINUE

    def ask_something_else():
        ask.set_property("prompt", THEN)
        return GLib.SOURCE_REMOVE

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    on_signal(GLib.PRIORITY_DEFAULT, signal.SIGINT, end)
    GLib.timeout_add(int(seconds * 1000), lambda: not end())
    GLib.timeout_add(int(seconds * 500), ask_something_else)

    # Where it does not start, the bus says why.
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if errors:
        sys.exit(f"error: {errors[0]}")


main()
