// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The source of a session's video: an uploaded file or a webcam.

use gst::prelude::*;
use gst_utils::ConsumptionLink;
use tempfile::TempPath;

use super::events::SessionInfo;
use crate::error::AppError;
use crate::media::{Webcam, add, link, make};

pub(crate) enum Source {
    File(Upload),
    Webcam(Webcam),
}

/// An uploaded file. Dropping it deletes the file.
pub(crate) struct Upload {
    pub path: TempPath,
    pub filename: String,
    pub size: u64,
}

impl Source {
    pub(crate) fn info(&self, session_id: &str) -> SessionInfo {
        let (source, file) = match self {
            Self::File(file) => ("file", Some(file)),
            Self::Webcam(_) => ("webcam", None),
        };
        SessionInfo {
            session_id: session_id.to_owned(),
            source,
            filename: file.map(|file| file.filename.clone()),
            file_size: file.map(|file| file.size),
        }
    }

    /// Waits until the source is lost for good, and returns why. Cancel safe.
    pub(crate) async fn wait_until_lost(&mut self) -> &'static str {
        match self {
            Self::File(_) => std::future::pending().await,
            Self::Webcam(webcam) => webcam.wait_until_lost().await,
        }
    }

    /// The reason to publish when the video ends.
    pub(crate) fn end_reason(&self) -> &'static str {
        match self {
            Self::File(_) => "The video has ended.",
            Self::Webcam(_) => "The webcam was switched off.",
        }
    }

    pub(crate) async fn stop(self) {
        match self {
            // Dropping it deletes the file.
            Self::File(_) => {}
            Self::Webcam(webcam) => webcam.stop().await,
        }
    }

    /// Connects the source to the element.
    pub(crate) fn connect(
        &self,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<Option<ConsumptionLink>, AppError> {
        match self {
            Self::File(file) => connect_file(file, pipeline, sink).map(|()| None),
            Self::Webcam(webcam) => webcam.connect(pipeline, sink).map(Some),
        }
    }
}

fn connect_file(
    file: &Upload,
    pipeline: &gst::Pipeline,
    sink: &gst::Element,
) -> Result<(), AppError> {
    let source = make("filesrc")?;
    source.set_property("location", &*file.path);
    let decode = make("decodebin")?;
    add(pipeline, &source)?;
    add(pipeline, &decode)?;
    link(&source, &decode)?;
    let video = sink
        .static_pad("sink")
        .ok_or_else(|| AppError::unexpected("the element has no pad"))?;
    // One pad for each track. Audio cannot be linked, so it is ignored.
    decode.connect_pad_added(move |_, pad| {
        if !video.is_linked() {
            let _ = pad.link(&video);
        }
    });
    Ok(())
}
