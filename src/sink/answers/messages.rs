// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The bus messages of the element and their structures. Posting does not wait, and no lock is held while a
//! message is posted.

use std::time::Duration;

use crate::session::error::{Error, Kind};
use crate::session::models::Model;
use crate::session::prompt::Prompt;
use crate::session::protocol::LeaseRenewal;
use crate::session::question::OneShotQuestion;
use crate::session::{Answer, Api, PartialAnswer};
use crate::sink::OvershootSink;
use crate::sink::answers::alerts::Change;
use crate::sink::answers::sent_frames::Taken;
use crate::sink::call;
use crate::sink::enums::State;

/// What only the element knows about an answer, and the service does not.
pub struct Context {
    /// The running time at which it arrived.
    pub running_time: Option<gst::ClockTime>,
    /// The running time at which the newest frame that it is about was captured.
    pub capture_time: Option<gst::ClockTime>,
    /// How far from that the capture time of another frame is that the answer may be about. `None`: that is not known.
    pub capture_time_accuracy: Option<gst::ClockTime>,
    /// The serial of the prompt that it answers, counted from 1. Unknown if the service does not repeat the
    /// prompt.
    pub prompt_serial: Option<u64>,
    /// It answers an earlier prompt: there is a newer one.
    pub late: bool,
    /// It is about a frozen frame, because the source had stalled.
    pub stale: bool,
    /// It says the same as the answer before.
    pub repeated: bool,
    /// The number of the stream that it came from, counted from 1 since the start.
    pub stream_epoch: u64,
    /// The picture that it is about.
    pub picture: Option<gst::Sample>,
    /// The file of that picture, if the answer raises an alert.
    pub file: Option<String>,
}

/// The `overshoot-result` structure of an answer. Fields that the service leaves out are absent.
pub fn result(answer: &Answer, context: &Context) -> gst::Structure {
    let result = &answer.result;
    gst::Structure::builder("overshoot-result")
        .field_if_some("id", result.id.as_deref())
        .field_if_some("stream-id", result.stream_id.as_deref())
        .field_if_some("mode", result.mode.as_deref())
        .field_if_some("model-backend", result.model_backend.as_deref())
        .field_if_some("model-name", result.model_name.as_deref())
        .field_if_some("prompt", result.prompt.as_deref())
        .field_if_some("result", result.result.as_deref())
        .field_if_some("inference-latency-ms", result.inference_latency_ms)
        .field_if_some("total-latency-ms", result.total_latency_ms)
        .field_if_some("ok", result.ok)
        .field_if_some("error", result.error.as_deref())
        .field_if_some("finish-reason", result.finish_reason.as_deref())
        .field_if_some("running-time", context.running_time)
        .field_if_some("capture-time", context.capture_time)
        .field_if_some("capture-time-accuracy", context.capture_time_accuracy)
        .field_if_some("prompt-serial", context.prompt_serial)
        .field("stream-epoch", context.stream_epoch)
        .field("late", context.late)
        .field("stale", context.stale)
        .field("repeated", context.repeated)
        .field_if_some("schema-error", answer.schema_error.as_deref())
        .field_if_some("question", answer.question.as_deref())
        .field_if_some("ask-serial", answer.ask_serial)
        .field_if_some(
            "prompt-tokens",
            answer.usage.map(|usage| usage.prompt_tokens),
        )
        .field_if_some(
            "completion-tokens",
            answer.usage.map(|usage| usage.completion_tokens),
        )
        .field_if_some("cost-microcents", answer.cost_microcents)
        .field_if_some("picture", context.picture.as_ref())
        .field_if_some("evidence-location", context.file.as_deref())
        .field("json", &answer.json)
        .build()
}

/// When the service took the newest frame that an answer is about. `None`: the service did not measure the latency.
/// `frame_arrival`: how long the service takes longer to have a frame than to have a request.
pub fn taken(answer: &Answer, api: Api, frame_arrival: Duration) -> Option<Taken> {
    let latency = latency(answer)?;
    match api {
        Api::V02 => answer.arrived.checked_sub(latency).map(Taken::Reported),
        Api::V1 => {
            let milliseconds = answer.result.inference_latency_ms?;
            let inference = Duration::try_from_secs_f64(milliseconds / 1000.0).ok()?;
            Some(Taken::Requested {
                asked: answer.arrived.checked_sub(inference)?,
                frame_arrival,
            })
        }
    }
}

