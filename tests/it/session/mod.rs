// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A session with API v0.2, from the first request to the deletion of the stream.

mod prompts;
mod reconnect;
mod requests;
mod stop;

const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";

/// A launch line: live video and the element with these properties.
fn line(properties: &str) -> String {
    format!("{LIVE} ! overshootsink name=o {properties}")
}
