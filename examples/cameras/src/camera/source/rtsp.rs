// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An RTSP camera. Only its first track of video is requested, and its first one of sound if it is recorded.
//!
//! ```text
//! rtspsrc ! rtph264depay ! h264parse
//! rtspsrc ! decodebin                    (codecs that overshootsink does not take)
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::prelude::*;

use super::link::{link, parser_of};
use super::notice::{Notice, Track};
use super::packages::make;
use super::{CAMERA_TIMEOUT_SECONDS, Purpose, sound};
use crate::camera::fault::Fault;
use crate::camera::sound::Sound;
use crate::config::CameraUrl;

/// Length of the jitter buffer: how long it waits for a lost packet.
const JITTER_BUFFER_MS: u32 = 200;
/// The same with TCP, where no packet is lost. Frames that are later than this get other timestamps than the camera gave
/// them, so it is longer. Only the first frame may wait for it: some cameras announce a packet before the first one that
/// they send.
const TCP_JITTER_BUFFER_MS: u32 = 1000;
/// A camera describes its video after OPTIONS and DESCRIBE, one of them sent once more with the login.
const MAX_REQUESTS_BEFORE_SDP: u64 = 3;
/// The codecs that overshootsink takes as they are: the name in RTP, the depayloader, and what it makes.
const CODECS: [(&str, &str, &str); 5] = [
    ("H264", "rtph264depay", "video/x-h264"),
    ("H265", "rtph265depay", "video/x-h265"),
    ("JPEG", "rtpjpegdepay", "image/jpeg"),
    ("VP8", "rtpvp8depay", "video/x-vp8"),
    ("VP9", "rtpvp9depay", "video/x-vp9"),
];

pub fn build(
    url: &CameraUrl,
    input: &gst::Pad,
    purpose: Purpose,
    sound: Option<Arc<Sound>>,
) -> Result<gst::Element, Fault> {
    let source = make("rtspsrc")?;
    source.set_property("location", url.without_login());
    if let Some(user) = url.user() {
        source.set_property("user-id", &*user);
        limit_logins(&source);
    }
    if let Some(password) = url.password() {
        source.set_property("user-pw", &*password);
    }
    let jitter_buffer = match url.uses_udp() {
        true => JITTER_BUFFER_MS,
        false => TCP_JITTER_BUFFER_MS,
    };
    source.set_property("latency", jitter_buffer);
    let microseconds = u64::from(CAMERA_TIMEOUT_SECONDS) * 1_000_000;
    source.set_property("tcp-timeout", microseconds);
    if url.allows_any_transport() {
        // Passed-through video cannot be repaired after a lost packet, so use TCP.
        source.set_property_from_str("protocols", "tcp");
    }
    let (has_video, has_sound) = (AtomicBool::new(false), AtomicBool::new(false));
    let recorder = sound.clone();
    source.connect("select-stream", false, move |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        let structure = caps.structure(0)?;
        let codec = structure.get::<&str>("encoding-name").unwrap_or("unknown");
        let (track, is_wanted) = match structure.get::<&str>("media") {
            Ok("video") => (Track::Video, !has_video.swap(true, Ordering::Relaxed)),
            Ok("audio") if !sound::is_known(codec) => {
                if let Some(recorder) = &recorder {
                    sound::refuse(recorder, codec);
                }
                (Track::OtherSound, false)
            }
            Ok("audio") if has_sound.swap(true, Ordering::Relaxed) => (Track::Sound, false),
            Ok("audio") => (Track::Sound, recorder.is_some()),
            _ => return Some(false.to_value()),
        };
        if is_wanted || track != Track::Video {
            Notice::new(track, codec).post(&source);
        }
        Some(is_wanted.to_value())
    });
    source.connect("accept-certificate", false, |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        Fault::certificate(values.get(3)?).post(&source);
        Some(false.to_value())
    });
    source.connect_no_more_pads(|source| {
        let pads = source.src_pads();
        if !pads
            .iter()
            .any(|pad| media_of(pad).as_deref() == Some("video"))
        {
            Fault::no_video().post(source);
        }
    });
    let input = input.downgrade();
    source.connect_pad_added(move |source, pad| {
        if let Some(sound) = &sound
            && media_of(pad).as_deref() == Some("audio")
        {
            return sound::link_sound(source, pad, sound);
        }
        let Some(input) = input.upgrade().filter(|input| !input.is_linked()) else {
            return;
        };
        if let Err(fault) = link_track(source, pad, &input, purpose) {
            fault.post(source);
        }
    });
    Ok(source)
}

/// After a refused login, rtspsrc repeats it seven times. Cameras lock an account after five.
///
/// The signal does not show what is sent, so this counts.
fn limit_logins(source: &gst::Element) {
    let sent = AtomicU64::new(0);
    let has_sdp = Arc::new(AtomicBool::new(false));
    let logged_in = has_sdp.clone();
    source.connect("on-sdp", false, move |_| {
        has_sdp.store(true, Ordering::Relaxed);
        None
    });
    source.connect("before-send", false, move |values| {
        let allowed = logged_in.load(Ordering::Relaxed)
            || sent.fetch_add(1, Ordering::Relaxed) < MAX_REQUESTS_BEFORE_SDP;
        if !allowed {
            let source = values.first()?.get::<gst::Element>().ok()?;
            Fault::wrong_password().post(&source);
        }
        Some(allowed.to_value())
    });
}

/// `video` or `audio`.
fn media_of(pad: &gst::Pad) -> Option<String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    caps.structure(0)?.get("media").ok()
}

fn link_track(
    source: &gst::Element,
    pad: &gst::Pad,
    input: &gst::Pad,
    purpose: Purpose,
) -> Result<(), Fault> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let name = caps
        .structure(0)
        .and_then(|structure| structure.get::<&str>("encoding-name").ok());
    let known = CODECS.into_iter().find(|(codec, ..)| Some(*codec) == name);
    match known {
        Some((_, depayloader, media_type)) => {
            let parser = parser_of(media_type, purpose);
            link(source, pad, input, Some(depayloader), parser)
        }
        None => link_decoder(source, pad, input),
    }
}

/// Decodes a codec that overshootsink does not take.
fn link_decoder(source: &gst::Element, pad: &gst::Pad, input: &gst::Pad) -> Result<(), Fault> {
    let decoder = make("decodebin")?;
    let bin = source.parent().and_downcast::<gst::Bin>();
    let bin = bin.ok_or_else(|| Fault::failed("the source was removed"))?;
    bin.add(&decoder).map_err(Fault::broken)?;
    let input = input.downgrade();
    decoder.connect_pad_added(move |decoder, pad| {
        let linked = input.upgrade().filter(|input| !input.is_linked());
        if let Some(Err(error)) = linked.map(|input| pad.link(&input)) {
            Fault::broken(error).post(decoder);
        }
    });
    let sink = decoder.static_pad("sink");
    let sink = sink.ok_or_else(|| Fault::failed("decodebin has no pad"))?;
    decoder.sync_state_with_parent().map_err(Fault::broken)?;
    pad.link(&sink).map_err(Fault::broken)?;
    Ok(())
}
