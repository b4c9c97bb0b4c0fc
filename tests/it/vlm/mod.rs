//! A vision model behind the emulator: what its endpoint is asked and shown, and what becomes of its
//! answers, from the element's video to the element's messages, on both generations.

mod endpoint;
mod pushed;
mod questions;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::pipeline::Posted;
use crate::common::{Pipeline, Service};
use endpoint::{Asked, Endpoint, VLM_KEY};
use overshoot_emulator::{Config, Engine, EventSink, Vlm};

const WAIT: Duration = Duration::from_secs(30);
/// As `videotestsrc` wants it, and as it must come out.
const ORANGE: (&str, [u8; 3]) = ("0xffe07820", [0xe0, 0x78, 0x20]);

/// What the emulator told of itself.
type Told = Arc<Mutex<String>>;

fn vlm(endpoint: &Endpoint) -> Vlm {
    Vlm::new(&endpoint.url, Some(VLM_KEY.to_owned())).expect("a good URL")
}

fn service(api: &str, vlm: Vlm) -> (Service, Told) {
    let told = Told::default();
    let telling = told.clone();
    let service = Service::of(api, |config: &mut Config| {
        config.engine = Engine::Vlm(vlm);
        config.on_event = Some(EventSink::new(move |event| {
            *telling.lock().expect("no panic") += &format!("{event:?}\n");
        }));
    });
    (service, told)
}

/// Live pictures of one colour, with a code in a corner.
fn line(size: (u32, u32), properties: &str) -> String {
    let ((width, height), (colour, _)) = (size, ORANGE);
    format!(
        "videotestsrc is-live=true pattern=solid-color foreground-color={colour} \
         ! video/x-raw,format=I420,width={width},height={height},framerate=30/1 \
         ! debugqroverlay pixel-size=4 ! overshootsink name=o {properties}"
    )
}

fn result(pipeline: &Pipeline, what: impl Fn(&Posted) -> bool) -> Posted {
    pipeline.wait_for("an answer", WAIT, |message| {
        let structure = message.structure()?.to_owned();
        let posted = Posted {
            at: std::time::Instant::now(),
            structure,
        };
        (posted.structure.name() == "overshoot-result" && what(&posted)).then_some(posted)
    })
}

fn is_ok(posted: &Posted) -> bool {
    posted.structure.get("ok") == Ok(true)
}

/// The colour is right, and each picture has a code of its own.
fn assert_shown(asked: &Asked, size: (u32, u32), count: usize) {
    assert_eq!(asked.pictures.len(), count);
    let mut codes = Vec::new();
    for picture in &asked.pictures {
        assert_eq!(
            (picture.width, picture.height),
            (size.0 as usize, size.1 as usize)
        );
        let off = picture.corner.iter().zip(ORANGE.1);
        let off = off.map(|(a, b)| a.abs_diff(b)).max();
        assert!(off < Some(6), "{:?} is not {:?}", picture.corner, ORANGE.1);
        codes.push(picture.code.clone().expect("a code"));
    }
    let shown = codes.clone();
    codes.dedup();
    assert_eq!(codes, shown);
}

/// No message, answer or event has the endpoint's key.
fn assert_secret(pipeline: &Pipeline, told: &Told) {
    let messages: String = pipeline
        .messages()
        .iter()
        .filter_map(|(_, message)| Some(message.structure()?.to_string()))
        .collect();
    for text in [&messages, &*told.lock().expect("no panic")] {
        assert!(!text.contains(VLM_KEY), "{text}");
    }
}
