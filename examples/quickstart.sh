#!/usr/bin/env bash
# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# One command from a bare Debian 12 to answers about live video: see --help.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

usage() {
    cat <<'END'
usage: bash examples/quickstart.sh [--api v0.2|v1] [FILE | rtsp://... | /dev/videoN]

Installs missing packages, builds the plugin, and asks a vision-language model about a video:
a file, an RTSP camera or a local camera. Without an argument it uses a local camera if there is
one, or else a moving test picture. It prints each answer, and stops after 20 seconds, at the end
of the file, or at Ctrl-C.

Without an API key, the answers come from an emulator on this machine, which describes the pixels
it receives. Set OVERSHOOT_API_KEY (and OVERSHOOT_API_URL for your own deployment) to ask the real
service.

  --api v1    use API v1: the video goes through a LiveKit room, and the element requests each
              answer. Without a key the emulator answers, with a key the service at
              https://api.overshoot.ai/v1beta. The default: v0.2, where answers are pushed, and
              v1 if the service no longer has v0.2

  QUICKSTART_SECONDS=20    how long to run
  QUICKSTART_PROMPT="..."  what to ask
END
}

# ---- arguments ----

api='' inputs=()
while (($# > 0)); do
    case $1 in
        -h | --help) usage; exit ;;
        --api) (($# > 1)) || die "--api needs a version: v0.2 or v1"; api=$2; shift ;;
        --api=*) api=${1#--api=} ;;
        -*) usage >&2; die "unknown option $1" ;;
        *) inputs+=("$1") ;;
    esac
    shift
done
[[ $api =~ ^(v0\.2|v1)?$ ]] || die "there is no API $api: give v0.2 or v1"
((${#inputs[@]} <= 1)) || { usage >&2; die "one video at a time, please (a name with spaces needs quotes)"; }
input=${inputs[0]:-}
seconds=${QUICKSTART_SECONDS:-20}
prompt=${QUICKSTART_PROMPT:-Describe what you see in one short sentence.}
[[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || die "QUICKSTART_SECONDS=$seconds is not a number of seconds"

case $input in
    '') ;;
    rtsp://?* | rtsps://?*) ;;
    *://*) die "${input%%://*}:// is not supported here. Give a file, an rtsp:// URL or a camera such as /dev/video0" ;;
    /dev/*)
        [[ -c $input ]] || die "there is no camera $input. To see what there is: ls /dev/video*"
        [[ -r $input && -w $input ]] || die "no permission to use $input. Join its group and log in again: sudo usermod -aG video $(id -un)" ;;
    *)
        [[ -e $input ]] || die "there is no file $input. Give a file, an rtsp:// URL or a camera such as /dev/video0"
        [[ -f $input && -r $input ]] || die "$input is not a file that can be read"
        input=$(realpath -- "$input") ;;
esac

# ---- clean-up, however the script ends ----

scratch=$(mktemp -d)
emulator='' pipeline='' printer='' interrupted=''

# stop PID SIGNAL SECONDS: sends the signal, waits, then kills the process.
stop() {
    kill -s "$2" "$1" 2>/dev/null || return 0
    for ((i = 0; i < $3 * 10; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1 || true
    done
    say "process $1 did not end within $3 s: killing it"
    kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
    trap '' INT TERM HUP
    # At SIGINT, gst-launch-1.0 -e sends EOS. The element then waits for the last answers and deletes its
    # stream at the service, so the emulator must stop after it.
    [[ -z $pipeline ]] || stop "$pipeline" INT 20
    [[ -z $emulator ]] || stop "$emulator" TERM 5
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# ---- packages, plugin, emulator ----

check_rust
install_packages "${base_packages[@]}"

target=$(cargo metadata --locked --no-deps --format-version 1 --manifest-path "$repo/Cargo.toml" </dev/null \
    | jq -r .target_directory)/debug
packages=(-p gst-plugin-overshoot)
# If the emulator was built once, it is always built again, even with a key. Without it the crates that it shares
# with the plugin have fewer features, and each change between the two would rebuild them.
if [[ -z ${OVERSHOOT_API_KEY:-} || -e $target/overshoot-emulator ]]; then packages+=(-p overshoot-emulator); fi
if [[ -e $target/libgstovershoot.so ]]; then
    say "building the changes"
else
    say "building the plugin${packages[2]:+ and the emulator} (the first time: 3 to 4 minutes on two cores)"
fi
cargo build --locked --manifest-path "$repo/Cargo.toml" "${packages[@]}" </dev/null || die "the build failed (see above)"

export GST_PLUGIN_PATH="$target${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
gst-inspect-1.0 overshootsink >"$scratch/inspect" 2>&1 \
    || { tail -n 5 "$scratch/inspect" >&2; die "GStreamer does not load $target/libgstovershoot.so (see above)"; }

# From here on a signal only ends the waiting below. An exit at once could come between the start of a process and
# the assignment of its pid.
trap 'interrupted=yes' INT TERM HUP

# The variables for running the pipeline by hand. The address of a user's own deployment may not show the version.
by_hand="GST_PLUGIN_PATH=$target OVERSHOOT_API_KEY=<your key>" version=()
if [[ -n ${OVERSHOOT_API_URL:-} && -n ${OVERSHOOT_API_KEY:-} ]]; then
    by_hand+=" OVERSHOOT_API_URL=$OVERSHOOT_API_URL"
    [[ -z $api ]] || version=(api-version="$api")
elif [[ $api == v1 ]]; then
    service_v1=https://api.overshoot.ai/v1beta
    by_hand+=" OVERSHOOT_API_URL=$service_v1"
    [[ -z ${OVERSHOOT_API_KEY:-} ]] || export OVERSHOOT_API_URL=$service_v1
fi

if [[ -n ${OVERSHOOT_API_KEY:-} ]]; then
    say "asking ${OVERSHOOT_API_URL:-the public Overshoot service} with your API key"
    service_log=
else
    service_log=$scratch/emulator.log
    # The loop below may read them before the background job has created them.
    touch "$scratch/emulator.out" "$service_log"
    # In its own session, as the pipeline below: Ctrl-C in the terminal reaches only this script, which then stops
    # everything in the right order.
    setsid "$target/overshoot-emulator" --listen 127.0.0.1:0 \
        >"$scratch/emulator.out" 2>"$service_log" </dev/null &
    emulator=$!
    for ((i = 0; i < 100; i++)); do
        url=$(sed -n "s|^.* \(http://[^ ]*/${api:-v0.2}\)\$|\1|p" "$scratch/emulator.out" | head -n 1)
        [[ -z $url && -z $interrupted ]] && kill -0 "$emulator" 2>/dev/null || break
        sleep 0.1 || true
    done
    [[ -z $interrupted ]] || exit 130
    [[ -n $url ]] || { cat "$scratch/emulator.out" "$service_log" >&2; die "the emulator did not start (see above)"; }
    [[ -z ${OVERSHOOT_API_URL:-} ]] || say "OVERSHOOT_API_URL is ignored because OVERSHOOT_API_KEY is not set"
    export OVERSHOOT_API_URL=$url OVERSHOOT_API_KEY=any
    bypass_proxy_for_loopback
    say "no OVERSHOOT_API_KEY: asking an emulator on this machine, $url"
fi

# ---- the pipeline ----

# Quotes a text for gst-launch-1.0, so that names and questions may contain any character.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# A /dev/video* may be the metadata device of a camera, a codec, or a camera in use. So try to capture a frame.
can_capture() {
    timeout 10 gst-launch-1.0 -q v4l2src device="$1" num-buffers=1 ! fakesink >/dev/null 2>&1 </dev/null
}

if [[ -z $input ]]; then
    for device in /dev/video*; do
        if [[ -c $device ]] && can_capture "$device"; then
            input=$device
            break
        fi
    done
    [[ -n $input ]] || say "no camera found: using a moving test picture"
fi

case $input in
    '') source=(videotestsrc is-live=true pattern=ball flip=true '!' video/x-raw,width=640,height=480,framerate=30/1
        '!' clockoverlay font-desc="Sans 24" '!' qroverlay data=overshootsink x=95 y=95) ;;
    rtsp*) source=(rtspsrc location="$(quoted "$input")" latency=200 '!' application/x-rtp,media=video '!' decodebin) ;;
    /dev/*) source=(v4l2src device="$input" '!' decodebin) ;;
    *) source=(filesrc location="$(quoted "$input")" '!' decodebin) ;;
esac
# videoconvert accepts only video, so gst-launch-1.0 links the video track of a file with sound.
launch=(gst-launch-1.0 -e "${source[@]}" '!' videoconvert
    '!' overshootsink name=o prompt="$(quoted "$prompt")" "${version[@]}" o.json_src '!' fdsink)

say "running this pipeline (to run it by hand, first: export $by_hand)"
for word in "${launch[@]}"; do
    # Quote a word only if the shell needs it.
    [[ $word =~ ^[A-Za-z0-9_./:,=@%+-]+$|^!$ ]] && printf '%s ' "$word" || printf '%s ' "${word@Q}"
done >&2
printf '\n' >&2
say "running for $seconds s; Ctrl-C ends it earlier"

# Each line is a JSON object. Other lines are shown unchanged.
readable='(fromjson? // .) as $a
    | if ($a | type) != "object" then $a
      elif $a.ok == false then "  [error] \($a.error // "the service gave no reason")"
      else "  [\($a.total_latency_ms // 0 | round) ms] \($a.result)" | gsub("\n"; "\n    ") end'

mkfifo "$scratch/answers"
# Background jobs ignore SIGINT, so that the last answers are still printed after a Ctrl-C.
tee "$scratch/answers.jsonl" <"$scratch/answers" | jq -R -r --unbuffered "$readable" &
printer=$!
# The pipeline must not ignore SIGINT, or else an early one would be lost before gst-launch-1.0 has its handler.
setsid env --default-signal=INT "${launch[0]}" -q "${launch[@]:1}" >"$scratch/answers" </dev/null &
pipeline=$!

for ((i = 0; i < seconds * 5; i++)); do
    [[ -z $interrupted ]] && kill -0 "$pipeline" 2>/dev/null || break
    sleep 0.2 || true
done
stop "$pipeline" INT 20
status=0
wait "$pipeline" || status=$?
pipeline=
wait "$printer" || true

# ---- result ----

answers=$(jq -R 'fromjson? | select(type == "object" and .ok != false) | 1' "$scratch/answers.jsonl" | wc -l)
if [[ -n $interrupted ]] && ((status == 128 + 2)); then
    die "interrupted before the pipeline ran"
elif ((status != 0)); then
    die "the pipeline failed with exit code $status (see above); answers: $answers"
elif ((answers == 0)); then
    [[ ! -s $service_log ]] || tail -n 20 "$service_log" >&2
    die "no answer came. Check that the input has video and delivers it within $seconds s. For more time, set QUICKSTART_SECONDS=60; for more detail, set GST_DEBUG=overshoot*:5"
fi
say "done; answers: $answers"
