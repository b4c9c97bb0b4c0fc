# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""A minimal v0.2 service whose WebRTC stack is aiortc, the third stack in the tests of the element.

aiortc supports only ECDSA cipher suites, does not use trickle ICE, and decodes with FFmpeg. This server is
not an emulator: it supports one stream after another, one result per second, and the route cookie:

- POST /v0.2/streams answers the offer and sets the cookie media-gateway-route; every later call
  and the WebSocket get 404 without it.
- POST .../keepalive renews a lease that never ends; PATCH .../config/prompt changes the prompt.
- The WebSocket expects {"api_key": ...} first, then sends one result per second: "<n> frames <W>x<H>".
- DELETE closes the peer connection and prints "deleted <id> after <n> frames".

The first line on stdout is "listening on http://127.0.0.1:PORT/v0.2"; connection states follow on
stderr. Ends on SIGTERM or SIGINT; with --exit-with-stdin also when stdin closes, so that it cannot
outlive the test that started it.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import signal
import sys
import time
import uuid

from aiohttp import WSCloseCode, WSMsgType, web
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

ROUTE_COOKIE = "media-gateway-route"
LEASE_SECONDS = 30
RESULT_EVERY_SECONDS = 1.0


def say(line):
    print(line, flush=True)


def log(line):
    print(line, file=sys.stderr, flush=True)


def error(status, name, message):
    return web.json_response({"error": name, "message": message, "request_id": str(uuid.uuid4())}, status=status)


class Stream:
    """One stream: counts the frames that arrive, and reports the count once a second."""

    def __init__(self, body):
        self.id = str(uuid.uuid4())
        self.route = secrets.token_hex(8)
        self.mode = body["mode"]
        self.inference = body["inference"]
        self.frames = 0
        self.size = "0x0"
        self.peer = RTCPeerConnection()
        self.counting = None
        self.sockets = set()

        @self.peer.on("track")
        def on_track(track):
            if track.kind == "video":
                self.counting = asyncio.create_task(self.count(track))

        @self.peer.on("connectionstatechange")
        def on_state():
            log(f"{self.id} {self.peer.connectionState}")

    async def answer(self, sdp):
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="offer"))
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return {"type": "answer", "sdp": self.peer.localDescription.sdp}

    async def count(self, track):
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                self.frames += 1
                self.size = f"{frame.width}x{frame.height}"

    def result(self):
        return {
            "id": str(uuid.uuid4()),
            "stream_id": self.id,
            "mode": self.mode,
            "model_backend": self.inference.get("backend", "overshoot"),
            "model_name": self.inference.get("model", "aiortc"),
            "prompt": self.inference["prompt"],
            "result": f"{self.frames} frames {self.size}",
            "inference_latency_ms": 1.0,
            "total_latency_ms": 2.0,
            "ok": True,
            "error": None,
            "finish_reason": "stop",
        }

    async def close(self):
        for socket in list(self.sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"stream ended: client_requested")
        if self.counting:
            self.counting.cancel()
        await self.peer.close()


class Service:
    def __init__(self):
        self.streams = {}

    def routes(self):
        return [
            web.get("/v0.2/healthz", self.health),
            web.post("/v0.2/streams", self.create),
            web.post("/v0.2/streams/{id}/keepalive", self.keepalive),
            web.patch("/v0.2/streams/{id}/config/prompt", self.prompt),
            web.delete("/v0.2/streams/{id}", self.delete),
            web.get("/v0.2/ws/streams/{id}", self.results),
        ]

    def find(self, request):
        """The stream of this call, if the call has the cookie from the creation of the stream."""
        stream = self.streams.get(request.match_info["id"])
        if stream is None or request.cookies.get(ROUTE_COOKIE) != stream.route:
            return None
        return stream

    async def health(self, _request):
        return web.json_response({"status": "ok"})

    async def create(self, request):
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return error(401, "unauthorized", "no API key")
        try:
            body = await request.json()
            stream = Stream(body)
            if body["source"]["type"] != "webrtc":
                raise ValueError("this server supports only sources of the type webrtc")
            answer = await stream.answer(body["source"]["sdp"])
        except (KeyError, TypeError, ValueError) as reason:
            return error(422, "validation_error", repr(reason))
        self.streams[stream.id] = stream
        response = web.json_response(
            {"stream_id": stream.id, "webrtc": answer, "lease": {"ttl_seconds": LEASE_SECONDS}}, status=201
        )
        response.set_cookie(ROUTE_COOKIE, stream.route, path="/", httponly=True)
        return response

    async def keepalive(self, request):
        stream = self.find(request)
        if stream is None:
            return error(404, "not_found", "no such stream here")
        return web.json_response({"status": "ok", "stream_id": stream.id, "ttl_seconds": LEASE_SECONDS})

    async def prompt(self, request):
        stream = self.find(request)
        if stream is None:
            return error(404, "not_found", "no such stream here")
        stream.inference["prompt"] = (await request.json())["prompt"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return web.json_response(
            {
                "id": str(uuid.uuid4()),
                "stream_id": stream.id,
                "prompt": stream.inference["prompt"],
                "backend": stream.inference.get("backend", "overshoot"),
                "model": stream.inference.get("model", "aiortc"),
                "output_schema_json": None,
                "created_at": now,
                "updated_at": now,
            }
        )

    async def delete(self, request):
        stream = self.find(request)
        if stream is None:
            return error(404, "not_found", "no such stream here")
        del self.streams[stream.id]
        await stream.close()
        say(f"deleted {stream.id} after {stream.frames} frames")
        return web.json_response({"status": "ok"})

    async def results(self, request):
        stream = self.find(request)
        if stream is None:
            return error(404, "not_found", "no such stream here")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        first = await socket.receive()
        try:
            allowed = first.type is WSMsgType.TEXT and bool(json.loads(first.data)["api_key"])
        except (KeyError, TypeError, ValueError):
            allowed = False
        if not allowed:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"invalid api key")
            return socket

        stream.sockets.add(socket)
        sending = asyncio.create_task(self.send_results(stream, socket))
        try:
            # Reading answers pings and notices the close.
            async for _message in socket:
                pass
        finally:
            sending.cancel()
            stream.sockets.discard(socket)
        return socket

    async def send_results(self, stream, socket):
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                await asyncio.sleep(RESULT_EVERY_SECONDS)
                await socket.send_json(stream.result())

    async def close(self):
        for stream in self.streams.values():
            await stream.close()


async def closed_stdin():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when stdin closes")
    arguments = parser.parse_args()

    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    service = Service()
    application = web.Application()
    application.add_routes(service.routes())
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=1)
    await site.start()
    port = runner.addresses[0][1]
    say(f"listening on http://127.0.0.1:{port}/v0.2")

    ends = [asyncio.create_task(stop.wait())]
    if arguments.exit_with_stdin:
        ends.append(asyncio.create_task(closed_stdin()))
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await service.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
