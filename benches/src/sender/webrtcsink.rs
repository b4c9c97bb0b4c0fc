//! GStreamer's webrtcsink, made to speak to the emulator: one session, its offer sent as the service
//! wants it.

use std::sync::{LazyLock, Mutex};
use std::thread::JoinHandle;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_webrtc::{WebRTCSDPType, WebRTCSessionDescription};
use gstrswebrtc::signaller::{Signallable, SignallableImpl};
use gstrswebrtc::webrtcsink::BaseWebRTCSink;

/// The certificate in place of the RSA one that GStreamer 1.22 makes, which the emulator's WebRTC
/// stack refuses: PEM, and its fingerprint.
static CERTIFICATE: LazyLock<(String, String)> = LazyLock::new(|| {
    use sha2::{Digest, Sha256};
    let made = rcgen::generate_simple_self_signed(vec!["bench".to_owned()]).expect("a certificate");
    let digest = Sha256::digest(made.cert.der());
    let hex: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    (pem, hex.join(":"))
});

/// Adds one behind the element `tail`. `settings` is `name=value` pairs.
pub fn add(pipeline: &gst::Pipeline, url: &str, settings: &str) {
    let signaller: Signaller = glib::Object::new();
    *signaller.imp().url.lock().expect("no panic") = url.to_owned();
    let sink = BaseWebRTCSink::with_signaller(Signallable::from(signaller));
    let sink: gst::Element = sink.upcast();
    for setting in settings.split_whitespace() {
        let (name, value) = setting.split_once('=').expect("name=value");
        match name {
            "video-caps" => sink.set_property(name, value.parse::<gst::Caps>().expect("caps")),
            _ => sink.set_property_from_str(name, value),
        }
    }
    sink.connect("consumer-pipeline-created", false, |values| {
        let consumer = values[2].get::<gst::Pipeline>().expect("a pipeline");
        consumer.connect_deep_element_added(|_, _, element| {
            if element
                .factory()
                .is_some_and(|factory| factory.name() == "dtlsdec")
            {
                element.set_property("pem", &CERTIFICATE.0);
            }
        });
        None
    });
    pipeline.add(&sink).expect("it is new");
    let tail = pipeline.by_name("tail").expect("the line has one");
    tail.link(&sink).expect("it takes this");
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
        fn spawn(&self, call: impl FnOnce(super::Signaller) + Send + 'static) {
            let this = self.obj().clone();
            let call = std::thread::spawn(move || call(this));
            self.calls.lock().expect("no panic").push(call);
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
            let calls = std::mem::take(&mut *self.calls.lock().expect("no panic"));
            for call in calls {
                call.join().expect("no panic");
            }
        }

        fn send_sdp(&self, _: &str, offer: &WebRTCSessionDescription) {
            let (offer, url) = (
                offer.sdp().as_text().expect("SDP"),
                self.url.lock().expect("no panic").clone(),
            );
            self.spawn(move |this| {
                let answer = exchange(&url, &offer);
                let sdp = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes()).expect("SDP");
                let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
                this.emit_by_name::<()>("session-description", &[&SESSION, &answer]);
            });
        }

        fn add_ice(&self, _: &str, _: &str, _: u32, _: Option<String>) {
            // The emulator is ICE-lite: it waits to be found.
        }

        fn end_session(&self, _: &str) {}
    }
}

/// Creates a stream with the offer; gives the answer.
fn exchange(url: &str, offer: &str) -> String {
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
        "processing": {"interval_seconds": 1.0},
        "inference": {"prompt": "?", "backend": "overshoot", "model": "Qwen/Qwen3-VL-30B-A3B-Instruct"},
    });
    let mut response = ureq::post(format!("{url}/streams"))
        .header("Authorization", "Bearer bench")
        .send_json(body)
        .expect("the stream is made");
    let created: serde_json::Value = response.body_mut().read_json().expect("JSON");
    created["webrtc"]["sdp"]
        .as_str()
        .expect("an answer")
        .to_owned()
}
