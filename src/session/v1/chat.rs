// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One request for an answer: `POST /chat/completions`.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::completion::{CompletionBuilder, Failure};
use super::gate;
use super::protocol::{ChatRequest, ContentPart, MediaUrl, Message, StreamOptions};
use super::schema_mode::SchemaRequest;
use crate::session::config::NewestFrame;
use crate::session::costs::account::Ticket;
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::PartialAnswer;
use crate::session::http::HttpClient;
use crate::session::prompt::Prompt;
use crate::session::protocol::{Mode, Usage, without_nul};
use crate::session::question::{ExtraMedia, Moment, Period};
use crate::session::request::SchemaMode;
use crate::session::schema::Schema;

/// How much longer a frame takes to become one that the service can be asked about than a request takes
/// to arrive: decoding, and less than a frame lasts. The service does not say which frame an answer is
/// about; waiting this long makes it known.
pub const FRAME_ARRIVAL: Duration = Duration::from_millis(20);

/// A request, ready to be sent.
pub struct Chat {
    pub stream_id: String,
    pub question: QuestionId,
    /// The question's name, if it has one.
    pub name: Option<String>,
    /// Its serial is 0 if it is not the element's.
    pub prompt: Prompt,
    pub period: Period,
    /// The model sees the video since this time, too.
    pub since: Option<Instant>,
    pub extra: ExtraMedia,
    /// The preferred one first.
    pub models: Vec<String>,
    /// The same, in the order in which they are tried.
    pub models_now: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
    pub instructions: Instructions,
    pub timeout: Duration,
    pub newest_frame: NewestFrame,
    /// Why it is not asked, or its place in the budget.
    pub ticket: Result<Ticket, Error>,
    /// Takes the answer as far as it has come.
    pub partial_answers: Option<mpsc::Sender<PartialAnswer>>,
}

/// What all questions of a stream tell the model.
#[derive(Debug, Clone, Default)]
pub struct Instructions {
    pub system_prompt: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    pub schema_mode: SchemaMode,
}

/// The question that an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionId {
    /// The stream's scheduled question with this number.
    Scheduled(usize),
    /// The one-shot question with this serial.
    OneShot(u64),
}

impl QuestionId {
    /// The serial of a one-shot question.
    pub fn serial(self) -> Option<u64> {
        match self {
            QuestionId::OneShot(serial) => Some(serial),
            QuestionId::Scheduled(_) => None,
        }
    }
}

/// A complete answer, or the failure that a successful response holds.
#[derive(Debug)]
pub struct Completion {
    pub id: Option<String>,
    pub model: String,
    /// The name by which it was asked.
    pub asked_model: String,
    pub text: String,
    pub finish_reason: Option<String>,
    /// Why it is no answer.
    pub failure: Option<Failure>,
    pub usage: Option<Usage>,
    /// If it is known.
    pub cost_microcents: Option<u64>,
    /// The pictures that it was asked about.
    pub moment: Moment,
    /// When the request was sent.
    pub asked: Instant,
    /// When the newest frame that the service had by then was captured.
    pub newest_frame: Option<Instant>,
    /// When the answer was complete.
    pub arrived: Instant,
}

impl Chat {
    /// Asks the models in order, until one answers.
    ///
    /// # Errors
    /// The error of the last model that was asked, or why none was asked.
    pub async fn ask(&self, http: &HttpClient) -> Result<Completion, Error> {
        let ticket = self.ticket.as_ref().map_err(Error::clone)?;
        let mut last = Err(Error::settings("model names no model: set it to one."));
        let still = self.larger_still().await;
        for model in &self.models_now {
            ticket.send();
            last = self.ask_model(http, model, still.as_deref()).await;
            gate::book(ticket, model, &mut last);
            if !another_model_may_answer(&last) {
                break;
            }
        }
        if last.is_ok() {
            ticket.take_answer();
        }
        last
    }

    /// The still in the size of the source.
    async fn larger_still(&self) -> Option<String> {
        let make = self.extra.larger_still.clone()?;
        spawn_blocking(move || make()).await.ok().flatten()
    }

    async fn ask_model(
        &self,
        http: &HttpClient,
        model: &str,
        still: Option<&str>,
    ) -> Result<Completion, Error> {
        let (method, path) = (Method::POST, &["chat", "completions"]);
        self.wait_for_newest_frame().await;
        let asked = Instant::now();
        let frame = asked
            .checked_sub(FRAME_ARRIVAL)
            .and_then(&*self.newest_frame);
        let newest = frame.map(|frame| frame.captured);
        let mut moment = self.period.before(newest);
        if let Some((since, newest)) = self.since.zip(newest) {
            moment = moment.reaching_back(newest.saturating_duration_since(since));
        }
        let request = self.request(model, &moment, asked, still);
        let response = http
            .send(Stage::Ask, method, path, Some(&request), self.timeout)
            .await?;
        let answer = CompletionBuilder::read(response, |text| self.send_partial(text)).await?;
        Ok(Completion {
            id: answer.id.map(without_nul),
            model: answer.model.map_or_else(|| model.to_owned(), without_nul),
            asked_model: model.to_owned(),
            text: without_nul(answer.text),
            finish_reason: answer.finish_reason.map(without_nul),
            failure: answer.failure,
            usage: answer.usage,
            cost_microcents: None,
            moment,
            asked,
            newest_frame: frame.map(|frame| frame.captured),
            arrived: Instant::now(),
        })
    }

