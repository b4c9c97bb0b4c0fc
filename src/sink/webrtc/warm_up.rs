// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Loads libraries and generates keys in advance. The first connection of a process needs 40 to 400 ms
//! (measured) for this; later connections need none. It begins when the property `prompt` of an element is
//! set: the element will then be used, and the application is still building its pipeline.

use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::certificate::Certificate;
use crate::at_exit::{self, Work};
use crate::at_fork::load_library;
use crate::lock::lock;
use crate::session::http;
use crate::sink::{CAT, inner_pipelines};

static ONCE: Once = Once::new();
static RUNNING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Starts the work unless it was started before. The first call waits some milliseconds, until OpenSSL is loaded.
pub fn start() {
    ONCE.call_once(|| {
        // Generating the key takes longest and depends on nothing else, so it gets its own thread. If a thread
        // can't be started, the first connection does the work itself.
        if let Ok(key_maker) = spawn(make_key) {
            initialise_openssl(&key_maker);
            lock(&RUNNING).push(key_maker);
        }
        at_exit::register(inner_pipelines::stop_all);
        lock(&RUNNING).extend(spawn(load));
    });
}

fn spawn(run: fn()) -> std::io::Result<JoinHandle<()>> {
    let work = Work::begin();
    thread::Builder::new()
        .name("overshoot-warm".to_owned())
        .spawn(move || {
            let _work = work;
            run();
        })
}

/// Makes OpenSSL register its exit handler. It frees what the threads here, and later those of webrtcbin, use. Ours
/// is registered after it, so that it runs before it.
fn initialise_openssl(key_maker: &JoinHandle<()>) {
    let Ok(certificate) = Certificate::generate() else {
        return;
    };
    // `make_key` registers this type before it generates its key. GObject knows the name too early: the private data
    // of the type is added later. The debug category comes last, so the type is complete when that exists. An object
    // that gets a certificate generates no key, but uses OpenSSL.
    while !key_maker.is_finished() {
        let complete = gst::DebugCategory::get("dtlscertificate");
        if let Some(kind) = complete.and_then(|_| glib::Type::from_name("GstDtlsCertificate")) {
            let object = glib::Object::builder_with_type(kind);
            drop(object.property("pem", certificate.pem).build());
            return;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// Waits for the threads, so that they do not outlive the last element.
pub fn finish() {
    let running = std::mem::take(&mut *lock(&RUNNING));
    if at_exit::is_forked() {
        return;
    }
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
    if let Some(factory) = load_element("dtlsdec") {
        let _ = factory.create().build();
    }
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
        if at_exit::has_begun() {
            return;
        }
        let _ = load_element(factory);
    }
}

/// The factory of these elements, with its plugin loaded, if it is installed.
pub fn load_element(factory: &str) -> Option<gst::ElementFactory> {
    let factory = gst::ElementFactory::find(factory)?;
    let loaded = load_library(|| factory.load()).ok()?;
    loaded.downcast().ok()
}
