#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# In a fresh Debian with Rust: runs the commands of README.md's section "Install" in a copy of the sources.
#     readme.sh SOURCES
set -euo pipefail
say() { echo "==> $*" >&2; }
sources=$1
commands=$(sed -n '/^## Install$/,/^## Six/p' "$sources/README.md" | sed -n '/^```console$/,/^```$/{//!p}')
[[ $commands == *"apt-get install"*"cargo build"*gst-inspect* ]] || { echo "ERROR: README.md has other commands" >&2; exit 1; }

# Nobody answers questions here.
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/91yes
apt-get update >/dev/null
cd "$sources"
say "$commands"
bash -euo pipefail -c "$commands" >/tmp/out 2>/tmp/err || { tail -n 30 /tmp/out /tmp/err >&2; exit 1; }
grep -q 'Filename *.*/target/release/libgstovershoot.so' /tmp/out || { tail -n 30 /tmp/out >&2; exit 1; }
grep -m 1 '^ *Version ' /tmp/out >&2