    /// What the model is shown and asked.
    fn content<'a>(
        &'a self,
        instruction: Option<String>,
        moment: &Moment,
        asked: Instant,
        still: Option<&'a str>,
    ) -> Vec<ContentPart<'a>> {
        let mut parts = vec![text(&self.prompt.text)];
        parts.extend(instruction.map(|instruction| ContentPart::Text {
            text: Cow::Owned(instruction),
        }));
        parts.extend(self.extra.stream_name.as_deref().map(text));
        self.add_stream(&mut parts, &self.stream_id, moment, still);
        for other in &self.extra.other_streams {
            let newest = asked
                .checked_sub(FRAME_ARRIVAL)
                .and_then(&*other.newest_frame);
            let moment = self.period.before(newest.map(|frame| frame.captured));
            parts.push(text(&other.name));
            self.add_stream(&mut parts, &other.stream_id, &moment, None);
        }
        let pictures = self.extra.pictures.iter();
        parts.extend(pictures.map(|url| picture(Cow::Borrowed(url))));
        parts
    }

    fn add_stream<'a>(
        &self,
        parts: &mut Vec<ContentPart<'a>>,
        id: &str,
        moment: &Moment,
        larger_still: Option<&'a str>,
    ) {
        let still = match larger_still {
            Some(url) => picture(Cow::Borrowed(url)),
            None => picture(Cow::Owned(moment.still().url(id))),
        };
        if moment.mode() == Mode::Frame {
            let earlier = moment.earlier_stills();
            parts.extend(earlier.map(|earlier| picture(Cow::Owned(earlier.url(id)))));
            return parts.push(still);
        }
        let url = Cow::Owned(moment.url(id));
        parts.push(ContentPart::VideoUrl {
            video_url: MediaUrl { url },
        });
        if self.extra.with_still {
            parts.push(still);
        }
    }

    fn request<'a>(
        &'a self,
        model: &'a str,
        moment: &Moment,
        asked: Instant,
        still: Option<&'a str>,
    ) -> ChatRequest<'a> {
        let system = self.instructions.system_prompt.as_deref();
        let system = system
            .into_iter()
            .map(|content| Message::System { content });
        let mode = self.instructions.schema_mode;
        let schema = SchemaRequest::new(self.schema.as_ref(), mode, model);
        let question = Message::User {
            content: self.content(schema.instruction, moment, asked, still),
        };
        let stream = self.partial_answers.is_some();
        ChatRequest {
            model,
            messages: system.chain([question]).collect(),
            max_completion_tokens: self.max_output_tokens,
            temperature: self.instructions.temperature,
            thread_id: self.thread_id(),
            response_format: schema.response_format,
            stream,
            stream_options: stream.then_some(StreamOptions {
                include_usage: true,
            }),
        }
    }

    /// A scheduled question is asked again and again with the same text, which the service keeps for its thread.
    fn thread_id(&self) -> Option<String> {
        match self.question {
            QuestionId::Scheduled(id) => Some(format!("{}-{id}", self.stream_id)),
            QuestionId::OneShot(_) => None,
        }
    }

    /// The service may not have a frame yet that was sent just before the request.
    async fn wait_for_newest_frame(&self) {
        let now = Instant::now();
        if let Some(frame) = (self.newest_frame)(now) {
            sleep(FRAME_ARRIVAL.saturating_sub(now - frame.sent)).await;
        }
    }

    fn send_partial(&self, text: &str) {
        if let Some(partial_answers) = &self.partial_answers {
            // If there is no room, the text is dropped: the next part contains it.
            let _ = partial_answers.try_send(PartialAnswer {
                question: self.name.clone(),
                ask_serial: self.question.serial(),
                text: without_nul(text.to_owned()),
            });
        }
    }
}

fn text(text: &str) -> ContentPart<'_> {
    ContentPart::Text {
        text: Cow::Borrowed(text),
    }
}

fn picture(url: Cow<'_, str>) -> ContentPart<'_> {
    ContentPart::ImageUrl {
        image_url: MediaUrl { url },
    }
}

/// Whether the failure is about this model, so that another model may answer.
fn another_model_may_answer(outcome: &Result<Completion, Error>) -> bool {
    match outcome {
        Ok(completion) => matches!(completion.failure, Some(Failure::Failed(_))),
        Err(error) => match error.code.as_deref() {
            Some("model_unavailable" | "model_video_unsupported") => true,
            Some(code) if code.starts_with("upstream_") => true,
            // These are about the stream, whatever the model.
            Some("segment_empty" | "frame_not_yet_produced") => false,
            _ => matches!(error.kind, Kind::Server),
        },
    }
}
