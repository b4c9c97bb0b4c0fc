#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Runs the tests on the GStreamer of another Debian release, in a folder with that release. It needs root, debootstrap
# and a Debian mirror. The arguments after the release go to tests/run.sh:
#     bash tests/newer-gstreamer.sh trixie                            all tests, on 1.26
#     bash tests/newer-gstreamer.sh sid --test session --test live    two files of tests, on 1.28
# The folder stays in OVERSHOOT_TEST_CACHE (default ~/.cache/overshootsink), so that a second run is quick. To start
# again, remove debian-RELEASE there.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
# shellcheck source=../scripts/debian-tree.sh
source "$repo/scripts/debian-tree.sh"
# shellcheck source=setup/livekit.sh
source "$repo/tests/setup/livekit.sh"

suite=${1:?give a Debian release: trixie, sid, …}
shift
check_rust
cache=${OVERSHOOT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/overshootsink}
mkdir -p "$cache"
root=$(cd "$cache" && pwd)/debian-$suite

# Only one run at the same time, because several clones may share the cache.
exec {lock}>"$root.lock"
flock "$lock"

make_tree "$suite" "$root"
# Go is on this system only. The server that it builds runs on both.
make_livekit_server
if [[ -n ${OVERSHOOT_TEST_LIVEKIT:-} ]]; then
    install -D "$OVERSHOOT_TEST_LIVEKIT" "$root/var/cache/overshootsink/livekit/server"
fi

# The Rust of this system, at the same path. The repo is read-only inside.
sysroot=$(rustc --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
inside=(
    HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" CARGO_HOME="$cargo_home"
    PATH="$sysroot/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    OVERSHOOT_TEST_CACHE=/var/cache/overshootsink
)
for name in CARGO_BUILD_JOBS CARGO_INCREMENTAL NEXTEST_PROFILE RUST_BACKTRACE CI http_proxy https_proxy no_proxy; do
    if [[ -n ${!name:-} ]]; then inside+=("$name=${!name}"); fi
done

mkdir -p "$repo/target"
# In its own namespaces: all mounts and processes end with the script, however it ends.
export root repo sysroot cargo_home
# shellcheck disable=SC2016
exec unshare --mount --pid --fork --kill-child bash -c '
    set -euo pipefail
    share() { mkdir -p "$root$2" && mount --rbind "$1" "$root$2"; }
    # `ip netns` needs a / that is a mount point, and a /sys.
    mount --bind "$root" "$root"
    mkdir -p "$root/proc" && mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    share /dev /dev
    share "$sysroot" "$sysroot"
    mkdir -p "$cargo_home"
    share "$cargo_home" "$cargo_home"
    share "$repo" /repo
    mount -o remount,bind,ro "$root/repo"
    # Only the report of the tests is written there.
    mount -t tmpfs tmpfs "$root/repo/target"
    mount -t tmpfs tmpfs "$root/tmp"
    exec chroot "$root" env -i "$@"' \
    bash "${inside[@]}" bash -c '
        set -euo pipefail
        cd /repo
        # All packages; tests/run.sh then finds them installed.
        source scripts/setup.sh
        install_packages "${base_packages[@]}" "${test_packages[@]}"
        gst-inspect-1.0 --version >&2
        exec bash tests/run.sh "$@"' \
    bash "$@"
