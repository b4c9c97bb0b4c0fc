# Shared by examples/quickstart.sh, tests/run.sh and .ci/run, which source it: the packages, the
# Rust check and the cache folder. Every step looks first and does nothing when all is there, so
# that a second run is quick and needs no network.
# shellcheck shell=bash

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# To build the plugin and to run it. gstreamer1.0-nice is webrtcbin's transport, gstreamer1.0-x
# holds clockoverlay and timeoverlay; libssl-dev is for the emulator's DTLS; the rest are the usual codecs
# and sources.
base_packages=(
    build-essential pkg-config ca-certificates jq libssl-dev
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
    gstreamer1.0-tools gstreamer1.0-nice gstreamer1.0-x gstreamer1.0-libav
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
)

# What the tests need on top: an RTSP server, Python for the aiortc peer, networks, a relay, valgrind,
# a browser, the brokers that the cameras' answers go to, a reader of text and a screen with some.
test_packages=(
    libgstrtspserver-1.0-dev procps python3 python3-venv python3-gi gir1.2-gstreamer-1.0
    iproute2 nftables coturn valgrind
    chromium chromium-driver mosquitto nats-server tesseract-ocr xvfb
)

# All of this goes to stderr: stdout is for what a script is asked for.
say() { echo "==> $*" >&2; }
die() { echo "error: $*" >&2; exit 1; }

# install_packages PACKAGE...: those that are missing, by apt.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian-like system: packages are yours to install, by whatever name they have here: $*"
        return
    fi

    local package missing=() sudo=() log
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    if ((EUID != 0)); then
        command -v sudo >/dev/null \
            || die "packages are missing, and there is no sudo to install them with. As root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]} (up to some minutes)"
    # Servers are run by the tests alone: these packages would start them as services of this machine.
    if command -v systemctl >/dev/null; then
        for package in coturn mosquitto nats-server; do
            [[ " ${missing[*]} " != *" $package "* ]] || "${sudo[@]}" systemctl mask --quiet "$package.service"
        done
    fi
    log=$(mktemp)
    # An update may fail for a source that has nothing to do with us: the installation decides.
    # A fresh machine may be busy with its own updates: wait for their lock.
    if ! { "${sudo[@]}" apt-get update || true
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install them (see above)"
    fi
    rm -f "$log"
}

# check_rust [COMPONENT...]: Rust is there, new enough for Cargo.toml, with these components.
check_rust() {
    local wanted tool found component
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$repo/Cargo.toml" | head -n 1)

    # rustup's own folder is on the PATH only of shells started after it was installed.
    command -v cargo >/dev/null || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

    for tool in cargo rustc; do
        command -v "$tool" >/dev/null \
            || die "Rust $wanted or newer is needed, and there is no $tool here. Get it with rustup: https://rustup.rs"
        found=$("$tool" --version | cut -d ' ' -f 2) || die "$tool does not run (see above)"
        # The older of the two, as sort -V sees it, has to be the wanted one.
        [[ $(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1) == "$wanted" ]] \
            || die "Rust $wanted or newer is needed, and this $tool is $found. With rustup: rustup update stable && rustup default stable. Without (Debian's own is too old): https://rustup.rs"
    done

    for component in "$@"; do
        cargo "$component" --version >/dev/null 2>&1 \
            || die "cargo $component is missing. With rustup: rustup component add rustfmt clippy"
    done
}

# Sets $cache: a folder outside the clone for what is slow to fetch or to build.
use_cache() {
    cache=${OVERSHOOT_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/overshootsink}
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
}

# Calls to servers on this very machine must not go to a proxy that the environment names.
bypass_proxy_for_loopback() {
    export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
    export NO_PROXY="$no_proxy"
}
