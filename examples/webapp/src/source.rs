//! Where a session's video comes from.

use gst::prelude::*;
use gst_utils::ConsumptionLink;
use tempfile::TempPath;

use crate::error::AppError;
use crate::hub::About;
use crate::pipeline::{add, link, make};
use crate::webcam::Webcam;

pub(crate) enum Source {
    File(Upload),
    Webcam(Webcam),
}

/// A file on this machine, which is deleted when this is dropped.
pub(crate) struct Upload {
    pub path: TempPath,
    pub filename: String,
    pub size: u64,
}

impl Source {
    pub(crate) fn about(&self, session_id: &str) -> About {
        let (source, file) = match self {
            Self::File(file) => ("file", Some(file)),
            Self::Webcam(_) => ("webcam", None),
        };
        About {
            session_id: session_id.to_owned(),
            source,
            filename: file.map(|file| file.filename.clone()),
            file_size: file.map(|file| file.size),
        }
    }

    /// Until it is gone for good; says how. Cancel safe.
    pub(crate) async fn gone(&mut self) -> &'static str {
        match self {
            Self::File(_) => std::future::pending().await,
            Self::Webcam(webcam) => webcam.gone().await,
        }
    }

    /// What its end is called.
    pub(crate) fn ended(&self) -> &'static str {
        match self {
            Self::File(_) => "The video has come to its end.",
            Self::Webcam(_) => "The webcam was switched off.",
        }
    }

    pub(crate) async fn stop(self) {
        match self {
            // Dropped, it is deleted.
            Self::File(_) => {}
            Self::Webcam(webcam) => webcam.stop().await,
        }
    }

    /// Puts it before the element.
    pub(crate) fn feed(
        &self,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<Option<ConsumptionLink>, AppError> {
        match self {
            Self::File(file) => feed_file(file, pipeline, sink).map(|()| None),
            Self::Webcam(webcam) => webcam.feed(pipeline, sink).map(Some),
        }
    }
}

fn feed_file(file: &Upload, pipeline: &gst::Pipeline, sink: &gst::Element) -> Result<(), AppError> {
    let source = make("filesrc")?;
    source.set_property("location", &*file.path);
    let decode = make("decodebin")?;
    add(pipeline, &source)?;
    add(pipeline, &decode)?;
    link(&source, &decode)?;
    let video = sink
        .static_pad("sink")
        .ok_or_else(|| AppError::unexpected("the element has no pad"))?;
    // One pad a track. Sound does not fit, and stays unlinked.
    decode.connect_pad_added(move |_, pad| {
        if !video.is_linked() {
            let _ = pad.link(&video);
        }
    });
    Ok(())
}
