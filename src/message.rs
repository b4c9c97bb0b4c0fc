// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's bus messages, as types.
//!
//! ```
//! # fn handle(message: &gst::Message) {
//! use gstovershoot::Message;
//!
//! match Message::parse(message) {
//!     Some(Message::Result(answer)) => println!("{}", answer.text().unwrap_or("no answer")),
//!     Some(Message::Warning(failure)) => eprintln!("{} ({})", failure.message, failure.kind),
//!     _ => {}
//! }
//! # }
//! ```
//!
//! The names and types of the fields on the bus are listed in `docs/messages-and-errors.md`. A field that is
//! missing or has another type is `None`, empty, 0 or `false`: a newer version of the plugin breaks no reader.

use gst::glib;

use crate::sink::enums::State;

/// A message of `overshootsink`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// `overshoot-result`: an answer, or the reason why there is none.
    Result(Box<ResultMessage>),
    /// `overshoot-partial`: the beginning of an answer that is not complete yet.
    Partial(PartialMessage),
    /// `overshoot-alert`: an answer has raised or ended an alert of the property `alerts`.
    Alert(AlertMessage),
    /// `overshoot-clip`: the clip of an alert is complete.
    Clip(ClipMessage),
    /// `overshoot-state`: the state or the stream has changed, or the source has stalled or goes on.
    State(StateMessage),
    /// `overshoot-prompt`: the service uses a changed prompt from now on, or a change was withdrawn.
    Prompt(PromptMessage),
    /// `overshoot-models`: the answer to the action signal `get-models`.
    Models(Vec<ModelStatus>),
    /// `overshoot-credits`: what the stream costs.
    Credits(CreditsMessage),
    /// An ERROR message of the element: the pipeline ends.
    Error(FailureMessage),
    /// A WARNING message of the element: the pipeline goes on.
    Warning(FailureMessage),
}

/// The fields of `overshoot-result`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ResultMessage {
    /// The answer's text; JSON with `output-schema`.
    pub result: Option<String>,
    /// `false`: the service or the element could not answer; [`Self::error`] says why. `true` if the service does
    /// not say.
    pub ok: bool,
    pub error: Option<String>,
    /// Why a JSON answer does not fit `output-schema`.
    pub schema_error: Option<String>,
    /// `stop`, or `length` if the answer was cut off at `max-output-tokens`.
    pub finish_reason: Option<String>,
    /// The prompt that is answered.
    pub prompt: Option<String>,
    /// The number of that prompt, counted from 1.
    pub prompt_serial: Option<u64>,
    /// A newer prompt was set before this answer came.
    pub late: bool,
    /// The answer is about a picture that stood still, because the source had stalled.
    pub stale: bool,
    /// The answer says the same as the one before.
    pub repeated: bool,
    /// The name of the question, for those of the property `questions`.
    pub question: Option<String>,
    /// What the action signal `ask` returned, for its answer.
    pub ask_serial: Option<u64>,
    /// When the answer came.
    pub running_time: Option<gst::ClockTime>,
    /// When the newest frame that the answer is about was captured, in running time.
    pub capture_time: Option<gst::ClockTime>,
    /// How far from that the capture time of another frame is that the answer may be about; zero if there is no other.
    /// `None`: that is not known.
    pub capture_time_accuracy: Option<gst::ClockTime>,
    /// The picture that the answer is about, with `evidence`; its running time is [`Self::capture_time`].
    pub picture: Option<Picture>,
    /// The file of that picture, if the answer raises an alert and `evidence-location` is set.
    pub evidence_location: Option<String>,
    /// Milliseconds that the model took.
    pub inference_latency_ms: Option<f64>,
    /// Milliseconds from the frame to the answer, as the service measures it.
    pub total_latency_ms: Option<f64>,
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    /// What it cost; a cent has 1,000,000 microcents.
    pub cost_microcents: Option<u64>,
    /// The service's name for the answer.
    pub id: Option<String>,
    pub stream_id: Option<String>,
    /// How many streams there were since the start, this one included.
    pub stream_epoch: Option<u64>,
    /// `clip` or `frame`.
    pub mode: Option<String>,
    pub model_name: Option<String>,
    pub model_backend: Option<String>,
    /// The service's own message.
    pub json: Option<String>,
}

impl ResultMessage {
    /// The answer's text. `None` if there is no answer: then [`Self::error`] says why.
    pub fn text(&self) -> Option<&str> {
        self.result.as_deref().filter(|_| self.ok)
    }
}

