#!/usr/bin/env python3
"""Records video in pieces, and notes what was answered about it: in which file, and how
many seconds into it. Whatever happens to the network, the key or the service, it records on.
The video is encoded once, for the files and for the service.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/recorder.py /tmp/recordings           # a moving test picture, in pieces of 60 s
    /usr/bin/python3 examples/recorder.py /tmp/recordings 600 rtsp://camera.example/stream "Who comes?"
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from common import Gst, answer, argument, open_, play

# A piece that was cut off by a loss of power still plays as Matroska, and so do all others.
PIPELINE = """videoconvert ! video/x-raw,format=I420
    ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse ! tee name=t
    t. ! queue ! splitmuxsink name=files muxer="matroskamux offset-to-zero=true"
    t. ! queue ! overshootsink name=ask on-error=warn delay-seconds=1"""

if argument(1) is None:
    sys.exit("error: give a folder to record into")
folder = Path(argument(1))
folder.mkdir(parents=True, exist_ok=True)
# What was recorded before is not written over.
pattern = folder / f"{datetime.now():%Y%m%d-%H%M%S}-%05d.mkv"
pipeline, ask = open_(argument(3), PIPELINE)
ask.set_property("prompt", argument(4, "What happens?"))
files = pipeline.get_by_name("files")
files.set_property("max-size-time", int(argument(2, "60")) * Gst.SECOND)
files.set_property("location", str(pattern))

# Which piece began when.
pieces = []


def note(said):
    if said.get_name() == "splitmuxsink-fragment-opened":
        pieces.append((said.get_value("running-time"), Path(said.get_string("location")).name))
    if (text := answer(said)) is None:
        return
    # Of the picture, not of the answer: that may come when the next piece has begun.
    time = said.get_value("capture-time")
    began, piece = max(piece for piece in pieces if piece[0] <= time)
    line = {"file": piece, "seconds": round((time - began) / 1e9, 3), "answer": text}
    try:
        with open(folder / "answers.jsonl", "a", encoding="utf-8") as notes:
            print(json.dumps(line, ensure_ascii=False), file=notes)
    except OSError as error:
        # A full disk is told, and does not end the recording of what still fits.
        print("warning:", error, file=sys.stderr)


play(pipeline, note)
