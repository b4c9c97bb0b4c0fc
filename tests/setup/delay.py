# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

"""Delays all packets that a router forwards: delay.py SECONDS DEVICE...

For kernels without netem. A tun device takes the packets that come in from the devices, and returns
them after that time, to be routed on."""

import collections
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

delay, devices = float(sys.argv[1]), sys.argv[2:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"delay", IFF_TUN | IFF_NO_PI))
table = "100"
commands = ["link set delay up txqueuelen 10000", f"route add default dev delay table {table}"]
commands += [f"rule add iif {device} lookup {table}" for device in devices]
for command in commands:
    subprocess.run(["ip", *command.split()], check=True)
print("delaying", flush=True)

waiting = collections.deque()
while True:
    timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    if select.select([tun], [], [], timeout)[0]:
        waiting.append((time.monotonic() + delay, os.read(tun, 65536)))
    while waiting and waiting[0][0] <= time.monotonic():
        os.write(tun, waiting.popleft()[1])
