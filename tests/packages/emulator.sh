# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sourced by the scripts beside it: an emulator, and answers about an orange picture.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "==> $*" >&2; }
die() { echo "error: $*" >&2; exit 1; }
quiet() { "$@" >/tmp/log 2>&1 </dev/null || { tail -n 40 /tmp/log >&2; die "$* failed (see above)"; }; }

# start_emulator COMMAND...: starts it and sets $url.
start_emulator() {
    emulator_log=$(mktemp)
    "$@" --listen 127.0.0.1:0 >"$emulator_log" 2>&1 &
    emulator=$!
    trap 'kill "$emulator"' EXIT
    for ((i = 0; i < 600; i++)); do
        url=$(sed -n 's|^.* \(http://[^ ]*/v0.2\)$|\1|p' "$emulator_log")
        [[ -z $url ]] || break
        kill -0 "$emulator" || { cat "$emulator_log" >&2; die "the emulator ended"; }
        sleep 0.1
    done
    [[ -n $url ]] || { cat "$emulator_log" >&2; die "the emulator did not start"; }
    export OVERSHOOT_API_URL=$url OVERSHOOT_API_KEY=any
    export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
}

# An orange picture, for the time that an answer needs: 5 s, or what $pictures sets.
orange="videotestsrc is-live=true num-buffers=${pictures:-150} pattern=solid-color foreground-color=0xffff8000"

# expect_orange FILE: the answers in the file are about the orange picture.
expect_orange() {
    local answer
    answer=$(grep -o '"result":"[^"]*"' "$1" | tail -n 1) || true
    [[ $answer == *"mostly orange"* ]] || { cat "$1" "$emulator_log" >&2; die "no answer about an orange picture"; }
    say "the answer: $answer"
}

# ask PROGRAM...: runs the pipeline on the orange picture, and checks the answer.
ask() {
    local answers
    answers=$(mktemp)
    # shellcheck disable=SC2086
    timeout 300 "$@" $orange ! video/x-raw,width=320,height=240,framerate=30/1 \
        ! overshootsink name=o prompt="What is it?" o.json_src ! filesink location="$answers" >&2
    expect_orange "$answers"
}

# ask_webapp: uploads an orange video to the web app on port 8000, and checks an answer about it.
ask_webapp() {
    local session
    # shellcheck disable=SC2086
    gst-launch-1.0 -q ${orange/is-live=true/} ! video/x-raw,width=320,height=240,framerate=30/1 \
        ! vp8enc deadline=1 ! webmmux ! filesink location=/tmp/orange.webm
    session=$(curl -sS -F file=@/tmp/orange.webm http://127.0.0.1:8000/upload-video | jq -r .session_id)
    curl -sS -H 'Content-Type: application/json' -d '{"prompt": "What is it?", "interval_seconds": 1}' \
        "http://127.0.0.1:8000/start-stream/$session" >&2
    for ((i = 0; i < 150; i++)); do
        curl -sS "http://127.0.0.1:8000/sessions/$session" | tee /tmp/session | grep -q '"result":"' && break
        sleep 0.2
    done
    expect_orange /tmp/session
}

# The file of cameras, with the camera of camera.py.
orange_camera='metrics = "127.0.0.1:9464"
[[cameras]]
name = "gate"
url = "rtsp://127.0.0.1:8554/orange"
prompt = "What is it?"
'

# expect_orange_from COMMAND...: as expect_orange, about what the command prints, which may take some seconds.
expect_orange_from() {
    for ((i = 0; i < 150; i++)); do
        "$@" >/tmp/printed
        ! grep -q '"result":"' /tmp/printed || break
        sleep 0.2
    done
    expect_orange /tmp/printed
}
