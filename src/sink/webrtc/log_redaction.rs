// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Keeps TURN passwords out of the log. webrtcbin of GStreamer 1.22 to 1.28 logs each TURN server with
//! its password at DEBUG. So its log level is reduced while a server is added.

use std::sync::Mutex;

use gst::DebugCategory;

use crate::lock::lock;

/// The log categories that contain the servers.
const CATEGORIES: [&str; 2] = ["webrtcbin", "webrtcnice"];

/// The number of `LogRedaction`s, and the log levels to restore after the last one.
static ACTIVE: Mutex<(usize, Vec<(DebugCategory, gst::DebugLevel)>)> = Mutex::new((0, Vec::new()));

/// While one exists, webrtcbin logs only warnings and errors.
pub struct LogRedaction(());

impl LogRedaction {
    pub fn new() -> Self {
        let mut active = lock(&ACTIVE);
        let (count, before) = &mut *active;
        if *count == 0 {
            let categories = CATEGORIES.into_iter().filter_map(DebugCategory::get);
            before.extend(categories.map(|category| (category, category.threshold())));
            for (category, threshold) in before {
                category.set_threshold((*threshold).min(gst::DebugLevel::Warning));
            }
        }
        *count += 1;
        Self(())
    }
}

impl Drop for LogRedaction {
    fn drop(&mut self) {
        let mut active = lock(&ACTIVE);
        let (count, before) = &mut *active;
        *count -= 1;
        if *count == 0 {
            for (category, threshold) in before.drain(..) {
                category.set_threshold(threshold);
            }
        }
    }
}
