# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Helpers of the small programs: they make a pipeline from its description, and play it to a clean end."""

import math
import signal
import sys
from pathlib import Path

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst
except (ImportError, ValueError) as error:
    sys.exit(
        f"error: this Python has no GStreamer ({error}). Install it (Debian: python3-gi, gir1.2-gstreamer-1.0), "
        "and start the program with /usr/bin/python3"
    )

try:
    gi.require_version("GLibUnix", "2.0")
    from gi.repository.GLibUnix import signal_add as on_signal
except (ImportError, ValueError):  # GLib before 2.80
    on_signal = GLib.unix_signal_add

# How long to wait for the last answers. A camera that never connected does not pass EOS on.
LAST_ANSWERS_SECONDS = 10


# Until a pipeline plays, Ctrl-C just ends the program.
signal.signal(signal.SIGINT, signal.SIG_DFL)


def launch(description):
    """Makes a pipeline from a description in the syntax of gst-launch-1.0. Returns it and its element named `sink`."""
    Gst.init(None)
    if Gst.ElementFactory.find("overshootsink") is None:
        sys.exit(
            "error: GStreamer does not find overshootsink. Build it (cargo build --release --locked) and set "
            "GST_PLUGIN_PATH to the folder of the library (export GST_PLUGIN_PATH=$PWD/target/release)"
        )
    try:
        pipeline = Gst.parse_launch(description)
    except GLib.Error as error:
        advice = ""
        if error.matches(Gst.ParseError.quark(), Gst.ParseError.NO_SUCH_ELEMENT):
            advice = '. Install the packages that README.md lists under "Install"'
        sys.exit(f"error: GStreamer says: {error.message}{advice}")
    return pipeline, pipeline.get_by_name("sink")


def launch_with_source(uri, description):
    """Makes a pipeline with a source before the description: a URI (file://, rtsp://, https://), or else a moving
    test picture."""
    if uri is not None and not all(uri.partition("://")):
        address = Path(uri).resolve()
        sys.exit(
            f"error: {uri!r} is a path: write {address.as_uri()}"
            if address.exists()
            else f"error: {uri!r} is no address of a video: write file:///path, rtsp://… or https://…"
        )
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


def read_arguments(usage, least, most):
    """The command-line arguments, and None for those that are left out. `usage`: what to write."""
    arguments = sys.argv[1:]
    program = Path(sys.argv[0]).name
    if "-h" in arguments or "--help" in arguments:
        print(f"usage: {program} {usage}".rstrip())
        sys.exit()
    if not least <= len(arguments) <= most:
        sys.exit(f"error: {len(arguments)} arguments, but it takes {least} to {most}. Usage: {program} {usage}".rstrip())
    return arguments + [None] * (most - len(arguments))


def seconds(text, default):
    """A number of seconds, more than 0 and at most a day."""
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 86400:
        sys.exit(f"error: {text!r} is no number of seconds: write one such as {default}")
    return number
