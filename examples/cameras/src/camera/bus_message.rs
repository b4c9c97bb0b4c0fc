// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The messages of a camera's pipeline that matter here, as an enum.

use crate::config::RtspUrl;

/// One message from the bus.
#[derive(Debug)]
pub enum BusMessage {
    /// `overshoot-result`.
    Answer(gst::Structure),
    /// `overshoot-state`.
    State { state: String, reason: String },
    /// What the service charged since the last such message, in cents.
    Cost(f64),
    /// A warning of `overshootsink`. The element recovers by itself, or posts the state `closed` next.
    ElementWarning {
        kind: String,
        stage: String,
        text: String,
    },
    /// A warning of another element.
    Warning(String),
    /// This connection brings no more video.
    CameraLost(String),
}

impl BusMessage {
    pub fn parse(message: &gst::Message, camera: &RtspUrl) -> Option<Self> {
        match message.view() {
            gst::MessageView::Element(element) => Self::parse_element(element.structure()?),
            gst::MessageView::Warning(warning) => {
                let text = camera.redact(warning.error().message());
                let details = warning.details().filter(|d| d.name() == "overshoot-error");
                Some(match details {
                    Some(details) => Self::ElementWarning {
                        kind: details.get("kind").unwrap_or_default(),
                        stage: details.get("stage").unwrap_or_default(),
                        text,
                    },
                    None => Self::Warning(text),
                })
            }
            gst::MessageView::Error(error) => {
                let debug = error.debug().unwrap_or_default();
                // The last line is the most specific. The first one is the place in GStreamer's source code.
                let reason = debug.lines().skip(1).last().map(str::trim);
                let text = reason.filter(|reason| !reason.is_empty());
                let text = text.unwrap_or(error.error().message()).to_owned();
                Some(Self::CameraLost(camera.redact(&text)))
            }
            gst::MessageView::Eos(_) => {
                Some(Self::CameraLost("the camera ended its video".to_owned()))
            }
            _ => None,
        }
    }

    fn parse_element(structure: &gst::StructureRef) -> Option<Self> {
        let text = |field| structure.get::<String>(field).unwrap_or_default();
        match structure.name().as_str() {
            "overshoot-result" => Some(Self::Answer(structure.to_owned())),
            "overshoot-state" => Some(Self::State {
                state: text("state"),
                reason: text("reason"),
            }),
            "overshoot-credits" => structure.get("cost-cents").ok().map(Self::Cost),
            _ => None,
        }
    }
}
