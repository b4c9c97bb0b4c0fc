//! The first connection of a process loads libraries and makes keys, which later ones find done:
//! 40 to 400 ms here. It begins as soon as an element is told its prompt, and so is to be used, while
//! the application still sets its pipeline up.

use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, JoinHandle};

use gst::prelude::*;

use super::certificate::Certificate;
use crate::session::http;
use crate::sink::CAT;

static ONCE: Once = Once::new();
static RUNNING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Begins, if nobody has yet. Never waits.
pub fn start() {
    ONCE.call_once(|| {
        // Two at a time: making a key takes longest, and needs nothing of the others.
        let threads = [make_key as fn(), load];
        let spawned = threads.map(|work| {
            thread::Builder::new()
                .name("overshoot-warm".to_owned())
                .spawn(work)
        });
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a thread for it, the first connection does it itself.
        running.extend(spawned.into_iter().flatten());
    });
}

/// Waits for the end of it: the threads must not outlive the last element, as libraries are torn
/// down when the process ends.
pub fn finish() {
    let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
    for thread in running {
        if thread.join().is_err() {
            gst::error!(CAT, "warming up panicked");
        }
    }
}

/// GStreamer's first dtlsdec makes an RSA key for the whole process, which nobody uses here.
fn make_key() {
    // Where it is missing, the first connection says so.
    let _ = gst::ElementFactory::make("dtlsdec").build();
}

fn load() {
    http::prepare();
    // The first signature of a process loads and tests the library for it.
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
