//! Whether an upload is a video that can be played here.

use std::path::Path;

use axum::http::StatusCode;
use gst::glib;
use gst::prelude::*;
use gst_pbutils::{Discoverer, DiscovererResult};

use crate::error::AppError;
use crate::pipeline::{Pipeline, add, link, make};

/// The formats that are taken, by the ends of their names.
pub(crate) const EXTENSIONS: [&str; 5] = ["mp4", "avi", "mov", "mkv", "webm"];

/// The same as GStreamer names them. Others are not even opened: a playlist, whatever its name, would
/// have this machine fetch what the playlist says.
const CONTAINERS: [&str; 4] = [
    "video/quicktime",
    "video/x-msvideo",
    "video/x-matroska",
    "video/webm",
];
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// The extension, where it is one that is taken.
pub(crate) fn extension(filename: &str) -> Result<&'static str, AppError> {
    let given = Path::new(filename).extension().unwrap_or_default();
    let known = EXTENSIONS
        .into_iter()
        .find(|known| given.eq_ignore_ascii_case(known));
    known.ok_or_else(|| {
        AppError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-file",
            format!(
                "{filename} is no video of a kind that is taken: choose one that ends in .{}.",
                EXTENSIONS.join(", .")
            ),
        )
    })
}

/// Looks into the file; takes a moment, and blocks.
pub(crate) fn look(path: &Path, filename: &str) -> Result<(), AppError> {
    let refuse = |why: &str| {
        Err(AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-video",
            format!("{filename} can't be played: {why}."),
        ))
    };
    match kind(path)? {
        Some(kind) if CONTAINERS.contains(&kind.as_str()) => {}
        Some(kind) => return refuse(&format!("inside it is {kind}, whatever its name says")),
        None => return refuse("what is inside is no video, or it is damaged"),
    }
    let uri = glib::filename_to_uri(path, None).map_err(AppError::unexpected)?;
    let discoverer = Discoverer::new(PATIENCE).map_err(AppError::unexpected)?;
    let info = match discoverer.discover_uri(&uri) {
        Ok(info) => info,
        Err(error) => return refuse(error.message().trim_end_matches('.')),
    };
    if info.result() == DiscovererResult::MissingPlugins {
        return refuse("this server lacks a decoder for it");
    }
    if !info.video_streams().iter().any(|stream| !stream.is_image()) {
        return refuse("there is no picture in it");
    }
    Ok(())
}

/// What GStreamer takes it for, by its first bytes.
fn kind(path: &Path) -> Result<Option<String>, AppError> {
    let pipeline = Pipeline::new();
    let source = make("filesrc")?;
    source.set_property("location", path);
    let (typefind, end) = (make("typefind")?, make("fakesink")?);
    for element in [&source, &typefind, &end] {
        add(pipeline.get(), element)?;
    }
    link(&source, &typefind)?;
    link(&typefind, &end)?;
    // Where this fails, there is no type.
    let _ = pipeline.get().set_state(gst::State::Paused);
    let _ = pipeline.get().state(PATIENCE);
    let caps = typefind.property::<Option<gst::Caps>>("caps");
    let name = caps.and_then(|caps| Some(caps.structure(0)?.name().to_string()));
    Ok(name)
}
