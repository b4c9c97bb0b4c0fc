#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Builds and tries everything that docs/install.md offers, in fresh folders with Debian. It needs root:
#     bash tests/package.sh                    all parts, one after the other
#     bash tests/package.sh debian images      these parts
#     bash tests/package.sh --list             lists the parts
# Builds and downloads stay in OVERSHOOT_TEST_CACHE (default ~/.cache/overshootsink), so that a second run is quick.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../scripts/setup.sh
source "$here/../scripts/setup.sh"
# shellcheck source=../scripts/debian-tree.sh
source "$repo/scripts/debian-tree.sh"

names=(readme debian one-file cargo-c arm64 images)
declare -A what=(
    [readme]="the commands of README.md's section on installing, on Debian 12 and 13"
    [debian]="the Debian packages: lintian; installed, used and purged on Debian 12 and 13"
    [one-file]="the plugin's file alone, without other plugins of GStreamer, on Debian 12, 13 and unstable"
    [cargo-c]="cargo cinstall, and a C program that contains the plugin"
    [arm64]="the packages for arm64, installed and run by qemu on Debian 12 and 13"
    [images]="the container images: size, and one answer each, without a container runtime"
)
packages=$repo/target/packages
native=$(dpkg --print-architecture)

# fresh SUITE [share=PATH | read=PATH]... -- COMMAND...: runs it in a fresh Debian that is gone at the end.
fresh() {
    local suite=$1
    shift
    make_tree "$suite" "$cache/debian-$suite-base"
    in_tree "$cache/debian-$suite-base" "fresh=$cache/debian-downloads-$suite" "read=$repo" "$@"
}

# find_packages ARCHITECTURE: sets $plugin_package and $tools_package, which scripts/package.sh makes.
find_packages() {
    local version
    version=$(cargo metadata --locked --no-deps --format-version 1 --manifest-path "$repo/Cargo.toml" \
        | jq -r '.packages[] | select(.name == "gst-plugin-overshoot").version')
    plugin_package=$packages/gstreamer1.0-overshoot_${version}_$1.deb
    tools_package=$packages/overshoot-tools_${version}_$1.deb
}

say_sizes() {
    say "sizes in KiB: $(dpkg-deb -f "$plugin_package" Installed-Size) installed and $(($(stat -c %s "$plugin_package") / 1024)) packed," \
        "the tools $(dpkg-deb -f "$tools_package" Installed-Size) and $(($(stat -c %s "$tools_package") / 1024))"
}

part_readme() {
    local suite sysroot cargo_home=${CARGO_HOME:-$HOME/.cargo} sources
    sysroot=$(rustc --print sysroot)
    for suite in bookworm trixie; do
        sources=$(mktemp -d)
        git -C "$repo" archive HEAD | tar -x -C "$sources"
        mkdir -p "$CARGO_TARGET_DIR/readme-$suite"
        ln -s "$CARGO_TARGET_DIR/readme-$suite" "$sources/target"
        say "README.md on Debian $suite"
        fresh "$suite" "read=$sysroot" "share=$cargo_home" "share=$CARGO_TARGET_DIR/readme-$suite" "share=$sources" -- \
            env PATH="$sysroot/bin:/usr/sbin:/usr/bin:/sbin:/bin" CARGO_HOME="$cargo_home" \
            bash "$here/packages/readme.sh" "$sources"
        rm -rf "$sources"
    done
}

part_debian() {
    local suite
    bash "$repo/scripts/package.sh"
    find_packages "$native"
    say_sizes
    for suite in bookworm trixie; do
        say "the packages on Debian $suite"
        fresh "$suite" -- bash "$here/packages/install_use_purge.sh" "$plugin_package" "$tools_package"
        say "the services on Debian $suite, run by systemd"
        fresh "$suite" -- bash "$here/packages/services.sh" "$tools_package"
    done
}

part_one-file() {
    local suite folder
    find_packages "$native"
    [[ -e $tools_package && -e $plugin_package ]] || bash "$repo/scripts/package.sh"
    folder=$(mktemp -d)
    dpkg-deb --fsys-tarfile "$plugin_package" | tar -x -C "$folder" --wildcards --transform 's|.*/||' '*/libgstovershoot.so'
    dpkg-deb --fsys-tarfile "$tools_package" | tar -x -C "$folder" --transform 's|.*/||' ./usr/bin/overshoot-emulator
    for suite in bookworm trixie sid; do
        say "one file on Debian $suite"
        fresh "$suite" "read=$folder" -- bash "$here/packages/one_file.sh" "$folder"
    done
    rm -rf "$folder"
}

part_cargo-c() {
    local sysroot cargo_home=${CARGO_HOME:-$HOME/.cargo} target=$CARGO_TARGET_DIR/cargo-c
    sysroot=$(rustc --print sysroot)
    mkdir -p "$target"
    # Debian 13 has a cargo-c that is new enough. To build it takes longer than to build the plugin.
    find_packages "$native"
    [[ -e $tools_package ]] || bash "$repo/scripts/package.sh"
    fresh trixie "read=$sysroot" "share=$cargo_home" "share=$target" -- \
        env PATH="$sysroot/bin:/usr/sbin:/usr/bin:/sbin:/bin" CARGO_HOME="$cargo_home" CARGO_TARGET_DIR="$target" \
        bash "$here/packages/cargo_c.sh" "$tools_package"
}

part_arm64() {
    local suite
    bash "$repo/scripts/package.sh" arm64
    find_packages arm64
    say_sizes
    for suite in bookworm trixie; do
        say "the packages for arm64 on Debian $suite"
        fresh "$suite" -- bash "$here/packages/arm64.sh" "$plugin_package" "$tools_package"
    done
}

part_images() {
    find_packages "$native"
    [[ -e $tools_package ]] || bash "$repo/scripts/package.sh"
    local folder
    folder=$(mktemp -d)
    dpkg-deb -x "$tools_package" "$folder"
    fresh bookworm "read=$folder" -- bash "$here/packages/images.sh" "$folder/usr/bin"
    rm -rf "$folder"
}

parts=()
while (($# > 0)); do
    case $1 in
        --list)
            for name in "${names[@]}"; do printf '%-9s %s\n' "$name" "${what[$name]}"; done
            exit ;;
        *)
            [[ -n ${what[$1]:-} ]] || die "there is no part $1. The parts: ${names[*]}"
            parts+=("$1") ;;
    esac
    shift
done
((${#parts[@]})) || parts=("${names[@]}")
((EUID == 0)) || die "run this as root: only root can install a Debian in a folder and run programs in it"
check_rust
install_packages jq
use_cache
# Only one run at the same time, because several clones may share the cache.
exec {lock}>"$cache/package.lock"
flock "$lock"
for part in "${parts[@]}"; do
    say "$part: ${what[$part]}"
    part_begins
    "part_$part"
    say "time: $part took $((SECONDS - part_began)) s"
done
say "all good"
