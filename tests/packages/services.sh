#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian, as process 1: installs the programs and starts systemd, with a network and cgroups of its own.
# systemd runs services_try.sh as a service. The same package with a newer version is in /tmp/newer.deb.
#     services.sh TOOLS.deb
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

if [[ $1 != --boot ]]; then
    echo 'APT::Install-Recommends "false";' >/etc/apt/apt.conf.d/91test
    quiet apt-get update
    quiet apt-get install --yes systemd gstreamer1.0-tools python3-gi gir1.2-gst-rtsp-server-1.0 curl iproute2 jq procps \
        gstreamer1.0-libav gstreamer1.0-plugins-ugly "$1"
    dpkg-deb --raw-extract "$1" /tmp/newer
    sed -i 's/^Version: .*/&+newer/' /tmp/newer/DEBIAN/control
    quiet dpkg-deb --build /tmp/newer /tmp/newer.deb
    exec unshare --net --cgroup bash "${BASH_SOURCE[0]}" --boot
fi

mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
# As systemd would, if this were no container. Without it, services do not get their credentials.
mount --make-rshared /
# What sets up a machine would set up this one.
find /lib/systemd/system/{sysinit,local-fs,sockets,timers,multi-user}.target.wants -type l -not -name '*journald*' -delete
cat >/etc/systemd/system/try.service <<END
[Service]
Type=oneshot
Environment=HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/bash $here/services_try.sh
StandardOutput=append:/tmp/tried
StandardError=append:/tmp/tried
# How the test ends is how systemd ends.
ExecStopPost=/bin/sh -c 'systemctl exit \$\${EXIT_STATUS:-1}'
END
ip link set lo up
touch /tmp/tried
tail -f /tmp/tried >&2 &
exec env container=test /lib/systemd/systemd --system --unit=try.service --log-target=null
