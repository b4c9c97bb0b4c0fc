//! Whether an upload is a video that can be played here.

use std::path::Path;

use axum::http::StatusCode;
use gst::prelude::*;

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
/// What is told of the tracks.
const FOUND: &str = "picture-found";
const NONE: &str = "no-picture";
/// Of a damaged file decodebin (1.22) may take the error for one of an element that it tries out, and
/// say nothing: then this passes.
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
    match picture(path)? {
        Picture::Found => Ok(()),
        Picture::None => refuse("there is no picture in it"),
        Picture::Unplayable(why) => refuse(why.trim_end_matches('.')),
    }
}

enum Picture {
    Found,
    None,
    Unplayable(String),
}

/// Begins to play it, as a stream will.
fn picture(path: &Path) -> Result<Picture, AppError> {
    let pipeline = Pipeline::new();
    let source = make("filesrc")?;
    source.set_property("location", path);
    let decode = make("decodebin")?;
    add(pipeline.get(), &source)?;
    add(pipeline.get(), &decode)?;
    link(&source, &decode)?;
    let tell = |decode: &gst::Element, name| {
        let told = gst::Structure::new_empty(name);
        let _ = decode.post_message(gst::message::Application::new(told));
    };
    decode.connect_pad_added(move |decode, pad| {
        let caps = pad.current_caps();
        let first = caps.as_ref().and_then(|caps| caps.structure(0));
        if first.is_some_and(|first| first.name().starts_with("video/")) {
            tell(decode, FOUND);
        }
    });
    decode.connect_no_more_pads(move |decode| tell(decode, NONE));
    let bus = pipeline
        .get()
        .bus()
        .ok_or_else(|| AppError::unexpected("the pipeline has no bus"))?;
    // Where it does not start, the bus says why.
    let _ = pipeline.get().set_state(gst::State::Paused);
    let kinds = [gst::MessageType::Application, gst::MessageType::Error];
    let Some(message) = bus.timed_pop_filtered(PATIENCE, &kinds) else {
        let why = "it could not be read in time, and may be damaged";
        return Ok(Picture::Unplayable(why.to_owned()));
    };
    Ok(match message.view() {
        gst::MessageView::Error(error) => Picture::Unplayable(error.error().message().to_owned()),
        _ if message.has_name(FOUND) => Picture::Found,
        _ => Picture::None,
    })
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
