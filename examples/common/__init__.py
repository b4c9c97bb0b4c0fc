"""What the programs share: a pipeline from its description, and its way to a good end."""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 (the version comes first)

try:
    from gi.repository.GLibUnix import signal_add as on_signal
except ImportError:  # PyGObject before 3.52
    on_signal = GLib.unix_signal_add

# Seconds that the last answers are waited for. A camera that never came up passes no end on.
PATIENCE = 10


def launch(description):
    """A pipeline in the language of gst-launch-1.0, and the element in it that is named `ask`."""
    Gst.init(None)
    pipeline = Gst.parse_launch(description)
    return pipeline, pipeline.get_by_name("ask")


def open_(uri, description):
    """The same with a source before it: what is behind a URI (file://, rtsp://, https://), or else a
    moving test picture."""
    if uri is None:
        return launch(f"videotestsrc is-live=true pattern=ball ! {description}")
    pipeline, ask = launch(f"uridecodebin name=source ! {description}")
    pipeline.get_by_name("source").set_property("uri", uri)
    return pipeline, ask


def play(pipeline, told, plan=lambda end: None):
    """Plays until the end of the video or Ctrl-C, or until `end` is called, which `plan` is given at
    the start; the last answers are still waited for. `told` gets what the elements say."""
    loop = GLib.MainLoop()
    errors = []
    ending = False

    def on_message(_bus, message):
        if message.type == Gst.MessageType.ELEMENT:
            told(message.get_structure())
        elif message.type == Gst.MessageType.WARNING:
            print("warning:", message.parse_warning()[0].message, file=sys.stderr)
        elif message.type == Gst.MessageType.ERROR:
            errors.append(message.parse_error()[0].message)
            loop.quit()
        elif message.type == Gst.MessageType.EOS:
            # The last answer is here, and the stream at the service is deleted.
            loop.quit()

    def end():
        nonlocal ending
        if not ending:
            ending = True
            # Not just the state is changed: so the last answers still come.
            pipeline.send_event(Gst.Event.new_eos())
            GLib.timeout_add_seconds(PATIENCE, loop.quit)

    def interrupt():
        # A second time: at once.
        loop.quit() if ending else end()
        return GLib.SOURCE_CONTINUE

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    on_signal(GLib.PRIORITY_DEFAULT, signal.SIGINT, interrupt)
    plan(end)

    # Where it does not start, the bus says why.
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if errors:
        sys.exit(f"error: {errors[0]}")


def answer(said):
    """The answer, if that is what is said. Why there is none goes to stderr."""
    if said.get_name() != "overshoot-result":
        return None
    if said.has_field("ok") and not said.get_value("ok"):
        print("no answer:", said.get_string("error"), file=sys.stderr)
        return None
    return said.get_string("result")


def argument(number, default=None):
    """An argument of the command line."""
    return sys.argv[number] if number < len(sys.argv) else default
