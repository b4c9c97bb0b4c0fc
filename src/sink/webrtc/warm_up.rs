// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Loads libraries and generates keys in advance. The first connection of a process needs 40 to 400 ms
//! (measured) for this; later connections need none. It begins when the property `prompt` of an element is
//! set: the element will then be used, and the application is still building its pipeline.

use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};

use gst::prelude::*;

use super::certificate::Certificate;
use crate::lock::lock;
use crate::session::http;
use crate::sink::CAT;

static ONCE: Once = Once::new();
static RUNNING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Starts the work unless it was started before. Never waits.
pub fn start() {
    ONCE.call_once(|| {
        // Generating the key takes longest and depends on nothing else, so it gets its own thread.
        let threads = [make_key as fn(), load];
        let spawned = threads.map(|work| {
            thread::Builder::new()
                .name("overshoot-warm".to_owned())
                .spawn(work)
        });
        let mut running = lock(&RUNNING);
        // If a thread can't be started, the first connection does the work itself.
        running.extend(spawned.into_iter().flatten());
    });
}

/// Waits for the threads. They must not outlive the last element, because libraries are torn down when
/// the process ends.
pub fn finish() {
    let running = std::mem::take(&mut *lock(&RUNNING));
    for thread in running {
        if thread.join().is_err() {
            gst::error!(CAT, "a warm-up thread panicked");
        }
    }
}

/// GStreamer's first dtlsdec generates an RSA key for the whole process. Nothing here uses that key, but the
/// first connection would wait for it.
fn make_key() {
    // If the element is missing, the first connection reports it.
    let _ = gst::ElementFactory::make("dtlsdec").build();
}

fn load() {
    http::prepare();
    // The first signature of a process loads the cryptography library and runs its self-tests.
    let _ = Certificate::generate();
    for factory in [
        "webrtcbin",
        "nicesink",
        "srtpenc",
        "rtpbin",
        "rtpvp8pay",
        "vp8enc",
    ] {
        let _ = gst::ElementFactory::find(factory).map(|factory| factory.load());
    }
}
