// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What `check` prints about a camera: as a line of text, or as a line of JSON.

use serde::Serialize;
use serde_json::json;

use super::seen::Seen;
use crate::camera::fault::Fault;
use crate::camera::source::Notice;

const RAW: &str = "video/x-raw";

#[derive(Debug, Serialize)]
pub struct Report {
    codec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i32>,
    /// Measured, not what the camera says.
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    /// `null`: there was no second one.
    key_frame_seconds: Option<f64>,
    /// The codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<String>,
    /// Whether a recording can hold the sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    sound_recorded: Option<bool>,
    handling: Handling,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Whether it arrives at the element without an encoding.
    #[serde(skip)]
    is_raw: bool,
}

/// What the element would do with the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Handling {
    PassedThrough,
    /// Passed through if the service takes this codec.
    Negotiated,
    /// JPEGs: only those that are sent are decoded and encoded.
    SingleFrames,
    Reencoded,
}

impl Report {
    pub fn new(codec: Option<String>, sound: Option<Notice>, caps: gst::Caps, seen: &Seen) -> Self {
        let structure = caps.structure(0);
        let number = |field| structure.and_then(|all| all.get::<i32>(field).ok());
        let media_type = structure.map_or("", |all| all.name().as_str());
        let (handling, why) = judge(media_type, codec.as_deref(), &caps, seen);
        let is_raw = media_type == RAW;
        Self {
            codec: codec.unwrap_or_else(|| "raw video".to_owned()),
            profile: structure.and_then(|all| all.get("profile").ok()),
            width: number("width"),
            height: number("height"),
            fps: seen.fps().map(|fps| (fps * 10.0).round() / 10.0),
            key_frame_seconds: seen.key_frame_seconds().filter(|_| !is_raw),
            is_raw,
            sound_recorded: sound.as_ref().map(Notice::is_recorded),
            sound: sound.map(|notice| notice.codec),
            handling,
            why,
        }
    }
}

/// What the element does with video of these caps, and why.
fn judge(
    media_type: &str,
    codec: Option<&str>,
    caps: &gst::CapsRef,
    seen: &Seen,
) -> (Handling, Option<String>) {
    let reencoded = |why: &str| (Handling::Reencoded, Some(why.to_owned()));
    match media_type {
        "image/jpeg" => (Handling::SingleFrames, None),
        "video/x-h264" | "video/x-h265" | "video/x-vp8" | "video/x-vp9" | "video/x-av1" => {
            if let Some(why) = gstovershoot::sink::reencoding_reason(caps) {
                return reencoded(&why);
            }
            if seen.reordered {
                return reencoded("it has B-frames, and WebRTC can't carry them");
            }
            match media_type {
                "video/x-h264" | "video/x-vp8" => (Handling::PassedThrough, None),
                _ => (Handling::Negotiated, None),
            }
        }
        _ => match codec {
            Some(codec) => reencoded(&format!("WebRTC can't carry {codec}")),
            None => reencoded("it is not encoded yet"),
        },
    }
}

pub fn to_text(result: &Result<Report, Fault>) -> String {
    let report = match result {
        Ok(report) => report,
        Err(fault) => return format!("no video ({}): {}", fault.reason.word(), fault.text),
    };
    let mut parts = vec![match &report.profile {
        Some(profile) => format!("{} {profile}", report.codec),
        None => report.codec.clone(),
    }];
    if let Some((width, height)) = report.width.zip(report.height) {
        parts.push(format!("{width}x{height}"));
    }
    if let Some(fps) = report.fps {
        parts.push(format!("{fps:.1} frames/s"));
    }
    if !report.is_raw && report.handling != Handling::SingleFrames {
        parts.push(match report.key_frame_seconds {
            Some(seconds) => format!("a key frame every {seconds:.1} s"),
            None => "only one key frame was seen".to_owned(),
        });
    }
    parts.push(match &report.sound {
        Some(codec) if report.sound_recorded == Some(true) => format!("sound {codec}"),
        Some(codec) => format!("sound {codec} (a recording can't hold it)"),
        None => "no sound".to_owned(),
    });
    let handling = match report.handling {
        Handling::PassedThrough => "passed through".to_owned(),
        Handling::Negotiated => {
            "passed through if the service takes this codec, otherwise decoded and encoded again"
                .to_owned()
        }
        Handling::SingleFrames => {
            "only the pictures that are sent are decoded and encoded again".to_owned()
        }
        Handling::Reencoded => format!(
            "decoded and encoded again: {}",
            report.why.as_deref().unwrap_or_default()
        ),
    };
    format!("{}: {handling}", parts.join(", "))
}

pub fn to_json(camera: &str, result: &Result<Report, Fault>) -> String {
    let line = match result {
        Ok(report) => {
            let mut line = json!(report);
            line["camera"] = json!(camera);
            line["ok"] = json!(true);
            line
        }
        Err(fault) => json!({
            "camera": camera,
            "ok": false,
            "reason": fault.reason.word(),
            "text": fault.text,
        }),
    };
    line.to_string()
}
