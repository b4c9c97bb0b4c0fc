// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Why a camera brings no video: a word for programs, and a sentence for people that says what to change.

use gst::glib;
use gst::prelude::*;

use super::backoff::Pace;
use super::source::CAMERA_TIMEOUT_SECONDS;
use crate::config::CameraUrl;

/// The name of the details of an error that [`Fault::post`] posts.
const DETAILS: &str = "overshoot-cameras-fault";

#[derive(Clone, Debug)]
pub struct Fault {
    pub reason: Reason,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// User and password are wrong or missing.
    Password,
    UnknownHost,
    Refused,
    Unreachable,
    NotFound,
    Certificate,
    Unsupported,
    NoVideo,
    /// A GStreamer element is not installed.
    MissingPlugin,
    /// There is a connection, and the camera sends nothing.
    NoAnswer,
    /// The camera ended its video.
    Ended,
    Failed,
}

impl Reason {
    const ALL: [Self; 12] = [
        Self::Password,
        Self::UnknownHost,
        Self::Refused,
        Self::Unreachable,
        Self::NotFound,
        Self::Certificate,
        Self::Unsupported,
        Self::NoVideo,
        Self::MissingPlugin,
        Self::NoAnswer,
        Self::Ended,
        Self::Failed,
    ];

    /// As it stands in status events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::UnknownHost => "unknown-host",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NotFound => "not-found",
            Self::Certificate => "certificate",
            Self::Unsupported => "unsupported",
            Self::NoVideo => "no-video",
            Self::MissingPlugin => "missing-plugin",
            Self::NoAnswer => "no-answer",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }

    pub fn pace(self) -> Pace {
        match self {
            Self::Password => Pace::Login,
            Self::NotFound
            | Self::Certificate
            | Self::Unsupported
            | Self::NoVideo
            | Self::MissingPlugin => Pace::Slow,
            Self::UnknownHost
            | Self::Refused
            | Self::Unreachable
            | Self::NoAnswer
            | Self::Ended
            | Self::Failed => Pace::Quick,
        }
    }
}

impl Fault {
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
        }
    }

    pub fn failed(text: &str) -> Self {
        Self::new(Reason::Failed, text)
    }

    /// GStreamer refused to put the pipeline together.
    pub fn broken(error: impl std::fmt::Display) -> Self {
        Self::new(
            Reason::Failed,
            format!("the elements for the camera's video cannot be connected: {error}"),
        )
    }

    pub fn ended() -> Self {
        Self::new(Reason::Ended, "the camera ended its video")
    }

    /// There is a connection, and no frame came for this long.
    pub fn silent(seconds: u64) -> Self {
        Self::new(
            Reason::NoAnswer,
            format!("the camera accepted the connection and sent no frame for {seconds} s"),
        )
    }

    /// An RTSP camera without a track of video.
    pub fn no_video() -> Self {
        Self::new(
            Reason::NoVideo,
            "the camera sends no video at this path: correct the path in the url, or switch its video on",
        )
    }

    /// Posts it as an error of this element, which ends the pipeline.
    pub fn post(self, element: &impl IsA<gst::Element>) {
        let details = gst::Structure::builder(DETAILS).field("reason", self.reason.word());
        gst::element_error!(
            element.as_ref(),
            gst::ResourceError::Failed,
            ("{}", self.text),
            details: details.build()
        );
    }

    /// What an error of a camera's pipeline means.
    pub fn from_error(error: &gst::message::Error, url: &CameraUrl) -> Self {
        let details = error.details();
        if let Some(details) = details.filter(|details| details.name() == DETAILS) {
            let word: &str = details.get("reason").unwrap_or_default();
            let reason = Reason::ALL.into_iter().find(|reason| reason.word() == word);
            return Self::new(
                reason.unwrap_or(Reason::Failed),
                error.error().message().to_owned(),
            );
        }
        let status = details.and_then(|details| {
            let fields = ["rtsp-status-code", "http-status-code"];
            fields
                .into_iter()
                .find_map(|field| details.get::<u32>(field).ok())
        });
        if let Some(fault) = status.and_then(|status| Self::from_status(status, url)) {
            return fault;
        }
        let kind = error.error();
        // rtspsrc posts it if it was to request no track.
        if kind.kind::<gst::StreamError>() == Some(gst::StreamError::CodecNotFound) {
            return Self::no_video();
        }
        let debug = error.debug().unwrap_or_default();
        // The last line is the most specific. The first one is the place in GStreamer's source code.
        let last = debug.lines().skip(1).last().map(str::trim);
        // `gst_rtsp_strresult`, which is not translated.
        if last.is_some_and(|text| text.contains("Timeout while waiting for server response")) {
            return Self::silent(u64::from(CAMERA_TIMEOUT_SECONDS));
        }
        let text = last.filter(|text| !text.is_empty());
        let text = url.redact(text.unwrap_or(kind.message()));
        match kind.kind::<gst::ResourceError>() {
            Some(gst::ResourceError::NotAuthorized) => return Self::password(url),
            // HTTP sources post it for everything.
            Some(gst::ResourceError::NotFound) if url.host_and_port().is_none() => {
                return Self::new(
                    Reason::NotFound,
                    format!("there is nothing at {url}: correct the url"),
                );
            }
            _ => {}
        }
        Self::new(Reason::Failed, text)
    }

    /// What a status of RTSP or HTTP means. `None` if it may pass.
    fn from_status(status: u32, url: &CameraUrl) -> Option<Self> {
        Some(match status {
            401 | 403 => Self::password(url),
            404 | 410 => Self::new(
                Reason::NotFound,
                format!("the camera has no such path ({status}): correct the path in the url"),
            ),
            461 => Self::new(
                Reason::Unsupported,
                "the camera does not send RTP over TCP (461): write rtspu:// for UDP",
            ),
            _ => return None,
        })
    }

    fn password(url: &CameraUrl) -> Self {
        match url.user() {
            Some(_) => Self::wrong_password(),
            None => Self::new(
                Reason::Password,
                "the camera needs a user and a password: write them into the url, as in rtsp://user:password@host/path",
            ),
        }
    }

    pub fn wrong_password() -> Self {
        Self::new(
            Reason::Password,
            "the camera refused the user or the password: correct them in the url",
        )
    }

    /// The certificate of an `rtsps` camera was refused for these reasons (`GTlsCertificateFlags`).
    pub fn certificate(flags: &glib::Value) -> Self {
        let names = flags.transform::<String>();
        let names = names.ok().and_then(|names| names.get::<String>().ok());
        let names = names.unwrap_or_default().to_lowercase();
        let names = names.replace("g_tls_certificate_", "").replace('_', " ");
        Self::new(
            Reason::Certificate,
            format!(
                "the camera's TLS certificate is not trusted ({names}): add it to the certificates of this machine, or write rtsp://"
            ),
        )
    }
}