/// The fields of `overshoot-partial`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartialMessage {
    /// The answer from its beginning up to here.
    pub result: String,
    pub question: Option<String>,
    pub ask_serial: Option<u64>,
    pub stream_id: Option<String>,
}

/// The fields of `overshoot-state`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateMessage {
    pub state: State,
    pub stream_id: Option<String>,
    /// Why it changed.
    pub reason: Option<String>,
}

/// The fields of `overshoot-alert`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertMessage {
    /// Of the alert.
    pub name: String,
    /// `false`: it has ended.
    pub raised: bool,
    /// The time that the first of the answers in a row is about that say so, in running time.
    pub since: Option<gst::ClockTime>,
    /// The text of the last of them.
    pub result: Option<String>,
    /// The name of their question, for those of the property `questions`.
    pub question: Option<String>,
    /// When the last of them came.
    pub running_time: Option<gst::ClockTime>,
    /// When the newest frame that it is about was captured, in running time.
    pub capture_time: Option<gst::ClockTime>,
    /// The picture that it is about, with `evidence`.
    pub picture: Option<Picture>,
    /// The file of that picture, with `evidence-location`. The end of an alert has none.
    pub evidence_location: Option<String>,
    /// The service's name for it.
    pub id: Option<String>,
    pub stream_id: Option<String>,
}

/// A JPEG picture (`image/jpeg`). Two are equal if they are the same picture in memory.
#[derive(Debug, Clone)]
pub struct Picture(pub gst::Sample);

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ptr() == other.0.as_ptr()
    }
}

impl Eq for Picture {}

/// The fields of `overshoot-clip`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClipMessage {
    /// The name of the alert that began it.
    pub name: String,
    /// The file.
    pub location: String,
    /// The running times of its first and its last frame.
    pub start: Option<gst::ClockTime>,
    pub end: Option<gst::ClockTime>,
}

/// The fields of `overshoot-prompt`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptMessage {
    /// The prompt in use.
    pub prompt: String,
    /// The change that the service did not take.
    pub withdrawn: Option<String>,
    pub prompt_serial: Option<u64>,
    pub stream_id: Option<String>,
}

/// A model, in `overshoot-models`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelStatus {
    pub model: String,
    /// The model answers now.
    pub ready: bool,
    /// The service's word for it, such as `saturated`.
    pub status: Option<String>,
}

/// The fields of `overshoot-credits`. What the service does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CreditsMessage {
    pub credits_remaining_cents: Option<f64>,
    pub cost_cents: Option<f64>,
    pub seconds_charged: Option<f64>,
    /// The field of the property `budget` that is used up. The next ones are the sums of the run.
    pub budget_exhausted: Option<String>,
    pub cost_microcents: Option<u64>,
    pub cost_last_hour_microcents: Option<u64>,
    pub answers: Option<u64>,
    pub seconds: Option<f64>,
}

/// The text of an ERROR or WARNING, and the fields of its details `overshoot-error`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureMessage {
    /// What failed, and what to change.
    pub message: String,
    /// Such as `invalid-settings`, `not-authorized`, `out-of-credits`.
    pub kind: String,
    /// What the element was doing, such as `create` or `connect`.
    pub stage: String,
    /// The HTTP status code of the response, if there was one.
    pub status_code: Option<u32>,
    /// The service's name for the request: its support asks for it.
    pub request_id: Option<String>,
    /// The same may work later without a change.
    pub retryable: bool,
}

impl Message {
    /// `None`: the message is not one of `overshootsink`.
    pub fn parse(message: &gst::MessageRef) -> Option<Self> {
        match message.view() {
            gst::MessageView::Element(_) => Self::from_structure(message.structure()?),
            gst::MessageView::Error(error) => {
                failure(error.error().message(), error.details()?).map(Self::Error)
            }
            gst::MessageView::Warning(warning) => {
                failure(warning.error().message(), warning.details()?).map(Self::Warning)
            }
            _ => None,
        }
    }

