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

# How long a part may take on two cores, in seconds, with an empty cache; what is over it is marked, and no
# failure: machines are noisy.
packages_budget=120 assets_budget=300 lint_budget=240 build_budget=420 tests_budget=780
part_begins() { part_began=$SECONDS; }
# part_ends NAME BUDGET: says how long it took.
part_ends() {
    local took=$((SECONDS - part_began)) mark=''
    ((took <= $2)) || mark=' OVER ITS BUDGET'
    say "time: $1 took $took s of $2 s$mark"
}

# install_packages PACKAGE...: those that are missing, by apt.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian-like system: packages are yours to install, by whatever name they have here: $*"
        return
    fi

    local package missing=() sudo=() log installing waited=0
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    if ((EUID != 0)); then
        command -v sudo >/dev/null \
            || die "packages are missing, and there is no sudo to install them with. As root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing ${missing[*]} (about a minute with a fast line)"
    # Servers are run by the tests alone: these packages would start them as services of this machine.
    if command -v systemctl >/dev/null; then
        for package in coturn mosquitto nats-server; do
            [[ " ${missing[*]} " != *" $package "* ]] || "${sudo[@]}" systemctl mask --quiet "$package.service"
        done
    fi
    log=$(mktemp)
    # An update may fail for a source that has nothing to do with us: the installation decides.
    # A fresh machine may be busy with its own updates: wait for their lock.
    { "${sudo[@]}" apt-get update || true
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1 </dev/null &
    installing=$!
    # Where it stands, as apt's own words go to the log.
    while sleep 1 && kill -0 "$installing" 2>/dev/null; do
        ((++waited % 10)) || say "  after $waited s: $(tail -n 1 "$log" | cut -c 1-90)"
    done
    if ! wait "$installing"; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install them (see above)"
    fi
    rm -f "$log"
}

# Why this Rust won't do; nothing where it does.
rust_complaint() {
    local wanted=$1 tool found
    for tool in cargo rustc; do
        if ! command -v "$tool" >/dev/null; then
            echo "Rust $wanted or newer is needed, and there is no $tool here."
            return
        fi
        found=$("$tool" --version | cut -d ' ' -f 2) || { echo "$tool does not run (see above)."; return; }
        # The older of the two, as sort -V sees it, has to be the wanted one.
        if [[ $(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1) != "$wanted" ]]; then
            echo "Rust $wanted or newer is needed, and this $tool is $found."
            return
        fi
    done
}

# check_rust [COMPONENT...]: Rust is there, new enough for Cargo.toml, with these components. Where it is
# not, and there is somebody to ask, it is installed or updated by rustup.
check_rust() {
    local wanted complaint command answer component
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$repo/Cargo.toml" | head -n 1)

    # rustup's own folder is on the PATH only of shells started after it was installed; and there it
    # comes before Debian's Rust, which is too old.
    [[ -z $(rust_complaint "$wanted") ]] || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

    complaint=$(rust_complaint "$wanted")
    if [[ -n $complaint ]]; then
        if command -v rustup >/dev/null; then
            command='rustup update stable && rustup default stable'
        else
            command="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component rustfmt,clippy"
        fi
        [[ -t 0 && -t 2 ]] || die "$complaint This command gets it, by rustup: $command"
        say "$complaint"
        read -r -p "Run rustup to get it, for this user only ($command)? [y/N] " answer || answer=''
        [[ $answer == [yY]* ]] || die "without Rust there is nothing to build with. That command again: $command"
        command -v curl >/dev/null || install_packages curl ca-certificates
        bash -c "set -o pipefail; $command" || die "rustup did not succeed (see above)"
        complaint=$(rust_complaint "$wanted")
        [[ -z $complaint ]] || die "rustup has run, and still: $complaint"
    fi

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
