# Sourced by tests/run.sh: a real LiveKit server, built from source into the cache folder. Where there
# is no Go to build it with, or its modules can't be had, the tests that need it say so and are skipped.
# shellcheck shell=bash

livekit_version=v1.13.5

# Makes $cache/livekit/server.
make_livekit_server() {
    local folder=$cache/livekit go
    # Its own folder is on the PATH of few shells.
    go=$(command -v go || echo /usr/local/go/bin/go)
    if [[ $("$folder/server" --version 2>/dev/null) != *"${livekit_version#v}"* ]]; then
        if [[ ! -x $go ]]; then
            say "no Go here: the tests with a LiveKit server are skipped. Get it at https://go.dev/dl"
            return
        fi
        say "building the LiveKit server $livekit_version (some minutes)"
        mkdir -p "$folder"
        if ! GOBIN=$folder "$go" install "github.com/livekit/livekit-server/cmd/server@$livekit_version" </dev/null; then
            say "Go could not build the LiveKit server (see above): the tests with one are skipped"
            return
        fi
    fi
    export OVERSHOOT_TEST_LIVEKIT=$folder/server
}
