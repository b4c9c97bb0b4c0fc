// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The source of a session's video: a file, a webcam, or a camera.

use std::path::PathBuf;
use std::time::SystemTime;

use gst_utils::ConsumptionLink;
use tempfile::TempPath;

use super::events::SessionInfo;
use super::progress::VideoInfo;
use crate::config::{AnswersFrom, SourceHosts};
use crate::error::AppError;
use crate::media::{Camera, CameraLink, FilePlayer, Playback, Webcam};
use crate::time::rfc3339;

pub(crate) enum Source {
    File(Upload),
    Webcam(Webcam),
    /// A camera, by its URL.
    Camera(Camera),
}

/// An uploaded file. Dropping it deletes the file.
pub(crate) struct Upload {
    pub path: TempPath,
    pub filename: String,
    pub size: u64,
    /// It was not uploaded, but downloaded from a URL.
    pub is_download: bool,
    pub video: VideoInfo,
}

/// What must live as long as the pipeline with the element.
pub(super) enum Feed {
    File(FilePlayer),
    /// Passes the video of a webcam on.
    Webcam(#[expect(dead_code, reason = "dropping it ends the connection")] ConsumptionLink),
    Camera(CameraLink),
}

impl Feed {
    /// Ends what it consists of. The pipeline has ended before.
    pub(super) async fn stop(self) {
        match self {
            Self::File(_) | Self::Webcam(_) => {}
            Self::Camera(link) => link.stop().await,
        }
    }
}

impl Source {
    pub(crate) fn info(&self, session_id: &str, answers_from: &AnswersFrom) -> SessionInfo {
        let (source, filename, file_size) = match self {
            Self::File(file) => {
                let source = if file.is_download { "url" } else { "file" };
                (source, Some(file.filename.clone()), Some(file.size))
            }
            Self::Webcam(_) => ("webcam", None, None),
            Self::Camera(camera) => ("url", Some(camera.name()), None),
        };
        SessionInfo {
            session_id: session_id.to_owned(),
            source,
            filename,
            file_size,
            answers_from: answers_from.clone(),
            since: rfc3339(SystemTime::now()),
            video: match self {
                Self::File(file) => Some(file.video),
                Self::Webcam(_) | Self::Camera(_) => None,
            },
        }
    }

    /// The uploaded file.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(file) => Some(file.path.to_path_buf()),
            Self::Webcam(_) | Self::Camera(_) => None,
        }
    }

    /// Waits until the source is lost for good, and returns why. Cancel safe.
    pub(crate) async fn wait_until_lost(&mut self) -> &'static str {
        match self {
            Self::File(_) | Self::Camera(_) => std::future::pending().await,
            Self::Webcam(webcam) => webcam.wait_until_lost().await,
        }
    }

    /// The reason to publish when the video ends.
    pub(crate) fn end_reason(&self) -> &'static str {
        match self {
            Self::File(_) => "The video has ended.",
            Self::Webcam(_) => "The webcam was switched off.",
            Self::Camera(_) => "The camera has ended its video.",
        }
    }

    pub(crate) async fn stop(self) {
        match self {
            // Dropping it deletes the file.
            Self::File(_) | Self::Camera(_) => {}
            Self::Webcam(webcam) => webcam.stop().await,
        }
    }

    /// Connects the source to the element.
    pub(super) fn connect(
        &self,
        playback: Playback,
        hosts: &SourceHosts,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<Feed, AppError> {
        match self {
            Self::File(file) => {
                FilePlayer::connect(&file.path, playback, pipeline, sink).map(Feed::File)
            }
            Self::Webcam(webcam) => webcam.connect(pipeline, sink).map(Feed::Webcam),
            Self::Camera(camera) => camera.connect(hosts, pipeline, sink).map(Feed::Camera),
        }
    }
}
