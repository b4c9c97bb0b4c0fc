// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Names the Debian package of a GStreamer element that is missing.

use crate::camera::fault::{Fault, Reason};

const BASE: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";
const LIBAV: &str = "gstreamer1.0-libav";

/// Makes an element.
pub fn make(factory: &str) -> Result<gst::Element, Fault> {
    gst::ElementFactory::make(factory).build().map_err(|_| {
        missing(
            &format!("the GStreamer element {factory} is"),
            package_of_element(factory),
        )
    })
}

/// What GStreamer's message `missing-plugin` means. `None`: another message, or sound.
pub fn missing_plugin(message: &gst::StructureRef) -> Option<Fault> {
    if message.name() != "missing-plugin" {
        return None;
    }
    let what: &str = message.get("name").unwrap_or("an element");
    let what = format!("GStreamer's {what} is");
    if let Ok(caps) = message.get::<gst::Caps>("detail") {
        let name = caps.structure(0)?.name().to_string();
        let package = package_of_format(&name);
        return (!name.starts_with("audio/")).then(|| missing(&what, package));
    }
    let detail: &str = message.get("detail").unwrap_or_default();
    Some(missing(
        &what,
        match message.get("type") {
            Ok("urisource") => package_of_scheme(detail),
            _ => package_of_element(detail),
        },
    ))
}

fn missing(what: &str, package: &str) -> Fault {
    Fault::new(
        Reason::MissingPlugin,
        format!("{what} missing on this machine: install it (Debian: {package})"),
    )
}

fn package_of_element(factory: &str) -> &'static str {
    match factory {
        "uridecodebin" | "decodebin" => BASE,
        "h264parse" | "h265parse" | "jpegparse" | "mpeg4videoparse" | "hlsdemux" => BAD,
        _ if factory.starts_with("avdec_") => LIBAV,
        // rtspsrc, its depayloaders, v4l2src, souphttpsrc.
        _ => GOOD,
    }
}

fn package_of_scheme(scheme: &str) -> &'static str {
    match scheme {
        "rtmp" | "rtmps" | "srt" => BAD,
        _ => GOOD,
    }
}

/// The package that decodes or takes apart this format.
fn package_of_format(media_type: &str) -> &'static str {
    match media_type {
        "video/x-vp8"
        | "video/x-vp9"
        | "image/jpeg"
        | "video/quicktime"
        | "video/x-matroska"
        | "video/webm"
        | "video/x-flv"
        | "video/x-msvideo"
        | "multipart/x-mixed-replace" => GOOD,
        "video/mpegts" | "application/x-hls" | "application/dash+xml" | "video/x-av1" => BAD,
        "application/ogg" => BASE,
        _ if media_type.starts_with("application/x-rtp") => GOOD,
        _ => LIBAV,
    }
}
