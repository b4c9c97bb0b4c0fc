# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Helpers of the small programs: they make a pipeline from its description, and play it to a clean end."""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 (the version must be set first)

try:
    gi.require_version("GLibUnix", "2.0")
    from gi.repository.GLibUnix import signal_add as on_signal
except (ImportError, ValueError):  # GLib before 2.80
    on_signal = GLib.unix_signal_add

# How long to wait for the last answers. A camera that never connected does not pass EOS on.
LAST_ANSWERS_SECONDS = 10


def launch(description):
    """Makes a pipeline from a description in the syntax of gst-launch-1.0. Returns it and its element named `sink`."""
    Gst.init(None)
    pipeline = Gst.parse_launch(description)
    return pipeline, pipeline.get_by_name("sink")


def launch_with_source(uri, description):
    """Makes a pipeline with a source before the description: a URI (file://, rtsp://, https://), or else a moving
    test picture."""
    if uri is None:
        return launch(f"videotestsrc is-live=true pattern=ball ! {description}")
    pipeline, sink = launch(f"uridecodebin name=source ! {description}")
    pipeline.get_by_name("source").set_property("uri", uri)
    return pipeline, sink


def play(pipeline, on_element_message, plan=lambda end: None):
    """Plays until the video ends, Ctrl-C, or a call of `end`, which `plan` gets at the start. Then it waits for the
    last answers. `on_element_message` gets the messages of the elements."""
    loop = GLib.MainLoop()
    errors = []
    ending = False

    def on_message(_bus, message):
        if message.type == Gst.MessageType.ELEMENT:
            on_element_message(message.get_structure())
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", message.parse_warning()[0].message, file=sys.stderr)
        elif message.type == Gst.MessageType.ERROR:
            errors.append(message.parse_error()[0].message)
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            # The last answer has arrived, and the stream at the service is deleted.
            loop.quit()

    def end():
        nonlocal ending
        if not ending:
            ending = True
            # EOS, and not only a state change, so that the last answers still arrive.
            pipeline.send_event(Gst.Event.new_eos())
            GLib.timeout_add_seconds(LAST_ANSWERS_SECONDS, loop.quit)

    def interrupt():
        # A second Ctrl-C ends it at once.
        loop.quit() if ending else end()
        return GLib.SOURCE_CONTINUE

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    on_signal(GLib.PRIORITY_DEFAULT, signal.SIGINT, interrupt)
    plan(end)

    # If the pipeline does not start, an error on the bus says why.
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if errors:
        sys.exit(f"error: {errors[0]}")


def read_answer(message):
    """The answer, if the message has one. A failed answer is printed to stderr."""
    if message.get_name() != "overshoot-result":
        return None
    if message.has_field("ok") and not message.get_value("ok"):
        print("no answer:", message.get_string("error"), file=sys.stderr)
        return None
    return message.get_string("result")


def argument(number, default=None):
    """A command-line argument, or the default."""
    return sys.argv[number] if number < len(sys.argv) else default
