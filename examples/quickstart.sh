#!/usr/bin/env bash
# One command from a bare Debian 12 to answers about moving pictures: see --help.
set -euo pipefail
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

usage() {
    cat <<'END'
usage: bash examples/quickstart.sh [--api v0.2|v1] [FILE | rtsp://... | /dev/videoN]

Installs what is missing, builds the plugin, and asks a vision-language model about a video:
a file, an RTSP camera, a local camera; with no argument a local camera if there is one, else
a moving test picture. Prints the answers as they come, and stops after 20 seconds, at the end
of the file, or at Ctrl-C.

Without an API key, the answers come from an emulator on this machine that describes the pixels
it receives. Set OVERSHOOT_API_KEY (and OVERSHOOT_API_URL for a deployment of your own) to ask
the real service.

  --api v1    by API v1, where the video goes by a LiveKit room and each answer is asked for: the
              emulator's, or with a key the service's at https://api.overshoot.ai/v1beta;
              without it v0.2, where answers are pushed

  QUICKSTART_SECONDS=20    how long to run
  QUICKSTART_PROMPT="..."  what to ask
END
}

# ---- what was asked for ----

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
[[ $api =~ ^(v0\.2|v1)?$ ]] || die "there is no API $api: it is v0.2 or v1"
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

# ---- whatever happens, nothing stays behind ----

scratch=$(mktemp -d)
emulator='' pipeline='' printer='' interrupted=''

# stop PID SIGNAL SECONDS: asks, waits, then insists.
stop() {
    kill -s "$2" "$1" 2>/dev/null || return 0
    for ((i = 0; i < $3 * 10; i++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1 || true
    done
    say "process $1 did not end within $3 s of being asked: killing it"
    kill -KILL "$1" 2>/dev/null || true
}

clean_up() {
    trap '' INT TERM HUP
    # SIGINT is how gst-launch-1.0 -e is asked for end-of-stream; the element then waits for the
    # last answers and deletes its stream at the service, so the emulator has to go after it.
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
# Where the emulator was built once it is built again, though a key is set: without it the crates that it shares
# with the plugin have fewer features, and each change between the two would build them anew.
if [[ -z ${OVERSHOOT_API_KEY:-} || -e $target/overshoot-emulator ]]; then packages+=(-p overshoot-emulator); fi
if [[ -e $target/libgstovershoot.so ]]; then
    say "building what has changed"
else
    say "building the plugin${packages[2]:+ and the emulator} (the first time: 3 to 4 minutes on two cores)"
fi
cargo build --locked --manifest-path "$repo/Cargo.toml" "${packages[@]}" </dev/null || die "the build failed (see above)"

export GST_PLUGIN_PATH="$target${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
gst-inspect-1.0 overshootsink >"$scratch/inspect" 2>&1 \
    || { tail -n 5 "$scratch/inspect" >&2; die "GStreamer does not load $target/libgstovershoot.so (see above)"; }

# From here on a signal only ends the waiting below. To exit at once could be between the start of
# a process and the note of its pid.
trap 'interrupted=yes' INT TERM HUP

# What a pipeline needs that is run by hand. Of a deployment of the user's, the address may not tell
# the version.
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
    say "asking ${OVERSHOOT_API_URL:-the Overshoot service by API v0.2 (there is --api v1, too)} with your API key"
    service_log=
else
    service_log=$scratch/emulator.log
    # The loop below may look before the background job has made them.
    touch "$scratch/emulator.out" "$service_log"
    # In a session of its own, as the pipeline below: the terminal's Ctrl-C reaches this script
    # only, which then stops things in the right order.
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
    [[ -z ${OVERSHOOT_API_URL:-} ]] || say "OVERSHOOT_API_URL is ignored, as OVERSHOOT_API_KEY is not set"
    export OVERSHOOT_API_URL=$url OVERSHOOT_API_KEY=any
    bypass_proxy_for_loopback
    say "no OVERSHOOT_API_KEY: asking an emulator on this machine, $url"
fi

# ---- the pipeline ----

# gst-launch-1.0's own quoting, so that any character may stand in a name or a question.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# A /dev/video* may be the metadata half of a camera, a codec, or a camera in use: take a picture.
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
    [[ -n $input ]] || say "no camera here: a moving test picture it is"
fi

case $input in
    '') source=(videotestsrc is-live=true pattern=ball flip=true '!' video/x-raw,width=640,height=480,framerate=30/1
        '!' clockoverlay font-desc="Sans 24" '!' qroverlay data=overshootsink x=95 y=95) ;;
    rtsp*) source=(rtspsrc location="$(quoted "$input")" latency=200 '!' application/x-rtp,media=video '!' decodebin) ;;
    /dev/*) source=(v4l2src device="$input" '!' decodebin) ;;
    *) source=(filesrc location="$(quoted "$input")" '!' decodebin) ;;
esac
# videoconvert takes video only: of a file with sound, gst-launch-1.0 links the right half to it.
launch=(gst-launch-1.0 -e "${source[@]}" '!' videoconvert
    '!' overshootsink name=o prompt="$(quoted "$prompt")" "${version[@]}" o.json_src '!' fdsink)

say "running this pipeline; by hand, first: export $by_hand"
for word in "${launch[@]}"; do
    # Quotes for the shell only where it needs them.
    [[ $word =~ ^[A-Za-z0-9_./:,=@%+-]+$|^!$ ]] && printf '%s ' "$word" || printf '%s ' "${word@Q}"
done >&2
printf '\n' >&2
say "for $seconds s; Ctrl-C ends it sooner"

# One JSON object a line. What is no JSON object is shown as it is.
readable='(fromjson? // .) as $a
    | if ($a | type) != "object" then $a
      elif $a.ok == false then "  [error] \($a.error // "the service gave no reason")"
      else "  [\($a.total_latency_ms // 0 | round) ms] \($a.result)" | gsub("\n"; "\n    ") end'

mkfifo "$scratch/answers"
# Background jobs ignore SIGINT, so that the last answers are still printed after a Ctrl-C.
tee "$scratch/answers.jsonl" <"$scratch/answers" | jq -R -r --unbuffered "$readable" &
printer=$!
# The pipeline must not ignore it: an early one would be lost, before gst-launch-1.0 looks out for it.
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

# ---- the verdict ----

answers=$(jq -R 'fromjson? | select(type == "object" and .ok != false) | 1' "$scratch/answers.jsonl" | wc -l)
if [[ -n $interrupted ]] && ((status == 128 + 2)); then
    die "interrupted before the pipeline ran"
elif ((status != 0)); then
    die "the pipeline failed with exit code $status (see above); answers: $answers"
elif ((answers == 0)); then
    [[ ! -s $service_log ]] || tail -n 20 "$service_log" >&2
    die "no answer came. Is there video in the input, and does it come within $seconds s? More time: QUICKSTART_SECONDS=60; more detail: GST_DEBUG=overshoot*:5"
fi
say "done; answers: $answers"
