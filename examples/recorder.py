#!/usr/bin/env python3
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Records video in files of a fixed length, and notes each answer with its file and the second in it. Problems
with the network, the key or the service never stop the recording. The video is encoded once, for the files
and for the service.

    export OVERSHOOT_API_KEY=… GST_PLUGIN_PATH=$PWD/target/release
    /usr/bin/python3 examples/recorder.py /tmp/recordings           # a moving test picture, in files of 60 s
    /usr/bin/python3 examples/recorder.py /tmp/recordings 600 rtsp://camera.example/stream "Who comes?"
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from common import Gst, launch_with_source, play, read_answer, read_arguments, seconds

# In Matroska, a file still plays after a loss of power, even if it is incomplete.
PIPELINE = """videoconvert ! video/x-raw,format=I420
    ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse ! tee name=t
    t. ! queue ! splitmuxsink name=files muxer="matroskamux offset-to-zero=true"
    t. ! queue ! overshootsink name=sink on-error=warn delay-seconds=1"""

folder, length, uri, question = read_arguments("FOLDER [SECONDS [URI [QUESTION]]]", 1, 4)
length = seconds(length, 60)
folder = Path(folder)
try:
    folder.mkdir(parents=True, exist_ok=True)
except OSError as error:
    sys.exit(f"error: {error}: write another folder")
# Earlier recordings are not overwritten.
pattern = folder / f"{datetime.now():%Y%m%d-%H%M%S}-%05d.mkv"
pipeline, sink = launch_with_source(uri, PIPELINE)
sink.set_property("prompt", question or "What happens?")
files = pipeline.get_by_name("files")
files.set_property("max-size-time", int(length * Gst.SECOND))
files.set_property("location", str(pattern))

# The start and the name of each recorded file.
recordings = []


def note(message):
    if message.get_name() == "splitmuxsink-fragment-opened":
        recordings.append((message.get_value("running-time"), Path(message.get_string("location")).name))
    if (text := read_answer(message)) is None:
        return
    # The time of the frame. The answer may come after the next file has begun.
    time = message.get_value("capture-time") if message.has_field("capture-time") else -1
    began, file = max((recording for recording in recordings if recording[0] <= time), default=(0, None))
    if file is None:
        print("warning: the answer is about a frame that was not recorded", file=sys.stderr)
        return
    line = {"file": file, "seconds": round((time - began) / 1e9, 3), "answer": text}
    try:
        with open(folder / "answers.jsonl", "a", encoding="utf-8") as notes:
            print(json.dumps(line, ensure_ascii=False), file=notes)
    except OSError as error:
        # A full disk causes a warning, and the recording continues as far as possible.
        print("warning:", error, file=sys.stderr)


play(pipeline, note)
