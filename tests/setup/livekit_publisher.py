# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Publishes one colour into a LiveKit room with LiveKit's own Python SDK, until stdin is closed.

    livekit_publisher.py [--codec vp8] [--colour RRGGBB] [--dual] [--simulcast] [--size WxH]

The room's URL and its token are the first two lines of stdin, so that the token is not in the process
list. It prints a line for each event: `joined <sid>`, `published <sid>`,
`reconnecting`, `reconnected`, `disconnected <reason>`, `failed <why>`.
"""

import argparse
import asyncio
import sys

from livekit import rtc

RATE = 15


def say(*words):
    print(*words, flush=True)


def frame(colour, width, height):
    pixel = bytes([colour >> 16, colour >> 8 & 0xFF, colour & 0xFF, 255])
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, pixel * (width * height))


async def stdin_line(reader):
    return (await reader.readline()).decode().strip()


async def publish(options, reader):
    url, token = await stdin_line(reader), await stdin_line(reader)
    room = rtc.Room()
    gone = asyncio.Event()
    room.on("reconnecting", lambda: say("reconnecting"))
    room.on("reconnected", lambda: say("reconnected"))

    @room.on("disconnected")
    def disconnected(reason):
        say("disconnected", rtc.DisconnectReason.Name(reason))
        gone.set()

    try:
        await room.connect(url, token, rtc.RoomOptions(single_peer_connection=not options.dual))
    except rtc.ConnectError as error:
        say("failed", error.message)
        return 1
    say("joined", room.local_participant.sid)

    width, height = (int(side) for side in options.size.split("x"))
    source = rtc.VideoSource(width, height)
    track = rtc.LocalVideoTrack.create_video_track("colour", source)
    codec = rtc.VideoCodec.Value(options.codec.upper())
    settings = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA, video_codec=codec, simulcast=options.simulcast
    )
    publication = await room.local_participant.publish_track(track, settings)
    say("published", publication.sid)

    picture = frame(int(options.colour, 16), width, height)
    ended = asyncio.ensure_future(reader.read())
    while not gone.is_set() and not ended.done():
        source.capture_frame(picture)
        await asyncio.wait([ended], timeout=1 / RATE)
    await room.disconnect()
    return 0


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", default="vp8")
    parser.add_argument("--colour", default="ff0000")
    parser.add_argument("--dual", action="store_true", help="use two peer connections, as before /rtc/v1")
    parser.add_argument("--simulcast", action="store_true")
    parser.add_argument("--size", default="320x240")
    options = parser.parse_args()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return await publish(options, reader)


sys.exit(asyncio.run(main()))
