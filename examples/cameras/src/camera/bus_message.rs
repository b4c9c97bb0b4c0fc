// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The messages of a camera's pipeline that matter here, as an enum.

use gstovershoot::message::{ClipMessage, FailureMessage, Message, ResultMessage, StateMessage};

use super::fault::Fault;
use super::source;
use crate::config::CameraUrl;

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
    /// A GStreamer element is missing. An error may follow.
    Missing(Fault),
    /// This connection brings no more video.
    CameraLost(Fault),
}

impl BusMessage {
    pub fn parse(message: &gst::Message, camera: &CameraUrl) -> Option<Self> {
        match message.view() {
            gst::MessageView::Element(element) => match Message::parse(message) {
                Some(Message::Result(answer)) => Some(Self::Answer(answer)),
                Some(Message::Alert(alert)) => alert.raised.then_some(Self::Triggered),
                Some(Message::Clip(clip)) => Some(Self::Recorded(clip)),
                Some(Message::State(change)) => Some(Self::State(change)),
                Some(Message::Credits(credits)) => credits.cost_cents.map(Self::Cost),
                Some(_) => None,
                None => source::missing_plugin(element.structure()?).map(Self::Missing),
            },
            gst::MessageView::Warning(warning) => Some(match Message::parse(message) {
                Some(Message::Warning(mut failure)) => {
                    failure.message = camera.redact(&failure.message);
                    Self::ElementWarning(failure)
                }
                _ => Self::Warning(camera.redact(warning.error().message())),
            }),
            gst::MessageView::Error(error) if source::is_of_sound(message) => {
                let why = camera.redact(error.error().message());
                Some(Self::Warning(format!("the sound is not recorded: {why}")))
            }
            gst::MessageView::Error(error) => {
                Some(Self::CameraLost(Fault::from_error(error, camera)))
            }
            gst::MessageView::Eos(_) => Some(Self::CameraLost(Fault::ended())),
            _ => None,
        }
    }
}
