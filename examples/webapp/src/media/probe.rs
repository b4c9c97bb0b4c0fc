// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks whether an upload is a video that can be played here.

use std::path::Path;

use axum::http::StatusCode;
use gst::prelude::*;

use crate::error::AppError;

use super::pipeline::{Pipeline, add, link, make};

/// The accepted file name extensions.
pub(crate) const EXTENSIONS: [&str; 5] = ["mp4", "avi", "mov", "mkv", "webm"];

/// The accepted formats by their GStreamer names. Other files are not opened: a playlist, whatever its name,
/// would make this machine fetch the addresses in it.
const CONTAINERS: [&str; 4] = [
    "video/quicktime",
    "video/x-msvideo",
    "video/x-matroska",
    "video/webm",
];
/// Names of the messages that say whether there is a video track.
const PICTURE_FOUND: &str = "picture-found";
const NO_PICTURE: &str = "no-picture";
/// With a damaged file, decodebin (1.22) may take the error for one of an element that it only tries, and
/// post nothing. Then this timeout ends the check.
const PROBE_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// The extension of a file name, if it is accepted.
pub(crate) fn find_extension(filename: &str) -> Result<&'static str, AppError> {
    let given = Path::new(filename).extension().unwrap_or_default();
    let known = EXTENSIONS
        .into_iter()
        .find(|known| given.eq_ignore_ascii_case(known));
    known.ok_or_else(|| {
        AppError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-file",
            format!(
                "{filename} is not an accepted video format. Choose a file that ends in .{}.",
                EXTENSIONS.join(", .")
            ),
        )
    })
}

/// Checks the content of the file. This blocks for a moment.
pub(crate) fn check_video(path: &Path, filename: &str) -> Result<(), AppError> {
    let refuse = |why: &str| {
        Err(AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-video",
            format!("{filename} cannot be played: {why}."),
        ))
    };
    match find_type(path)? {
        Some(kind) if CONTAINERS.contains(&kind.as_str()) => {}
        Some(kind) => {
            return refuse(&format!(
                "its content is {kind}, not a video in an accepted format"
            ));
        }
        None => return refuse("it is not a video, or it is damaged"),
    }
    match find_picture(path)? {
        Picture::Found => Ok(()),
        Picture::None => refuse("it has no video track"),
        Picture::Unplayable(why) => refuse(why.trim_end_matches('.')),
    }
}

enum Picture {
    Found,
    None,
    Unplayable(String),
}

/// Starts to play the file, as a stream does.
fn find_picture(path: &Path) -> Result<Picture, AppError> {
    let pipeline = Pipeline::new();
    let source = make("filesrc")?;
    source.set_property("location", path);
    let decode = make("decodebin")?;
    add(pipeline.get(), &source)?;
    add(pipeline.get(), &decode)?;
    link(&source, &decode)?;
    let post = |decode: &gst::Element, name| {
        let structure = gst::Structure::new_empty(name);
        let _ = decode.post_message(gst::message::Application::new(structure));
    };
    decode.connect_pad_added(move |decode, pad| {
        let caps = pad.current_caps();
        let first = caps.as_ref().and_then(|caps| caps.structure(0));
        if first.is_some_and(|first| first.name().starts_with("video/")) {
            post(decode, PICTURE_FOUND);
        }
    });
    decode.connect_no_more_pads(move |decode| post(decode, NO_PICTURE));
    let bus = pipeline
        .get()
        .bus()
        .ok_or_else(|| AppError::unexpected("the pipeline has no bus"))?;
    // If the pipeline does not start, an error on the bus says why.
    let _ = pipeline.get().set_state(gst::State::Paused);
    let kinds = [gst::MessageType::Application, gst::MessageType::Error];
    let Some(message) = bus.timed_pop_filtered(PROBE_TIMEOUT, &kinds) else {
        let why = "it could not be read in time and may be damaged";
        return Ok(Picture::Unplayable(why.to_owned()));
    };
    Ok(match message.view() {
        gst::MessageView::Error(error) => Picture::Unplayable(error.error().message().to_owned()),
        _ if message.has_name(PICTURE_FOUND) => Picture::Found,
        _ => Picture::None,
    })
}

/// The format that GStreamer detects from the first bytes.
fn find_type(path: &Path) -> Result<Option<String>, AppError> {
    let pipeline = Pipeline::new();
    let source = make("filesrc")?;
    source.set_property("location", path);
    let (typefind, end) = (make("typefind")?, make("fakesink")?);
    for element in [&source, &typefind, &end] {
        add(pipeline.get(), element)?;
    }
    link(&source, &typefind)?;
    link(&typefind, &end)?;
    // If this fails, there is no type.
    let _ = pipeline.get().set_state(gst::State::Paused);
    let _ = pipeline.get().state(PROBE_TIMEOUT);
    let caps = typefind.property::<Option<gst::Caps>>("caps");
    let name = caps.and_then(|caps| Some(caps.structure(0)?.name().to_string()));
    Ok(name)
}
