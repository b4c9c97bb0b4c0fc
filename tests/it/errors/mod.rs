// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Failures of the service and wrong settings: the error code, the details and the advice in the text.

mod on_error_warn;
mod progress;
mod responses;
mod retries;
mod settings;

/// Live video, to be followed by the element.
const LIVE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1";
