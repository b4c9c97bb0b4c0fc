// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The messages of a camera's pipeline that matter here, as an enum.

use gstovershoot::message::{ClipMessage, FailureMessage, Message, ResultMessage, StateMessage};

use super::fault::Fault;
use crate::config::RtspUrl;

/// One message from the bus.
#[derive(Debug)]
pub enum BusMessage {
    Answer(Box<ResultMessage>),
    /// The next answer begins an event.
    Triggered,
    /// A recording is complete.
    Recorded(ClipMessage),
    State(StateMessage),
    /// What the service charged since the last such message, in cents.
    Cost(f64),
    /// A warning of `overshootsink`. The element recovers by itself, or posts the state `closed` next.
    ElementWarning(FailureMessage),
    /// A warning of another element.
    Warning(String),
    /// This connection brings no more video.
    CameraLost(Fault),
}

impl BusMessage {
    pub fn parse(message: &gst::Message, camera: &RtspUrl) -> Option<Self> {
        match message.view() {
            gst::MessageView::Element(_) => match Message::parse(message)? {
                Message::Result(answer) => Some(Self::Answer(answer)),
                Message::Alert(alert) => alert.raised.then_some(Self::Triggered),
                Message::Clip(clip) => Some(Self::Recorded(clip)),
                Message::State(change) => Some(Self::State(change)),
                Message::Credits(credits) => credits.cost_cents.map(Self::Cost),
                _ => None,
            },
            gst::MessageView::Warning(warning) => Some(match Message::parse(message) {
                Some(Message::Warning(mut failure)) => {
                    failure.message = camera.redact(&failure.message);
                    Self::ElementWarning(failure)
                }
                _ => Self::Warning(camera.redact(warning.error().message())),
            }),
            gst::MessageView::Error(error) => {
                Some(Self::CameraLost(Fault::from_error(error, camera)))
            }
            gst::MessageView::Eos(_) => Some(Self::CameraLost(Fault::ended())),
            _ => None,
        }
    }
}
