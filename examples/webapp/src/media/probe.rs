// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks whether an upload is a video that can be played here.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use gst::prelude::*;

use crate::error::AppError;
use crate::session::VideoInfo;

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
/// Name of the message that all tracks are known.
const TRACKS_FOUND: &str = "tracks-found";
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
pub(crate) fn check_video(path: &Path, filename: &str) -> Result<VideoInfo, AppError> {
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
        Picture::Found(video) => Ok(video),
        Picture::None => refuse("it has no video track"),
        Picture::Unplayable(why) => refuse(why.trim_end_matches('.')),
    }
}

enum Picture {
    Found(VideoInfo),
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
    let tracks = Arc::new(Mutex::new((None::<VideoInfo>, false)));
    let found = tracks.clone();
    decode.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps();
        let Some(first) = caps.as_ref().and_then(|caps| caps.structure(0)) else {
            return;
        };
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        if first.name().starts_with("audio/") {
            found.1 = true;
        } else if first.name().starts_with("video/") && found.0.is_none() {
            let size = |name| first.get::<i32>(name).unwrap_or_default();
            let duration = pad.query_duration::<gst::ClockTime>();
            found.0 = Some(VideoInfo {
                width: size("width"),
                height: size("height"),
                duration_seconds: duration.map(|time| time.nseconds() as f64 / 1e9),
                has_audio: false,
            });
        }
    });
    decode.connect_no_more_pads(|decode| {
        let structure = gst::Structure::new_empty(TRACKS_FOUND);
        let _ = decode.post_message(gst::message::Application::new(structure));
    });
    let bus = pipeline
        .get()
        .bus()
        .ok_or_else(|| AppError::unexpected("the pipeline has no bus"))?;
    // If the pipeline does not start, an error on the bus says why.
    let _ = pipeline.get().set_state(gst::State::Paused);
    let kinds = [gst::MessageType::Application, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(PROBE_TIMEOUT, &kinds);
    let (video, has_audio) = *tracks.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(video) = video {
        return Ok(Picture::Found(VideoInfo { has_audio, ..video }));
    }
    Ok(match message.as_ref().map(|message| message.view()) {
        None => {
            let why = "it could not be read in time and may be damaged";
            Picture::Unplayable(why.to_owned())
        }
        Some(gst::MessageView::Error(error)) => {
            Picture::Unplayable(error.error().message().to_owned())
        }
        Some(_) => Picture::None,
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
