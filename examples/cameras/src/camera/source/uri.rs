// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Everything that is not RTSP: HTTP (MJPEG, HLS, plain files), RTMP, SRT, files, and cameras of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;

use super::link::{link, parser_of};
use super::notice::{Notice, Track};
use super::packages::make;
use super::{CAMERA_TIMEOUT_SECONDS, Purpose, sound};
use crate::camera::fault::{Fault, Reason};
use crate::camera::sound::Sound;
use crate::config::CameraUrl;

/// What overshootsink takes as it is.
const TAKEN: [&str; 7] = [
    "video/x-raw",
    "video/x-h264",
    "video/x-h265",
    "video/x-vp8",
    "video/x-vp9",
    "video/x-av1",
    "image/jpeg",
];
/// What a camera of this machine is asked for. JPEGs have the best rate and size.
const DEVICE_CAPS: &str = "image/jpeg; video/x-raw; video/x-h264";

/// Finds out what it is, and decodes it only if overshootsink does not take it.
pub fn build(
    url: &CameraUrl,
    input: &gst::Pad,
    purpose: Purpose,
    sound: Option<Arc<Sound>>,
) -> Result<gst::Element, Fault> {
    let source = make("uridecodebin")?;
    source.set_property("uri", url.without_login());
    let login = url.user().map(|user| {
        let password = url.password().unwrap_or_default();
        (user.into_owned(), password.into_owned())
    });
    source.connect("source-setup", false, move |values| {
        let reader = values.get(1)?.get::<gst::Element>().ok()?;
        set_up(&reader, login.as_ref());
        None
    });
    source.connect("deep-element-added", false, |values| {
        let element = values.get(2)?.get::<gst::Element>().ok()?;
        if element.factory()?.name() == "multipartdemux" {
            // MJPEG. Otherwise it waits for other streams, until its buffers are full.
            element.set_property("single-stream", true);
        }
        None
    });
    source.connect("autoplug-continue", false, |values| {
        let source = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        let name = caps.structure(0)?.name();
        if name.starts_with("video/") && !name.starts_with("video/x-raw") || name == "image/jpeg" {
            // Of containers as well. The last one counts.
            Notice::new(Track::Video, video_name(&caps)).post(&source);
        }
        let ready = TAKEN.contains(&name.as_str());
        let wanted = name.starts_with("video/") || name.starts_with("image/");
        let container = name.starts_with("application/") || name.starts_with("multipart/");
        Some(((wanted || container) && !ready).to_value())
    });
    let linked = input.downgrade();
    source.connect_no_more_pads(move |source| {
        if linked.upgrade().is_some_and(|input| !input.is_linked()) {
            let text = "there is no video in it: correct the url";
            Fault::new(Reason::NoVideo, text).post(source);
        }
    });
    let input = input.downgrade();
    let has_sound = AtomicBool::new(false);
    source.connect_pad_added(move |source, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let Some(name) = caps
            .structure(0)
            .map(|structure| structure.name().to_string())
        else {
            return;
        };
        if name.starts_with("audio/") {
            let track = match sound::is_recordable(&caps) {
                true => Track::Sound,
                false => Track::OtherSound,
            };
            Notice::new(track, &name).post(source);
            match (&sound, track) {
                (Some(sound), Track::OtherSound) => sound::refuse(sound, &name),
                (Some(sound), _) if !has_sound.swap(true, Ordering::Relaxed) => {
                    sound::link_sound(source, pad, sound);
                }
                _ => {}
            }
            return;
        }
        let Some(input) = input.upgrade().filter(|input| !input.is_linked()) else {
            return;
        };
        if !TAKEN.contains(&name.as_str()) {
            return;
        }
        if let Err(fault) = link(source, pad, &input, None, parser_of(&name, purpose)) {
            fault.post(source);
        }
    });
    Ok(source)
}

/// MPEG 1 to 4 have the same media type.
fn video_name(caps: &gst::Caps) -> &str {
    let Some(structure) = caps.structure(0) else {
        return "unknown";
    };
    match (
        structure.name().as_str(),
        structure.get::<i32>("mpegversion"),
    ) {
        ("video/mpeg", Ok(4)) => "MP4V-ES",
        ("video/mpeg", Ok(2)) => "MPEG-2",
        (name, _) => name,
    }
}

/// Sets up the element that reads the URL.
fn set_up(reader: &gst::Element, login: Option<&(String, String)>) {
    let has = |property| reader.find_property(property).is_some();
    if let Some((user, password)) = login {
        let names = [("user-id", "user-pw"), ("username", "password")];
        if let Some((id, secret)) = names.into_iter().find(|(id, _)| has(id)) {
            reader.set_property(id, user);
            reader.set_property(secret, password);
        }
    }
    // Of HTTP sources, in seconds.
    if has("timeout") && has("user-agent") {
        reader.set_property("timeout", CAMERA_TIMEOUT_SECONDS);
    }
}

/// A camera of this machine.
pub fn add_device(
    pipeline: &gst::Pipeline,
    url: &CameraUrl,
    input: &gst::Pad,
) -> Result<(), Fault> {
    let source = make("v4l2src")?;
    source.set_property("device", url.device());
    let filter = make("capsfilter")?;
    filter.set_property_from_str("caps", DEVICE_CAPS);
    pipeline
        .add_many([&source, &filter])
        .map_err(Fault::broken)?;
    source.link(&filter).map_err(Fault::broken)?;
    let output = filter.static_pad("src");
    let output = output.ok_or_else(|| Fault::failed("the capsfilter has no pad"))?;
    output.link(input).map_err(Fault::broken)?;
    Ok(())
}
