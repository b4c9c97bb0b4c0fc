// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's signals and action signals.

use std::ops::ControlFlow;

use gst::glib::Value;
use gst::glib::subclass::{Signal, SignalInvocationHint};
use gst::prelude::*;
use gst::subclass::prelude::*;

use crate::session::protocol::Feedback;
use crate::sink::OvershootSink;

/// The first handler that returns true ends the emission.
pub fn first_true(
    _: &SignalInvocationHint,
    _: Value,
    handled: &Value,
) -> ControlFlow<Value, Value> {
    match handled.get::<bool>() {
        Ok(true) => ControlFlow::Break(handled.clone()),
        _ => ControlFlow::Continue(handled.clone()),
    }
}

/// Made anew, because each belongs to one class.
pub fn all() -> Vec<Signal> {
    vec![
        // GstOvershootSink::result:
        // @result: the structure of the `overshoot-result` message
        //
        // Emitted for each answer, after the message was posted.
        Signal::builder("result")
            .param_types([gst::Structure::static_type()])
            .build(),
        // GstOvershootSink::encoder-setup:
        // @consumer_id: the stream's id
        // @pad_name: always `sink`
        // @encoder: the new encoder
        //
        // Emitted before an encoder is used, so that the application can configure it, as with the signal
        // of the same name of webrtcsink.
        //
        // Returns: `true` if the handler configured the encoder. No further handler is then called.
        Signal::builder("encoder-setup")
            .param_types([
                String::static_type(),
                String::static_type(),
                gst::Element::static_type(),
            ])
            .return_type::<bool>()
            .accumulator(first_true)
            .build(),
        // GstOvershootSink::get-models:
        //
        // Requests the list of models from the service. The reply is an `overshoot-models` message.
        //
        // Returns: `true` if the request was started. `false` if an earlier request has no reply yet, or if
        // `api-url` or `api-key` cannot be used; a WARNING message then names the property.
        Signal::builder("get-models")
            .action()
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                Some(element.imp().get_models().to_value())
            })
            .build(),
        // GstOvershootSink::ask:
        // @prompt: the question
        // @window_ms: length of the clip to ask about, in milliseconds (0 = a single frame)
        // @end_offset_ms: age of the newest frame to ask about, in milliseconds (0 = now)
        //
        // Asks a question once. @window_ms plus @end_offset_ms must not exceed 600000. On API v0.2 it is about the clip
        // of an earlier answer.
        //
        // Returns: the `ask-serial` of the answer, counted from 1. A return value of 0 means that the
        // question was rejected; a WARNING message says why.
        Signal::builder("ask")
            .action()
            .param_types([
                String::static_type(),
                u64::static_type(),
                u64::static_type(),
            ])
            .return_type::<u64>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let prompt = values[1].get::<Option<String>>().ok()?.unwrap_or_default();
                let (window, end_offset) = (values[2].get().ok()?, values[3].get().ok()?);
                Some(element.imp().ask(prompt, window, end_offset).to_value())
            })
            .build(),
        // GstOvershootSink::ask-about:
        // @question: a structure with the field `prompt`, and optionally others (docs/api-v1.md)
        //
        // Asks a question once, about any time of the last ten minutes, several cameras and reference pictures.
        //
        // Returns: the `ask-serial` of the answer, as `ask` does.
        Signal::builder("ask-about")
            .action()
            .param_types([gst::Structure::static_type()])
            .return_type::<u64>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let question = values[1].get::<gst::Structure>().ok()?;
                Some(element.imp().ask_about(&question).to_value())
            })
            .build(),
        // GstOvershootSink::set-question:
        // @question: a structure with the fields of an entry of `questions`
        //
        // Changes a question while the pipeline plays. All changes are in the next request together. Without the field
        // `name`, it is the question of `prompt`. With a new name, a question is added; with a name and an empty
        // `prompt`, it is removed (API v1). Fields that are absent do not change. On API v0.2 a new stream replaces the
        // current one if more than the prompt changes.
        //
        // Returns: `true` if the change is valid. If not, a WARNING message says why.
        Signal::builder("set-question")
            .action()
            .param_types([gst::Structure::static_type()])
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let question = values[1].get::<gst::Structure>().ok()?;
                Some(element.imp().set_question(&question).to_value())
            })
            .build(),
        // GstOvershootSink::trigger:
        //
        // Reports an event to ask about now: with `ask-when="event,before=2,after=5"`, the questions are asked
        // only after such events. A custom event with the name `overshoot-trigger` does the same.
        //
        // Returns: `true` if questions are asked. If not, a WARNING message says why.
        Signal::builder("trigger")
            .action()
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                Some(element.imp().trigger().to_value())
            })
            .build(),
        // GstOvershootSink::viewer:
        //
        // Requests a token with which somebody can watch the video of the current stream. The reply is the signal
        // `viewer-ready`, or a WARNING message that says why there is none.
        //
        // Returns: `true` if the request was started. `false` if the element is not running, or too many requests wait.
        Signal::builder("viewer")
            .action()
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                Some(element.imp().request_viewer().to_value())
            })
            .build(),
        // GstOvershootSink::viewer-ready:
        // @url: the address of a LiveKit server
        // @token: a token for the room of the stream, which only allows to subscribe. Keep it secret
        // @seconds: how long the token is valid
        //
        // The reply to the action `viewer`. It is no message, because GStreamer writes messages to its log.
        Signal::builder("viewer-ready")
            .param_types([
                String::static_type(),
                String::static_type(),
                u64::static_type(),
            ])
            .build(),
        // GstOvershootSink::submit-feedback:
        // @rating: the rating, a number that the element passes on unchanged
        // @category: the category, passed on unchanged
        // @text: the feedback itself, passed on unchanged
        //
        // Sends feedback about the current stream to the service (API v0.2 only).
        //
        // Returns: `true` if the feedback was queued. `false` if the element is not running or its queue is
        // full.
        Signal::builder("submit-feedback")
            .action()
            .param_types([
                i32::static_type(),
                String::static_type(),
                String::static_type(),
            ])
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let feedback = Feedback {
                    rating: values[1].get().ok()?,
                    category: values[2].get().ok()?,
                    feedback: values[3].get().ok()?,
                };
                Some(element.imp().submit_feedback(feedback).to_value())
            })
            .build(),
    ]
}
