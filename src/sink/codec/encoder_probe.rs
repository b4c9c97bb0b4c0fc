// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests whether a hardware encoder works. Many are registered that do not work, because a driver, a
//! permission or a free session is missing. Each encoder is probed once per process, with a real frame.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use gst::prelude::*;

use super::encoder_settings;
use super::video_codec::Codec;
use crate::at_exit::Work;
use crate::lock::lock;
use crate::sink::CAT;

/// Maximum time for one frame. The first use of a driver may load a library and open a device.
const FRAME_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum time for the whole probe: stopping the pipeline comes after the frame.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1500);
/// Larger than the minimum size of any hardware encoder (nvh264enc: 145, qsvh264enc: 128).
const WIDTH: i32 = 320;
const HEIGHT: i32 = 240;

type ProbeResult = Arc<OnceLock<bool>>;
static RESULTS: LazyLock<Mutex<HashMap<String, ProbeResult>>> = LazyLock::new(Mutex::default);

/// Whether the encoder outputs frames. The first call for an encoder takes up to [`PROBE_TIMEOUT`].
pub fn works(factory: &gst::ElementFactory, codec: Codec) -> bool {
    let result = lock(&RESULTS)
        .entry(factory.name().into())
        .or_default()
        .clone();
    // The lock is released here, so that only callers for the same encoder wait for its probe.
    *result.get_or_init(|| match probe_with_timeout(factory, codec) {
        Ok(()) => {
            gst::info!(CAT, "encoder {} works", factory.name());
            true
        }
        Err(why) => {
            gst::warning!(CAT, "skipping encoder {}: {why}", factory.name());
            false
        }
    })
}

/// The result of [`works`], if the encoder has been probed.
pub fn result(factory: &gst::ElementFactory) -> Option<bool> {
    let results = lock(&RESULTS);
    results.get(factory.name().as_str())?.get().copied()
}

/// Probes in a separate thread, because nothing else limits the time of a driver that hangs. If the probe
/// times out, the thread and everything that it holds are left behind.
fn probe_with_timeout(factory: &gst::ElementFactory, codec: Codec) -> Result<(), String> {
    let (sender, result) = mpsc::channel();
    let factory = factory.clone();
    let work = Work::begin();
    let thread = thread::Builder::new()
        .name("overshoot-probe".to_owned())
        .spawn(move || {
            let _work = work;
            // This fails after a timeout, when nobody waits for the result.
            let _ = sender.send(probe(&factory, codec));
        })
        .map_err(|error| error.to_string())?;
    let result = result
        .recv_timeout(PROBE_TIMEOUT)
        .map_err(|_| format!("the probe did not finish within {PROBE_TIMEOUT:?}"))?;
    // The thread has sent its result and ends now.
    let _ = thread.join();
    result
}

/// Encodes one black frame.
fn probe(factory: &gst::ElementFactory, codec: Codec) -> Result<(), String> {
    let encoder =
        encoder_settings::make_unopened(factory, 1_000_000).map_err(|error| error.to_string())?;
    let pipeline = gst::Pipeline::new();
    let result = run(&pipeline, encoder, codec);
    let stopped = pipeline.set_state(gst::State::Null);
    result?;
    stopped.map_err(|_| "it can't go to NULL".to_owned())?;
    Ok(())
}

fn run(pipeline: &gst::Pipeline, encoder: gst::Element, codec: Codec) -> Result<(), String> {
    let make = |name: &str| {
        let element = gst::ElementFactory::make(name).build();
        element.map_err(|error| error.to_string())
    };
    let info =
        gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, WIDTH as u32, HEIGHT as u32)
            .fps(gst::Fraction::new(30, 1))
            .build()
            .map_err(|error| error.to_string())?;
    let source = gst_app::AppSrc::builder()
        .caps(&info.to_caps().map_err(|error| error.to_string())?)
        .format(gst::Format::Time)
        .build();
    let (convert, caps, sink) = (
        make("videoconvertscale")?,
        make("capsfilter")?,
        make("fakesink")?,
    );
    caps.set_property("caps", codec.encoded_caps());
    sink.set_property("sync", false);
    let chain = [source.upcast_ref(), &convert, &encoder, &caps, &sink];
    pipeline
        .add_many(chain)
        .map_err(|error| error.to_string())?;
    gst::Element::link_many(chain).map_err(|error| error.to_string())?;

    let frame_arrived = Arc::new(AtomicBool::new(false));
    let arrived = frame_arrived.clone();
    if let Some(pad) = sink.static_pad("sink") {
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            arrived.store(true, Relaxed);
            gst::PadProbeReturn::Ok
        });
    }
    let frame = vec![16u8; (WIDTH * HEIGHT) as usize]
        .into_iter()
        .chain(vec![128u8; (WIDTH * HEIGHT / 2) as usize])
        .collect::<Vec<u8>>();
    let mut frame = gst::Buffer::from_slice(frame);
    if let Some(frame) = frame.get_mut() {
        frame.set_pts(gst::ClockTime::ZERO);
        frame.set_duration(gst::ClockTime::from_mseconds(33));
    }
    let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|_| "it can't go to PLAYING".to_owned())?;
    source
        .push_buffer(frame)
        .map_err(|error| error.to_string())?;
    // EOS makes the encoder output the frame even if it would wait for more frames.
    source.end_of_stream().map_err(|error| error.to_string())?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let timeout = gst::ClockTime::try_from(FRAME_TIMEOUT).unwrap_or(gst::ClockTime::SECOND);
    match bus.timed_pop_filtered(timeout, &wanted) {
        Some(message) => match message.view() {
            gst::MessageView::Error(error) => Err(error.error().to_string()),
            _ if frame_arrived.load(Relaxed) => Ok(()),
            _ => Err("it outputs no frame".to_owned()),
        },
        None => Err(format!("it outputs no frame within {FRAME_TIMEOUT:?}")),
    }
}
