// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Links the sound of a source to its recorder. Whatever happens here, the video goes on.
//!
//! ```text
//! errorignore ! rtpmp4gdepay ! aacparse ! appsink
//! ```

use std::str::FromStr;
use std::sync::Arc;

use gst::prelude::*;

use super::link::link;
use super::packages::make;
use crate::camera::fault::Fault;
use crate::camera::sound::{Packet, Sound};

const BIN: &str = "overshoot-cameras-sound";

/// The sound of RTP that Matroska can hold: the name of the codec, the depayloader, and what it makes.
const CODECS: [(&str, &str, &str); 11] = [
    ("PCMU", "rtppcmudepay", "audio/x-mulaw"),
    ("PCMA", "rtppcmadepay", "audio/x-alaw"),
    ("MPEG4-GENERIC", "rtpmp4gdepay", "audio/mpeg,mpegversion=4"),
    ("MP4A-LATM", "rtpmp4adepay", "audio/mpeg,mpegversion=4"),
    ("OPUS", "rtpopusdepay", "audio/x-opus"),
    ("G722", "rtpg722depay", "audio/G722"),
    ("G726-32", "rtpg726depay", "audio/x-adpcm"),
    ("L16", "rtpL16depay", "audio/x-raw"),
    ("L24", "rtpL24depay", "audio/x-raw"),
    ("MPA", "rtpmpadepay", "audio/mpeg,mpegversion=1"),
    ("AC3", "rtpac3depay", "audio/x-ac3"),
];

/// Whether a recording can hold the sound of this codec of RTP.
pub fn is_known(codec: &str) -> bool {
    CODECS.into_iter().any(|(name, ..)| name == codec)
}

/// Whether a recording can hold sound of these caps.
pub fn is_recordable(caps: &gst::Caps) -> bool {
    parser(caps).is_some() || {
        let muxer = gst::ElementFactory::find("matroskamux");
        muxer.is_some_and(|muxer| muxer.can_sink_any_caps(caps))
    }
}

/// The parser that Matroska needs, and what it makes.
fn parser(caps: &gst::CapsRef) -> Option<(&'static str, gst::Caps)> {
    let structure = caps.structure(0)?;
    let parsed = gst::Caps::builder(structure.name().as_str());
    match (structure.name().as_str(), structure.get("mpegversion")) {
        ("audio/mpeg", Ok(1)) => Some(("mpegaudioparse", parsed.build())),
        ("audio/mpeg", _) => Some(("aacparse", parsed.field("stream-format", "raw").build())),
        ("audio/x-ac3", _) => Some(("ac3parse", parsed.build())),
        _ => None,
    }
}

/// Says that a recording cannot hold the sound of this codec.
pub fn refuse(sound: &Sound, codec: &str) {
    sound.refuse(format!(
        "a Matroska file can't hold sound of the codec {codec}"
    ));
}

/// Links a pad with sound.
pub fn link_sound(source: &gst::Element, pad: &gst::Pad, sound: &Arc<Sound>) {
    if let Err(fault) = try_link(source, pad, sound) {
        sound.refuse(fault.text);
    }
}

/// Whether a message is from the elements of the sound.
pub fn is_of_sound(message: &gst::Message) -> bool {
    let mut object = message.src().cloned();
    while let Some(current) = object {
        if current.name() == BIN {
            return true;
        }
        object = current.parent();
    }
    false
}

fn try_link(source: &gst::Element, pad: &gst::Pad, sound: &Arc<Sound>) -> Result<(), Fault> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let rtp = caps
        .structure(0)
        .and_then(|all| all.get::<&str>("encoding-name").ok());
    let known = CODECS.into_iter().find(|(codec, ..)| Some(*codec) == rtp);
    let (depayloader, caps) = match known {
        Some((_, depayloader, caps)) => (Some(depayloader), gst::Caps::from_str(caps)),
        None => (None, Ok(caps)),
    };
    let caps = caps.map_err(Fault::broken)?;

    let entry = make("errorignore")?;
    // The source does not notice that anything failed.
    entry.set_property_from_str("convert-to", "ok");
    let recorder = recorder(sound);
    let bin = gst::Bin::with_name(BIN);
    bin.add_many([&entry, recorder.upcast_ref()])
        .map_err(Fault::broken)?;
    let pads = (
        entry.static_pad("sink"),
        entry.static_pad("src"),
        recorder.static_pad("sink"),
    );
    let (Some(input), Some(output), Some(end)) = pads else {
        return Err(Fault::failed("the elements have no pads"));
    };
    link(&entry, &output, &end, depayloader, parser(&caps))?;
    let input = gst::GhostPad::with_target(&input).map_err(Fault::broken)?;
    bin.add_pad(&input).map_err(Fault::broken)?;
    let parent = source.parent().and_downcast::<gst::Bin>();
    let parent = parent.ok_or_else(|| Fault::failed("the source was removed"))?;
    parent.add(&bin).map_err(Fault::broken)?;
    bin.sync_state_with_parent().map_err(Fault::broken)?;
    pad.link(&input).map_err(Fault::broken)?;
    Ok(())
}

/// Passes the sound on. It never blocks, and nothing waits for it.
fn recorder(sound: &Arc<Sound>) -> gst_app::AppSink {
    let (newest, ended) = (sound.clone(), sound.clone());
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let Some(packet) = packet(&sample) {
                newest.push(packet);
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .eos(move |_| ended.end());
    gst_app::AppSink::builder()
        .sync(false)
        .async_(false)
        .enable_last_sample(false)
        .callbacks(callbacks.build())
        .build()
}

/// `None`: it has no time, so it has no place in a recording.
fn packet(sample: &gst::SampleRef) -> Option<Packet> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    Some(Packet {
        time: segment.to_running_time(buffer.pts()?)?,
        caps: sample.caps_owned()?,
        buffer,
    })
}