    /// Reads the structure alone, such as that of the signal `result`. `None`: it is another structure.
    pub fn from_structure(structure: &gst::StructureRef) -> Option<Self> {
        let fields = Fields(structure);
        Some(match structure.name().as_str() {
            "overshoot-result" => Self::Result(Box::new(fields.result())),
            "overshoot-partial" => Self::Partial(PartialMessage {
                result: fields.text("result"),
                question: fields.get("question"),
                ask_serial: fields.get("ask-serial"),
                stream_id: fields.get("stream-id"),
            }),
            "overshoot-alert" => Self::Alert(AlertMessage {
                name: fields.text("name"),
                raised: fields.get("raised").unwrap_or_default(),
                since: fields.get("since"),
                result: fields.get("result"),
                question: fields.get("question"),
                running_time: fields.get("running-time"),
                capture_time: fields.get("capture-time"),
                picture: fields.get("picture").map(Picture),
                evidence_location: fields.get("evidence-location"),
                id: fields.get("id"),
                stream_id: fields.get("stream-id"),
            }),
            "overshoot-clip" => Self::Clip(ClipMessage {
                name: fields.text("name"),
                location: fields.text("location"),
                start: fields.get("start"),
                end: fields.get("end"),
            }),
            "overshoot-state" => Self::State(StateMessage {
                state: State::from_nick(structure.get("state").ok()?)?,
                stream_id: fields.get("stream-id"),
                reason: fields.get("reason"),
            }),
            "overshoot-prompt" => Self::Prompt(PromptMessage {
                prompt: fields.text("prompt"),
                withdrawn: fields.get("withdrawn"),
                prompt_serial: fields.get("prompt-serial"),
                stream_id: fields.get("stream-id"),
            }),
            "overshoot-models" => Self::Models(fields.models()),
            "overshoot-credits" => Self::Credits(CreditsMessage {
                credits_remaining_cents: fields.get("credits-remaining-cents"),
                cost_cents: fields.get("cost-cents"),
                seconds_charged: fields.get("seconds-charged"),
                budget_exhausted: fields.get("budget-exhausted"),
                cost_microcents: fields.get("cost-microcents"),
                cost_last_hour_microcents: fields.get("cost-last-hour-microcents"),
                answers: fields.get("answers"),
                seconds: fields.get("seconds"),
            }),
            _ => return None,
        })
    }
}

fn failure(message: &str, details: &gst::StructureRef) -> Option<FailureMessage> {
    let fields = Fields(details);
    (details.name() == "overshoot-error").then(|| FailureMessage {
        message: message.to_owned(),
        kind: fields.text("kind"),
        stage: fields.text("stage"),
        status_code: fields.get("status-code"),
        request_id: fields.get("request-id"),
        retryable: fields.get("retryable").unwrap_or_default(),
    })
}

/// Reads leniently.
struct Fields<'a>(&'a gst::StructureRef);

impl<'a> Fields<'a> {
    fn get<T: glib::value::FromValue<'a>>(&self, name: &str) -> Option<T> {
        self.0.get(name).ok()
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    fn result(&self) -> ResultMessage {
        ResultMessage {
            result: self.get("result"),
            ok: self.get("ok").unwrap_or(true),
            error: self.get("error"),
            schema_error: self.get("schema-error"),
            finish_reason: self.get("finish-reason"),
            prompt: self.get("prompt"),
            prompt_serial: self.get("prompt-serial"),
            late: self.get("late").unwrap_or_default(),
            stale: self.get("stale").unwrap_or_default(),
            repeated: self.get("repeated").unwrap_or_default(),
            question: self.get("question"),
            ask_serial: self.get("ask-serial"),
            running_time: self.get("running-time"),
            capture_time: self.get("capture-time"),
            capture_time_accuracy: self.get("capture-time-accuracy"),
            picture: self.get("picture").map(Picture),
            evidence_location: self.get("evidence-location"),
            inference_latency_ms: self.get("inference-latency-ms"),
            total_latency_ms: self.get("total-latency-ms"),
            prompt_tokens: self.get("prompt-tokens"),
            completion_tokens: self.get("completion-tokens"),
            cost_microcents: self.get("cost-microcents"),
            id: self.get("id"),
            stream_id: self.get("stream-id"),
            stream_epoch: self.get("stream-epoch"),
            mode: self.get("mode"),
            model_name: self.get("model-name"),
            model_backend: self.get("model-backend"),
            json: self.get("json"),
        }
    }

    fn models(&self) -> Vec<ModelStatus> {
        let Some(models) = self.get::<gst::ArrayRef>("models") else {
            return Vec::new();
        };
        let models = models.iter().filter_map(|value| value.get().ok());
        models
            .map(|model: gst::Structure| ModelStatus {
                model: Fields(&model).text("model"),
                ready: Fields(&model).get("ready").unwrap_or_default(),
                status: Fields(&model).get("status"),
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
