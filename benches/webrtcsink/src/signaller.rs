// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A signaller by which webrtcsink sends to the emulator: one session, with one offer to the API of the service.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};
use gstrswebrtc::signaller::{Signallable, SignallableImpl};

/// A certificate (PEM) and its fingerprint. It replaces the RSA certificate of GStreamer 1.22, which the emulator's
/// WebRTC stack refuses.
static CERTIFICATE: LazyLock<(String, String)> = LazyLock::new(|| {
    use sha2::{Digest, Sha256};
    let made = rcgen::generate_simple_self_signed(vec!["bench".to_owned()]).expect("a certificate");
    let digest = Sha256::digest(made.cert.der());
    let hex: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    (pem, hex.join(":"))
});

/// Sets a webrtcsink up to send to the emulator.
pub fn set_up(sink: &gst::Element, url: &str) {
    let signaller: Signaller = glib::Object::new();
    let own = signaller.imp();
    *own.url.lock().unwrap_or_else(PoisonError::into_inner) = url.to_owned();
    sink.set_property("signaller", Signallable::from(signaller));
    sink.connect("consumer-pipeline-created", false, |values| {
        let consumer = values.get(2)?.get::<gst::Pipeline>().ok()?;
        use_certificate(consumer.upcast_ref());
        None
    });
}

/// Makes each `dtlsdec` of this bin use [`CERTIFICATE`].
pub fn use_certificate(bin: &gst::Bin) {
    bin.connect_deep_element_added(|_, _, element| {
        if element.factory().is_some_and(|f| f.name() == "dtlsdec") {
            element.set_property("pem", &CERTIFICATE.0);
        }
    });
}

glib::wrapper! {
    pub struct Signaller(ObjectSubclass<imp::Signaller>) @implements Signallable;
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Signaller {
        pub url: Mutex<String>,
        calls: Mutex<Vec<JoinHandle<()>>>,
    }

    const SESSION: &str = "session";

    #[glib::object_subclass]
    impl ObjectSubclass for Signaller {
        const NAME: &'static str = "BenchSignaller";
        type Type = super::Signaller;
        type ParentType = glib::Object;
        type Interfaces = (Signallable,);
    }

    impl ObjectImpl for Signaller {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
                vec![
                    glib::ParamSpecBoolean::builder("manual-sdp-munging")
                        .read_only()
                        .build(),
                ]
            });
            &PROPERTIES
        }

        fn property(&self, _: usize, _: &glib::ParamSpec) -> glib::Value {
            false.to_value()
        }
    }

    impl Signaller {
        /// Runs a call on a new thread, because webrtcsink may hold its locks while it calls the signaller.
        fn spawn(&self, call: impl FnOnce(super::Signaller) + Send + 'static) {
            let this = self.obj().clone();
            let call = std::thread::spawn(move || call(this));
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(call);
        }
    }

    impl SignallableImpl for Signaller {
        fn start(&self) {
            self.spawn(|this| {
                let none = None::<WebRTCSessionDescription>;
                this.emit_by_name::<()>("session-requested", &[&SESSION, &"emulator", &none]);
            });
        }

        fn stop(&self) {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let calls = std::mem::take(&mut *calls);
            for call in calls {
                // A panic has printed its message, and the missing video fails the run.
                let _ = call.join();
            }
        }

        fn send_sdp(&self, _: &str, offer: &WebRTCSessionDescription) {
            let offer = offer.sdp().as_text().expect("SDP");
            let url = self.url.lock().unwrap_or_else(PoisonError::into_inner);
            let url = url.clone();
            self.spawn(move |this| match exchange(&url, &offer) {
                Ok(sdp) => {
                    let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
                    this.emit_by_name::<()>("session-description", &[&SESSION, &answer]);
                }
                // webrtcsink posts it as its own error.
                Err(why) => this.emit_by_name::<()>("error", &[&why]),
            });
        }

        fn add_ice(&self, _: &str, _: &str, _: u32, _: Option<String>) {
            // The emulator is ICE-lite, so it needs no candidates.
        }

        fn end_session(&self, _: &str) {}
    }
}

/// Creates a stream with the offer. Returns the answer.
pub fn exchange(url: &str, offer: &str) -> Result<gst_sdp::SDPMessage, String> {
    let offer: Vec<_> = offer
        .lines()
        .map(|line| match line.starts_with("a=fingerprint:sha-256 ") {
            true => format!("a=fingerprint:sha-256 {}", CERTIFICATE.1),
            false => line.to_owned(),
        })
        .collect();
    let body = serde_json::json!({
        "source": {"type": "webrtc", "sdp": offer.join("\r\n") + "\r\n"},
        "mode": "frame",
        "processing": {"interval_seconds": 60.0},
        "inference": {"prompt": "?", "backend": "overshoot", "model": "Qwen/Qwen3-VL-30B-A3B-Instruct"},
    });
    let failed = |error: ureq::Error| format!("the stream could not be created: {error}");
    let mut response = ureq::post(format!("{url}/streams"))
        .header("Authorization", "Bearer bench")
        .send_json(body)
        .map_err(failed)?;
    let created: serde_json::Value = response.body_mut().read_json().map_err(failed)?;
    let answer = created["webrtc"]["sdp"].as_str().ok_or("no answer")?;
    gst_sdp::SDPMessage::parse_buffer(answer.as_bytes()).map_err(|error| error.to_string())
}
