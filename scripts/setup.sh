# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sourced by examples/quickstart.sh, benches/run.sh, tests/*.sh and .ci/run: the packages, the Rust check and the cache
# folder. Every step does only what is missing, so a second run is quick and needs no network.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The packages to build and run the plugin. gstreamer1.0-nice is the transport of webrtcbin, gstreamer1.0-x has
# clockoverlay and timeoverlay, libssl-dev is for the DTLS of the emulator. The others are the usual codecs and sources.
base_packages=(
    build-essential pkg-config ca-certificates jq libssl-dev
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
    gstreamer1.0-tools gstreamer1.0-nice gstreamer1.0-x gstreamer1.0-libav
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
)

# The additional packages for the tests: an RTSP server, Python for the aiortc peer, network tools, a TURN server,
# valgrind, a browser, the brokers for examples/cameras, OCR, and a virtual screen.
test_packages=(
    libgstrtspserver-1.0-dev procps python3 python3-venv python3-gi gir1.2-gstreamer-1.0
    gstreamer1.0-gl iproute2 nftables coturn valgrind
    chromium chromium-driver firefox-esr mosquitto nats-server tesseract-ocr xvfb
)

# Messages go to stderr. stdout is for the results of a script.
say() { echo "==> $*" >&2; }
die() { echo "error: $*" >&2; exit 1; }

# How long each part may take on two cores with an empty cache, in seconds. A part that takes longer is marked but
# does not fail, because times vary between runs.
packages_budget=120 assets_budget=300 lint_budget=360 build_budget=420 tests_budget=840
part_begins() { part_began=$SECONDS; }
# part_ends NAME BUDGET: prints how long the part took.
part_ends() {
    local took=$((SECONDS - part_began)) mark=''
    ((took <= $2)) || mark=' OVER ITS BUDGET'
    say "time: $1 took $took s of $2 s$mark"
}

# install_packages PACKAGE...: installs the missing ones by apt.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "this is not a Debian-like system: install these packages yourself, under the names that they have here: $*"
        return
    fi

    local package missing=() sudo=() log installing waited=0
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    if ((EUID != 0)); then
        command -v sudo >/dev/null \
            || die "packages are missing, and there is no sudo to install them. Run as root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]} (about a minute with a fast connection)"
    # Only the tests run these servers. Without the mask, the packages would start them as services of this machine.
    if command -v systemctl >/dev/null; then
        for package in coturn mosquitto nats-server; do
            [[ " ${missing[*]} " != *" $package "* ]] || "${sudo[@]}" systemctl mask --quiet "$package.service"
        done
    fi
    log=$(mktemp)
    # A failed update is ignored, because it may concern an unrelated source. The installation decides.
    # A fresh machine may run its own updates, so wait for the lock.
    { "${sudo[@]}" apt-get update || true
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1 </dev/null &
    installing=$!
    # Show the progress, because the output of apt goes to the log.
    while sleep 1 && kill -0 "$installing" 2>/dev/null; do
        ((++waited % 10)) || say "  after $waited s: $(tail -n 1 "$log" | cut -c 1-90)"
    done
    if ! wait "$installing"; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install the packages (see above)"
    fi
    rm -f "$log"
}

# Prints why the installed Rust cannot be used, or nothing if it can.
rust_complaint() {
    local wanted=$1 tool found
    for tool in cargo rustc; do
        if ! command -v "$tool" >/dev/null; then
            echo "Rust $wanted or newer is needed, and there is no $tool here."
            return
        fi
        found=$("$tool" --version | cut -d ' ' -f 2) || { echo "$tool does not run (see above)."; return; }
        # The wanted version must be the older one in the order of sort -V.
        if [[ $(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1) != "$wanted" ]]; then
            echo "Rust $wanted or newer is needed, and this $tool is $found."
            return
        fi
    done
}

# check_rust [COMPONENT...]: checks that Rust is new enough for Cargo.toml and has these components. If it is not, and
# there is a terminal, it offers to install or update Rust by rustup.
check_rust() {
    local wanted complaint command answer component
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$repo/Cargo.toml" | head -n 1)

    # Only shells that were started after the installation of rustup have its folder in their PATH. In front, it also
    # overrides Debian's Rust, which is too old.
    [[ -z $(rust_complaint "$wanted") ]] || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

    complaint=$(rust_complaint "$wanted")
    if [[ -n $complaint ]]; then
        if command -v rustup >/dev/null; then
            command='rustup update stable && rustup default stable'
        else
            command="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component rustfmt,clippy"
        fi
        [[ -t 0 && -t 2 ]] || die "$complaint This command installs it by rustup: $command"
        say "$complaint"
        read -r -p "Install it by rustup, for this user only ($command)? [y/N] " answer || answer=''
        [[ $answer == [yY]* ]] || die "without Rust there is nothing to build with. To install it: $command"
        command -v curl >/dev/null || install_packages curl ca-certificates
        bash -c "set -o pipefail; $command" || die "rustup failed (see above)"
        complaint=$(rust_complaint "$wanted")
        [[ -z $complaint ]] || die "rustup has run, but the problem remains: $complaint"
    fi

    for component in "$@"; do
        cargo "$component" --version >/dev/null 2>&1 \
            || die "cargo $component is missing. With rustup: rustup component add rustfmt clippy"
    done
}

# Sets $cache: a folder outside the clone for everything that is slow to fetch or build.
use_cache() {
    cache=${OVERSHOOT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/overshootsink}
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
}

# Calls to servers on this machine must not go through a proxy from the environment.
bypass_proxy_for_loopback() {
    export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
    export NO_PROXY="$no_proxy"
}

# install_cargo_tool NAME VERSION: a program of crates.io, in $cache/tools/bin, which comes first in the PATH. The first
# time, it is built.
install_cargo_tool() {
    export PATH="$cache/tools/bin:$PATH"
    # As a subcommand: not all of these programs answer when they are called by their own name.
    [[ $(cargo "${1#cargo-}" --version 2>/dev/null) != *" $2" ]] || return 0
    say "building $1 $2 (some minutes)"
    CARGO_TARGET_DIR=$cache/tools/target cargo install --quiet --locked --force --root "$cache/tools" "$1@$2" </dev/null \
        || die "cargo could not install $1 $2 (see above)"
    rm -rf "$cache/tools/target"
}
