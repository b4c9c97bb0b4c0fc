// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Decodes frames with GStreamer, and passes the pictures to the stream and the record.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gst::prelude::*;

use crate::codec::Codec;
use crate::lock::lock;
use crate::media::picture::{self, Timing};
use crate::records::event::Event;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How many frames may wait for the decoder; further frames are dropped until the next keyframe.
const MAX_QUEUED_FRAMES: u64 = 60;

/// One running decoder.
pub(crate) struct Decoder {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    shared: Arc<Shared>,
    codec: Codec,
}

/// What the pipeline's threads need.
struct Shared {
    live: Arc<LiveStream>,
    app: Arc<App>,
    /// The frames that the decoder has not returned yet, in the order of their timestamps.
    pending: Mutex<VecDeque<PendingFrame>>,
    failed: AtomicBool,
}

#[derive(Clone, Copy)]
struct PendingFrame {
    pts: gst::ClockTime,
    rtp_time: u64,
    arrived: Instant,
    keyframe: bool,
}

/// A frame from the network.
pub(crate) struct EncodedFrame {
    pub data: Arc<[u8]>,
    pub rtp_time: u64,
    pub arrived: Instant,
    pub keyframe: bool,
}

/// The caps of the frames that str0m reassembles, and the decoders to try.
fn decoder_chain(codec: Codec) -> (&'static str, &'static [&'static str]) {
    match codec {
        Codec::Vp8 => ("video/x-vp8", &["vp8dec threads=1"]),
        Codec::Vp9 => ("video/x-vp9", &["vp9dec threads=1"]),
        // More threads would delay the output: by one frame for each thread. openh264dec wants the profile in its caps,
        // which the parser finds in the video, and it delays the output by a frame.
        Codec::H264 => (
            "video/x-h264,stream-format=byte-stream,alignment=au",
            &["avdec_h264 max-threads=1", "h264parse ! openh264dec"],
        ),
        Codec::H265 => (
            "video/x-h265,stream-format=byte-stream,alignment=au",
            &["avdec_h265 max-threads=1", "libde265dec"],
        ),
        Codec::Av1 => (
            "video/x-av1,stream-format=obu-stream,alignment=tu",
            &["dav1ddec n-threads=1", "av1dec"],
        ),
    }
}

/// The first decoder of a codec that this machine has.
pub(crate) fn decoder_for(codec: Codec) -> Option<&'static str> {
    let launches = decoder_chain(codec).1.iter().copied();
    launches.clone().find(|launch| factory(launch).is_some())
}

/// The last element of a launch line, the decoder.
fn factory(launch: &str) -> Option<gst::ElementFactory> {
    let decoder = launch.rsplit("! ").next()?;
    gst::ElementFactory::find(decoder.split(' ').next()?)
}

/// Loads the libraries of the decoders. This takes a tenth of a second. If it happened with the first frame,
/// it would block the media socket for longer than the kernel's buffer lasts.
pub(crate) fn load(codecs: &[Codec]) {
    for launch in codecs.iter().filter_map(|codec| decoder_for(*codec)) {
        // A decoder that does not load is reported when it is needed.
        let _ = factory(launch).map(|factory| factory.load());
    }
}

impl Decoder {
    pub(crate) fn start(
        codec: Codec,
        live: Arc<LiveStream>,
        app: Arc<App>,
    ) -> Result<Self, String> {
        let decoder =
            decoder_for(codec).ok_or_else(|| format!("this machine has no decoder for {codec}"))?;
        let caps = decoder_chain(codec).0;
        let description = format!(
            "appsrc name=in format=time is-live=true caps={caps} \
             ! {decoder} ! videoconvert ! video/x-raw,format=I420 ! appsink name=out sync=false"
        );
        let pipeline = gst::parse::launch(&description)
            .map_err(|error| error.to_string())?
            .downcast::<gst::Pipeline>()
            .map_err(|_| "not a pipeline".to_owned())?;
        let (source, sink) = (pipeline.by_name("in"), pipeline.by_name("out"));
        let (Some(Ok(source)), Some(Ok(sink))) = (
            source.map(|e| e.downcast::<gst_app::AppSrc>()),
            sink.map(|e| e.downcast::<gst_app::AppSink>()),
        ) else {
            return Err("the pipeline has no appsrc or no appsink".to_owned());
        };
        let shared = Arc::new(Shared {
            live,
            app,
            pending: Mutex::new(VecDeque::new()),
            failed: AtomicBool::new(false),
        });
        let on_sample = shared.clone();
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    on_sample.decoded(sample, Instant::now());
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        let on_message = shared.clone();
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    on_message.failed.store(true, Ordering::Release);
                    on_message.app.emit(&Event::MediaTrouble {
                        stream: on_message.live.id.clone(),
                        message: format!("the decoder failed: {}", error.error()),
                    });
                }
                gst::BusSyncReply::Drop
            });
        }
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|error| error.to_string())?;
        Ok(Decoder {
            pipeline,
            source,
            shared,
            codec,
        })
    }

    /// Passes a frame to the decoder. False: the frame is lost, and a keyframe is needed.
    pub(crate) fn push(&self, frame: EncodedFrame) -> bool {
        if self.source.current_level_buffers() >= MAX_QUEUED_FRAMES {
            return false;
        }
        // From 90 kHz to nanoseconds, exact even after days.
        let pts = gst::ClockTime::from_nseconds((u128::from(frame.rtp_time) * 100_000 / 9) as u64);
        {
            let mut pending = lock(&self.shared.pending);
            if pending.len() >= 2 * MAX_QUEUED_FRAMES as usize {
                pending.pop_front();
            }
            pending.push_back(PendingFrame {
                pts,
                rtp_time: frame.rtp_time,
                arrived: frame.arrived,
                keyframe: frame.keyframe,
            });
        }
        let mut buffer = gst::Buffer::from_slice(FrameBytes(frame.data));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(pts);
            if !frame.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        self.source.push_buffer(buffer).is_ok()
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether the decoder failed and must be replaced.
    pub(crate) fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Acquire)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // This joins the streaming threads. If it fails, nobody can act on it.
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// The bytes of a frame, as an owner that GStreamer accepts.
struct FrameBytes(Arc<[u8]>);

