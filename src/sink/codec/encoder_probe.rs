// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests whether a hardware encoder works. Many are registered that do not work, because a driver, a
//! permission or a free session is missing. Each encoder is probed once per process, with a real frame, and once for
//! each kind of memory that it reads.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use gst::prelude::*;

use super::device_probe;
use super::device_route::Route;
use super::encoder_settings;
use super::probe_chain::{ProbeChain, make};
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

/// The source of an encoder's frames: system memory, or a device.
pub type From = Option<&'static Route>;

/// Whether the encoder outputs frames, and right ones if they come from a device. The first call for an encoder takes up
/// to [`PROBE_TIMEOUT`].
pub fn works(factory: &gst::ElementFactory, codec: Codec, from: From) -> bool {
    let result = lock(&RESULTS)
        .entry(key(factory, from))
        .or_default()
        .clone();
    // The lock is released here, so that only callers for the same encoder wait for its probe.
    *result.get_or_init(|| match probe_with_timeout(factory, codec, from) {
        Ok(()) => {
            gst::info!(CAT, "encoder {} works", key(factory, from));
            true
        }
        Err(why) => {
            gst::warning!(CAT, "skipping encoder {}: {why}", key(factory, from));
            false
        }
    })
}

/// The result of [`works`], if the encoder has been probed.
pub fn result(factory: &gst::ElementFactory, from: From) -> Option<bool> {
    let results = lock(&RESULTS);
    results.get(&key(factory, from))?.get().copied()
}

fn key(factory: &gst::ElementFactory, from: From) -> String {
    match from {
        None => factory.name().into(),
        Some(route) => format!("{} behind {}", factory.name(), route.direct.join(" ! ")),
    }
}

/// Probes in a separate thread, because nothing else limits the time of a driver that hangs. If the probe
/// times out, the thread and everything that it holds are left behind.
fn probe_with_timeout(
    factory: &gst::ElementFactory,
    codec: Codec,
    from: From,
) -> Result<(), String> {
    let (sender, result) = mpsc::channel();
    let factory = factory.clone();
    let work = Work::begin();
    let thread = thread::Builder::new()
        .name("overshoot-probe".to_owned())
        .spawn(move || {
            let _work = work;
            // This fails after a timeout, when nobody waits for the result.
            let _ = sender.send(probe(&factory, codec, from));
        })
        .map_err(|error| error.to_string())?;
    let result = result
        .recv_timeout(PROBE_TIMEOUT)
        .map_err(|_| format!("the probe did not finish within {PROBE_TIMEOUT:?}"))?;
    // The thread has sent its result and ends now.
    let _ = thread.join();
    result
}

/// Encodes one picture.
fn probe(factory: &gst::ElementFactory, codec: Codec, from: From) -> Result<(), String> {
    let encoder =
        encoder_settings::make_unopened(factory, 1_000_000).map_err(|error| error.to_string())?;
    let chain = match from {
        None => black_frame(codec)?,
        Some(route) => device_probe::chain(route, codec)?,
    };
    let pipeline = gst::Pipeline::new();
    let result = chain.run(&pipeline, encoder, codec, FRAME_TIMEOUT);
    let stopped = pipeline.set_state(gst::State::Null);
    let encoded = result?;
    stopped.map_err(|_| "it can't go to NULL".to_owned())?;
    match from {
        None => Ok(()),
        Some(_) => device_probe::check(&encoded),
    }
}

/// A frame in system memory.
fn black_frame(codec: Codec) -> Result<ProbeChain, String> {
    let info =
        gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, WIDTH as u32, HEIGHT as u32)
            .fps(gst::Fraction::new(30, 1))
            .build()
            .map_err(|error| error.to_string())?;
    let frame = vec![16u8; (WIDTH * HEIGHT) as usize]
        .into_iter()
        .chain(vec![128u8; (WIDTH * HEIGHT / 2) as usize])
        .collect::<Vec<u8>>();
    let mut frame = gst::Buffer::from_slice(frame);
    if let Some(frame) = frame.get_mut() {
        frame.set_pts(gst::ClockTime::ZERO);
        frame.set_duration(gst::ClockTime::from_mseconds(33));
    }
    let caps = info.to_caps().map_err(|error| error.to_string())?;
    Ok(ProbeChain {
        picture: gst::Sample::builder().buffer(&frame).caps(&caps).build(),
        before: vec![make("videoconvertscale")?],
        after: Vec::new(),
        decoded: codec.encoded_caps(),
    })
}
