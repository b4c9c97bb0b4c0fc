//! Whether an encoder that needs hardware works: many are registered that don't, for want of a
//! driver, of a permission, of a free session. Each is tried once a process, with a real frame.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use gst::prelude::*;

use super::encoder_settings;
use super::video_codec::Codec;
use crate::sink::CAT;

/// Longest time for one frame; the first use of a driver may load a library and open a device.
const FRAME_TIMEOUT: Duration = Duration::from_secs(1);
/// Larger than the least that any hardware takes (nvh264enc 145, qsvh264enc 128).
const WIDTH: i32 = 320;
const HEIGHT: i32 = 240;

type ProbeResult = Arc<OnceLock<bool>>;
static RESULTS: LazyLock<Mutex<HashMap<String, ProbeResult>>> = LazyLock::new(Mutex::default);

/// Whether frames come out of it. Takes up to [`FRAME_TIMEOUT`] when it is asked for the first time.
pub fn works(factory: &gst::ElementFactory, codec: Codec) -> bool {
    let result = RESULTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(factory.name().into())
        .or_default()
        .clone();
    // Without the lock: whoever asks for the same one waits, for others nobody does.
    *result.get_or_init(|| match probe_with_timeout(factory, codec) {
        Ok(()) => {
            gst::info!(CAT, "{} works", factory.name());
            true
        }
        Err(why) => {
            gst::warning!(CAT, "{} is passed over: {why}", factory.name());
            false
        }
    })
}

/// In a thread of its own, as nothing else bounds a driver that hangs. Such a thread is left
/// behind, with all that it holds.
fn probe_with_timeout(factory: &gst::ElementFactory, codec: Codec) -> Result<(), String> {
    let (sender, result) = mpsc::channel();
    let factory = factory.clone();
    let thread = thread::Builder::new()
        .name("overshoot-probe".to_owned())
        .spawn(move || {
            // Nobody listens any more where the bound was passed.
            let _ = sender.send(probe(&factory, codec));
        })
        .map_err(|error| error.to_string())?;
    let result = result
        // The last of it is stopping, which the bound of the frame does not hold.
        .recv_timeout(FRAME_TIMEOUT + FRAME_TIMEOUT / 2)
        .map_err(|_| {
            format!(
                "it does not answer within {:?}",
                FRAME_TIMEOUT + FRAME_TIMEOUT / 2
            )
        })?;
    // It has said its last word.
    let _ = thread.join();
    result
}

/// Has it encode one black frame.
fn probe(factory: &gst::ElementFactory, codec: Codec) -> Result<(), String> {
    let encoder =
        encoder_settings::make_unopened(factory, 1_000_000).map_err(|error| error.to_string())?;
    let pipeline = gst::Pipeline::new();
    let result = run(&pipeline, encoder, codec);
    let stopped = pipeline.set_state(gst::State::Null);
    result?;
    stopped.map_err(|_| "it does not stop".to_owned())?;
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

    let came = Arc::new(AtomicBool::new(false));
    let seen = came.clone();
    if let Some(pad) = sink.static_pad("sink") {
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            seen.store(true, Relaxed);
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
    let bus = pipeline.bus().ok_or("a pipeline has no bus")?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|_| "it does not open".to_owned())?;
    source
        .push_buffer(frame)
        .map_err(|error| error.to_string())?;
    // What it holds back for more frames comes out now.
    source.end_of_stream().map_err(|error| error.to_string())?;
    let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
    let bound = gst::ClockTime::try_from(FRAME_TIMEOUT).unwrap_or(gst::ClockTime::SECOND);
    match bus.timed_pop_filtered(bound, &wanted) {
        Some(message) => match message.view() {
            gst::MessageView::Error(error) => Err(error.error().to_string()),
            _ if came.load(Relaxed) => Ok(()),
            _ => Err("no frame comes out".to_owned()),
        },
        None => Err(format!("no frame comes out within {FRAME_TIMEOUT:?}")),
    }
}