/// An estimate of when the newest frame that an answer is about was captured, if that frame is not known, the answer
/// arrived at this running time, and frames have this age when they arrive at the element.
pub fn estimated_capture_time(
    answer: &Answer,
    running_time: Option<gst::ClockTime>,
    age: gst::ClockTime,
) -> Option<gst::ClockTime> {
    let latency = clock_time(latency(answer)? + answer.end_offset);
    Some(running_time?.saturating_sub(latency + age))
}

/// The `overshoot-alert` structure: an answer has raised or ended an alert.
pub fn alert(change: &Change, answer: &Answer, context: &Context) -> gst::Structure {
    let result = &answer.result;
    gst::Structure::builder("overshoot-alert")
        .field("name", &change.name)
        .field("raised", change.raised)
        .field_if_some("since", change.since)
        .field_if_some("result", result.result.as_deref())
        .field_if_some("question", answer.question.as_deref())
        .field_if_some("id", result.id.as_deref())
        .field_if_some("stream-id", result.stream_id.as_deref())
        .field_if_some("running-time", context.running_time)
        .field_if_some("capture-time", context.capture_time)
        .field_if_some("picture", context.picture.as_ref())
        .field_if_some("evidence-location", file_of(change, context))
        .build()
}

/// The file of an alert. The end of one has none.
fn file_of<'a>(change: &Change, context: &'a Context) -> Option<&'a str> {
    context.file.as_deref().filter(|_| change.raised)
}

/// The `overshoot-clip` structure: the clip of an alert is complete.
pub fn clip(
    alert: &str,
    location: &str,
    times: (gst::ClockTime, gst::ClockTime),
) -> gst::Structure {
    let (start, end) = times;
    gst::Structure::builder("overshoot-clip")
        .field("name", alert)
        .field("location", location)
        .field("start", start)
        .field("end", end)
        .build()
}

/// The same as a line of JSON.
pub fn alert_line(change: &Change, answer: &Answer, context: &Context) -> String {
    let result = &answer.result;
    let milliseconds = |time: Option<gst::ClockTime>| time.map(gst::ClockTime::mseconds);
    let line = serde_json::json!({
        "name": change.name,
        "raised": change.raised,
        "since_ms": milliseconds(change.since),
        "result": result.result,
        "question": answer.question,
        "id": result.id,
        "stream_id": result.stream_id,
        "running_time_ms": milliseconds(context.running_time),
        "capture_time_ms": milliseconds(context.capture_time),
        "evidence_location": file_of(change, context),
    });
    line.to_string() + "\n"
}

/// The `overshoot-result` structure for a one-shot question (`ask`) that gets no answer.
pub fn unanswered(ask: &OneShotQuestion, why: &str, now: Option<gst::ClockTime>) -> gst::Structure {
    gst::Structure::builder("overshoot-result")
        .field("prompt", &ask.prompt)
        .field("ok", false)
        .field("error", why)
        .field_if_some("running-time", now)
        .field("ask-serial", ask.serial)
        .build()
}

/// The `overshoot-partial` structure of an answer that is not complete yet.
pub fn partial(partial: &PartialAnswer, stream_id: Option<&str>) -> gst::Structure {
    gst::Structure::builder("overshoot-partial")
        .field_if_some("stream-id", stream_id)
        .field_if_some("question", partial.question.as_deref())
        .field_if_some("ask-serial", partial.ask_serial)
        .field("result", &partial.text)
        .build()
}

/// Maximum plausible latency. Larger values from the service are ignored, because times computed with them
/// would be wrong.
const MAX_LATENCY: Duration = Duration::from_secs(3600);

/// The time from the capture of the analysed video to the answer, as the service measured it.
pub fn latency(answer: &Answer) -> Option<Duration> {
    let milliseconds = answer.result.total_latency_ms?;
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .ok()
        .filter(|latency| *latency <= MAX_LATENCY)
}

/// Converts a duration. The result is at most `ClockTime::MAX`.
pub fn clock_time(duration: Duration) -> gst::ClockTime {
    duration.try_into().unwrap_or(gst::ClockTime::MAX)
}

/// The `overshoot-state` structure.
pub fn state(state: State, stream_id: Option<&str>, reason: Option<&str>) -> gst::Structure {
    gst::Structure::builder("overshoot-state")
        .field("state", state.nick())
        .field_if_some("stream-id", stream_id)
        .field_if_some("reason", reason)
        .build()
}