impl AsRef<[u8]> for FrameBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Shared {
    fn decoded(&self, mut sample: gst::Sample, at: Instant) {
        let Some(pts) = sample.buffer().and_then(gst::BufferRef::pts) else {
            return;
        };
        let pending = {
            let mut pending = lock(&self.pending);
            // The decoder dropped the older ones.
            while pending.front().is_some_and(|frame| frame.pts < pts) {
                pending.pop_front();
            }
            match pending.front() {
                Some(frame) if frame.pts == pts => pending.pop_front(),
                _ => None,
            }
        };
        let Some(pending) = pending else { return };
        declare_colours(&mut sample);
        let timing = Timing {
            rtp_time: pending.rtp_time,
            keyframe: pending.keyframe,
            arrived: pending.arrived,
            decoded: at,
        };
        picture::take(&self.live, &self.app, sample, timing);
    }
}

/// VP8 is BT.601 (RFC 6386, 9.2), and receivers assume the same of a stream that does not say. GStreamer would
/// take HD for BT.709.
fn declare_colours(sample: &mut gst::Sample) {
    let silent = |caps: &gst::CapsRef| {
        caps.structure(0)
            .is_some_and(|s| !s.has_field("colorimetry"))
    };
    if sample.caps().is_some_and(silent)
        && let Some(mut caps) = sample.caps_owned()
    {
        caps.make_mut().set("colorimetry", "bt601");
        sample.make_mut().set_caps(Some(&caps));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each frame comes out before the next one goes in, with each codec that this machine can encode.
    #[test]
    fn every_codec_is_decoded_without_delay() {
        gst::init().expect("GStreamer");
        for (codec, encoder) in [
            (Codec::Vp8, "vp8enc deadline=1"),
            (Codec::Vp9, "vp9enc deadline=1 lag-in-frames=0 cpu-used=8"),
            (Codec::H264, "x264enc tune=zerolatency ! h264parse"),
            (Codec::H265, "x265enc tune=zerolatency ! h265parse"),
            (
                Codec::Av1,
                "av1enc cpu-used=8 usage-profile=realtime lag-in-frames=0",
            ),
        ] {
            let name = encoder.split(' ').next().unwrap_or(encoder);
            let Some(decoder) =
                decoder_for(codec).filter(|_| gst::ElementFactory::find(name).is_some())
            else {
                println!("{codec}: not here");
                continue;
            };
            let pipeline = gst::parse::launch(&format!(
                "appsrc name=in format=time caps=video/x-raw,format=I420,width=320,height=240,framerate=30/1 \
                 ! {encoder} ! {} ! {decoder} ! appsink name=out sync=false",
                decoder_chain(codec).0
            ))
            .expect("a pipeline")
            .downcast::<gst::Pipeline>()
            .expect("a pipeline");
            let source = pipeline
                .by_name("in")
                .and_then(|e| e.downcast::<gst_app::AppSrc>().ok());
            let sink = pipeline
                .by_name("out")
                .and_then(|e| e.downcast::<gst_app::AppSink>().ok());
            let (source, sink) = source.zip(sink).expect("both ends");
            pipeline.set_state(gst::State::Playing).expect("it plays");
            for number in 0..5_u64 {
                let mut buffer = gst::Buffer::from_slice(vec![100_u8; 320 * 240 * 3 / 2]);
                let pts = gst::ClockTime::from_mseconds(number * 33);
                buffer.make_mut().set_pts(pts);
                source.push_buffer(buffer).expect("taken");
                // Before the next frame goes in.
                let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(5));
                let sample = sample.unwrap_or_else(|| panic!("{codec}: frame {number} waits"));
                assert!(sample.caps().is_some(), "{codec}");
            }
            pipeline.set_state(gst::State::Null).expect("it stops");
            println!("{codec}: decoded by {decoder}");
        }
    }
}
