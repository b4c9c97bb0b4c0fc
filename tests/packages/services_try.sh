#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Run by services.sh, as a service of systemd: the services of overshoot-tools without and with a key.
set -euo pipefail
# shellcheck source=emulator.sh
source "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

# expect STATE UNIT
expect() {
    local state
    state=$(systemctl show --property=ActiveState --value "$2.service")
    [[ $state == "$1" ]] || { systemctl status --no-pager "$2.service" >&2 || true; die "$2 is $state, not $1"; }
}

say "without a key nothing starts"
for unit in overshoot-cameras overshoot-webapp; do
    systemctl start $unit
    expect inactive $unit
done

start_emulator overshoot-emulator
sed -i "s|^OVERSHOOT_API_KEY=.*|OVERSHOOT_API_KEY=any|; s|^#OVERSHOOT_API_URL=.*|OVERSHOOT_API_URL=$url|" /etc/overshoot/*.env
# The command of docs/install.md.
install -m 600 /usr/share/doc/overshoot-tools/examples/cameras.toml /etc/overshoot/cameras.toml
echo "$orange_camera" >/etc/overshoot/cameras.toml

say "the web app"
systemctl enable --now overshoot-webapp
for ((i = 0; i < 100; i++)); do curl -sS http://127.0.0.1:8000/ >/dev/null 2>&1 && break; sleep 0.1; done
ask_webapp
expect active overshoot-webapp

say "the cameras, with recordings"
/usr/bin/python3 "$here/camera.py" &
cat >>/etc/overshoot/cameras.toml <<'END'
[cameras.trigger]
when = "orange"
before-seconds = 1
after-seconds = 1
folder = "."
END
systemctl enable --now overshoot-cameras
expect_orange_from journalctl --no-pager -o cat -u overshoot-cameras
for ((i = 0; i < 100; i++)); do compgen -G '/var/lib/overshoot-cameras/gate-*.mkv' >/dev/null && break; sleep 0.2; done
ls -ln /var/lib/overshoot-cameras/ >&2
compgen -G '/var/lib/overshoot-cameras/gate-*.mkv' >/dev/null || die "there is no recording"
expect active overshoot-cameras

units=(overshoot-cameras overshoot-webapp)
for unit in "${units[@]}"; do
    ps -o user:30,pid,args -C $unit >&2
    [[ $(ps -o user= -C $unit) != root ]] || die "$unit runs as root"
done

say "an upgrade: what runs is the new version, with the old configuration"
declare -A old
for unit in "${units[@]}"; do old[$unit]=$(systemctl show --property=MainPID --value $unit); done
quiet dpkg --install /tmp/newer.deb
for unit in "${units[@]}"; do
    expect active $unit
    [[ $(systemctl show --property=MainPID --value $unit) != "${old[$unit]}" ]] || die "$unit still runs the old version"
done
grep -q '^OVERSHOOT_API_KEY=any$' /etc/overshoot/cameras.env || die "the upgrade lost the key"

say "an upgrade starts nothing that is off"
for unit in "${units[@]}"; do
    systemctl disable --now $unit
    [[ $(systemctl show --property=Result --value $unit) == success ]] || die "$unit did not end in order"
done
quiet dpkg --install /tmp/newer.deb
for unit in "${units[@]}"; do expect inactive $unit; done

say "removing the package stops the services"
systemctl start "${units[@]}"
for unit in "${units[@]}"; do expect active $unit; done
quiet dpkg --remove overshoot-tools
for unit in "${units[@]}"; do
    [[ -z $(ps -o pid= -C $unit) ]] || die "$unit still runs"
done
say "the services work"
