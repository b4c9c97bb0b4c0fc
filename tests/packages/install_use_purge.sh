#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian: installs the packages, uses what they bring, and purges them.
#     install_use_purge.sh PLUGIN.deb TOOLS.deb
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=("$@")

# What an installation leaves behind must not count what others write.
files() {
    find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /var/log -o -path /var/lib/apt -o -path /var/cache \
        -o -path /var/lib/dpkg/info -o -path /root/.cache \) -prune -o -print | grep -v '^/var/lib/dpkg/' | LC_ALL=C sort
}

say "installing what the packages depend on"
quiet apt-get update
for package in "${packages[@]}"; do
    quiet apt-get satisfy --yes --no-install-recommends "$(dpkg-deb -f "$package" Depends)"
done
quiet apt-get install --yes --no-install-recommends gstreamer1.0-tools systemd lintian appstream
files >/tmp/before

say "lintian"
# Neither package was ever in Debian.
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "${packages[@]}" >&2

say "installing, without the recommended packages"
quiet apt-get install --yes --no-install-recommends "${packages[@]}"
gst-inspect-1.0 overshootsink >/tmp/inspect
grep -q 'Sink/Network/WebRTC' /tmp/inspect
grep -q "^  Filename *$(dirname "$(gst-inspect-1.0 coreelements | awk '$1 == "Filename" { print $2 }')")/libgstovershoot.so" /tmp/inspect
gst-inspect-1.0 overshootfilter >/dev/null
appstreamcli validate --no-net /usr/share/metainfo/ai.overshoot.gst_plugin_overshoot.metainfo.xml >/dev/null
for file in README.md docs/pipelines.md third-party.gz copyright; do
    [[ -s /usr/share/doc/gstreamer1.0-overshoot/$file ]] || die "the documentation lacks $file"
done

for page in "$repo"/examples/*/man/*.1; do
    [[ -s /usr/share/man/man1/${page##*/}.gz ]] || die "the manual page ${page##*/} is not installed"
done

say "one answer"
start_emulator overshoot-emulator
ask gst-launch-1.0 -q

say "the programs"
# It is read before the program may have started.
touch /tmp/webapp
BACKEND_PORT=0 setpriv --reuid=65534 --clear-groups overshoot-webapp >/tmp/webapp 2>&1 &
webapp=$!
for ((i = 0; i < 300; i++)); do
    port=$(sed -n 's|^listening on http://127.0.0.1:||p' /tmp/webapp)
    [[ -z $port ]] || break
    sleep 0.1
done
exec 3<>"/dev/tcp/127.0.0.1/${port:-0}"
printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
grep -q '"service":"overshoot"' <&3 || die "the web app does not answer: $(cat /tmp/webapp)"
exec 3<&-
kill "$webapp"
wait "$webapp" || die "the web app did not end in order: $(cat /tmp/webapp)"
overshoot-cameras --version >&2
cp /usr/share/doc/overshoot-tools/examples/cameras.toml /tmp/cameras.toml
timeout --preserve-status 5 overshoot-cameras run --no-table /tmp/cameras.toml >/tmp/cameras 2>&1 \
    || { cat /tmp/cameras >&2; die "overshoot-cameras failed"; }

say "the services: off, and closed"
for unit in overshoot-cameras overshoot-webapp; do
    state=$(systemctl is-enabled $unit.service) || true
    [[ $state == disabled ]] || die "$unit.service is $state"
    systemd-analyze verify /lib/systemd/system/$unit.service 2>&1 | { ! grep $unit >&2; } \
        || die "$unit.service has mistakes (see above)"
    # Out of 100. Below 15 what is left is the network.
    systemd-analyze security --offline=true --threshold=15 $unit.service | tail -n 1 >&2
done
for file in cameras webapp; do
    [[ $(stat -c '%a %U' /etc/overshoot/$file.env) == '600 root' ]] || die "others can read /etc/overshoot/$file.env"
done

say "purging"
kill "$emulator"
wait "$emulator" || die "the emulator did not end in order: $(cat "$emulator_log")"
trap - EXIT
quiet dpkg --purge gstreamer1.0-overshoot overshoot-tools
files | diff /tmp/before - >&2 || die "purging leaves files behind (see above)"