/// The `overshoot-prompt` structure: the prompt in use from now on, and the change that was withdrawn, if one was.
pub fn prompt(
    in_use: &Prompt,
    withdrawn: Option<&Prompt>,
    stream_id: Option<&str>,
) -> gst::Structure {
    gst::Structure::builder("overshoot-prompt")
        .field("prompt", &in_use.text)
        .field("prompt-serial", in_use.serial)
        .field_if_some("withdrawn", withdrawn.map(|prompt| &prompt.text))
        .field_if_some("stream-id", stream_id)
        .build()
}

/// The `overshoot-credits` structure, if the renewal says anything about credits.
pub fn credits(renewed: &LeaseRenewal) -> Option<gst::Structure> {
    let LeaseRenewal {
        credits_remaining_cents,
        cost_cents,
        seconds_charged,
        ..
    } = *renewed;
    credits_remaining_cents.or(cost_cents).or(seconds_charged)?;
    Some(
        gst::Structure::builder("overshoot-credits")
            .field_if_some("credits-remaining-cents", credits_remaining_cents)
            .field_if_some("cost-cents", cost_cents)
            .field_if_some("seconds-charged", seconds_charged)
            .build(),
    )
}

/// The `overshoot-models` structure.
pub fn models(models: &[Model]) -> gst::Structure {
    let models = models.iter().map(|model| {
        gst::Structure::builder("model")
            .field("model", &model.model)
            .field("ready", model.ready)
            .field_if_some("status", model.status.as_deref())
            .build()
    });
    gst::Structure::builder("overshoot-models")
        .field("models", gst::Array::new(models))
        .build()
}

/// Posts an element message.
pub fn post(element: &OvershootSink, structure: gst::Structure) {
    let message = gst::message::Element::builder(structure)
        .src(&element.public_element())
        .build();
    send(element, message);
}

fn send(element: &OvershootSink, message: gst::Message) {
    // Without a bus, nobody reads messages.
    let _ = call::post_message(&element.public_element(), message);
}

/// Posts a failure: an ERROR message if it is fatal, else a WARNING message. `streaming` selects the error
/// code of connection failures: WRITE if video was flowing, else OPEN_WRITE.
pub fn post_failure(element: &OvershootSink, error: &Error, fatal: bool, streaming: bool) {
    let code = resource_error(error, streaming);
    let debug = format!(
        "stage {}, {}{}",
        error.stage.name(),
        error.kind.name(),
        error
            .request_id
            .as_ref()
            .map(|id| format!(", request {id}"))
            .unwrap_or_default()
    );
    let details = details(error);
    let message = if fatal {
        gst::message::Error::builder(code, &error.message)
            .debug(&debug)
            .details(details)
            .src(&element.public_element())
            .build()
    } else {
        gst::message::Warning::builder(code, &error.message)
            .debug(&debug)
            .details(details)
            .src(&element.public_element())
            .build()
    };
    send(element, message);
}

fn details(error: &Error) -> gst::Structure {
    gst::Structure::builder("overshoot-error")
        .field("kind", error.kind.name())
        .field_if_some("status-code", error.status_code.map(u32::from))
        .field_if_some("request-id", error.request_id.as_deref())
        .field("stage", error.stage.name())
        .field("retryable", error.retryable())
        .build()
}

fn resource_error(error: &Error, streaming: bool) -> gst::ResourceError {
    match error.kind {
        Kind::InvalidSettings => gst::ResourceError::Settings,
        Kind::NotAuthorized => gst::ResourceError::NotAuthorized,
        Kind::OutOfCredits => gst::ResourceError::NoSpaceLeft,
        Kind::Busy => gst::ResourceError::Busy,
        Kind::NotFound => gst::ResourceError::NotFound,
        Kind::Server
        | Kind::Network
        | Kind::Timeout
        | Kind::Protocol
        | Kind::Media
        | Kind::StreamEnded => {
            if streaming {
                gst::ResourceError::Write
            } else {
                gst::ResourceError::OpenWrite
            }
        }
    }
}

/// Posts an INFO message: something was chosen that the application may want to choose itself.
pub fn post_info(element: &OvershootSink, text: &str) {
    // gst-launch-1.0 prints the debug text only.
    let message = gst::message::Info::builder(gst::ResourceError::Settings, text)
        .debug(text)
        .src(&element.public_element())
        .build();
    send(element, message);
}

/// Posts a PROGRESS message about connecting.
pub fn post_progress(element: &OvershootSink, kind: gst::ProgressType, text: &str) {
    let message = gst::message::Progress::builder(kind, "connect", text)
        .src(&element.public_element())
        .build();
    send(element, message);
}
