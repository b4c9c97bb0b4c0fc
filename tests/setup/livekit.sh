# Copyright (C) 2026 the overshootsink authors
# SPDX-License-Identifier: MPL-2.0

# Sourced by tests/run.sh: a real LiveKit server, built from source into the cache folder. Without Go or its modules, the
# tests that need the server print why they are skipped.
# shellcheck shell=bash

livekit_version=v1.13.5

# Makes $cache/livekit/server.
make_livekit_server() {
    local folder=$cache/livekit go
    # The folder of Go is often not in the PATH.
    go=$(command -v go || echo /usr/local/go/bin/go)
    if [[ $("$folder/server" --version 2>/dev/null) != *"${livekit_version#v}"* ]]; then
        if [[ ! -x $go ]]; then
            say "Go is not installed: the tests with a LiveKit server are skipped. Install it from https://go.dev/dl"
            return
        fi
        say "building the LiveKit server $livekit_version (some minutes)"
        mkdir -p "$folder"
        if ! GOBIN=$folder "$go" install "github.com/livekit/livekit-server/cmd/server@$livekit_version" </dev/null; then
            say "Go could not build the LiveKit server (see above): the tests with it are skipped"
            return
        fi
    fi
    export OVERSHOOT_TEST_LIVEKIT=$folder/server
}
