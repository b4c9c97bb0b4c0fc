# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""The remote side of tests with a LiveKit server: tokens, and a subscriber with the official SDK.

    livekit_peer.py token KEY SECRET IDENTITY ROOM SECONDS [GRANT=VALUE ...]
        prints a token that is valid for this time; the grants are those of LiveKit's tokens, such as
        canPublish=false
    livekit_peer.py watch URL TOKEN [IDENTITY]
        joins and subscribes to all video (or only that of the named participant). For each decoded frame it
        writes a line "frame IDENTITY WIDTH HEIGHT" and the luma plane to stdout, and "joined IDENTITY" and
        "left IDENTITY" when a participant joins or leaves

watch reconnects by itself, and ends when stdin closes, so that it cannot outlive the test that started it.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import sys
import time


def token(key, secret, identity, room, seconds, *grants):
    def part(value):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    video = {"room": room, "roomJoin": True}
    for grant in grants:
        name, value = grant.split("=")
        video[name] = json.loads(value)
    now = int(time.time())
    claims = {"iss": key, "sub": identity, "nbf": now - 10, "exp": now + int(float(seconds)), "video": video}
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + part(signature)).decode()


def write(line, plane=b""):
    sys.stdout.buffer.write(line.encode() + b"\n" + plane)
    sys.stdout.buffer.flush()


async def show(identity, track):
    from livekit import rtc

    stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
    async for event in stream:
        frame = event.frame
        luma = bytes(frame.get_plane(0))[: frame.width * frame.height]
        write(f"frame {identity} {frame.width} {frame.height}", luma)


async def closed_stdin():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def watch(url, token, only=None):
    from livekit import rtc

    end = asyncio.create_task(closed_stdin())
    while not end.done():
        room = rtc.Room()
        lost = asyncio.Event()
        tasks = []

        @room.on("participant_connected")
        def joined(participant):
            write(f"joined {participant.identity}")

        @room.on("participant_disconnected")
        def left(participant):
            write(f"left {participant.identity}")

        @room.on("disconnected")
        def disconnected(*_):
            lost.set()

        @room.on("track_subscribed")
        def subscribed(track, _publication, participant):
            if track.kind == rtc.TrackKind.KIND_VIDEO and only in (None, participant.identity):
                tasks.append(asyncio.create_task(show(participant.identity, track)))

        try:
            await room.connect(url, token)
        except rtc.ConnectError:
            await asyncio.wait([end], timeout=0.5)
            continue
        write("watching")
        gone = asyncio.create_task(lost.wait())
        await asyncio.wait([end, gone], return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await room.disconnect()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["token", *rest]:
            print(token(*rest))
        case ["watch", url, given, *only]:
            asyncio.run(watch(url, given, *only))
        case _:
            sys.exit(__doc__)
