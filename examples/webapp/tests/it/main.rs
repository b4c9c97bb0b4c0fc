// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests of the web app, by its API and in a browser.

mod api;
mod binary;
mod cross_origin;
mod firefox;
mod http;
mod http_camera;
mod http_errors;
mod keyboard;
mod login;
mod page;
mod page_state;
mod stored;
mod support;
mod uploads;
mod upright;
mod urls;
mod watching;
mod webcam;
