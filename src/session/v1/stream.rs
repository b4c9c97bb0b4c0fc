//! A stream that lives: its lease, its first picture, its questions, in one `select!` loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::api;
use super::chat::{Answered, Chat, Part, Tag};
use super::protocol::StreamStatus;
use super::question::{Ask, Moment, Question, Schedule};
use crate::session::error::{Error, Kind, Stage};
use crate::session::flood::Gate;
use crate::session::http::Http;
use crate::session::protocol::{Feedback, InferenceResult, KeptAlive, Mode};
use crate::session::stream::{COMPLAINTS_A_SECOND, persist, until};
use crate::session::{Answer, Config, Event, NewestFrame, Partial, lease};

/// How often it is looked whether a picture has come, at first and later.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_LATER: Duration = Duration::from_secs(1);
/// Pause between the tries of a renewal.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// Questions that are asked once, at a time; more wait.
const ASKS_AT_A_TIME: usize = 4;
/// Parts of answers on their way; a later one tells what one that is lost did.
const PARTS: usize = 16;
/// A picture that is not there yet is told about after so many tries.
const PATIENCE: u32 = 5;

/// What the loop's helpers come back with.
enum Done {
    Status(Result<StreamStatus, Error>),
    Renewal(Result<(KeptAlive, bool), Error>),
    Answer(Box<Reply>),
}

/// What came of a question.
struct Reply {
    tag: Tag,
    prompt: String,
    moment: Moment,
    outcome: Result<Answered, Error>,
}

/// A question and when it is due; without a schedule until there is a picture, and after a refusal.
struct Asked {
    question: Question,
    schedule: Option<Schedule>,
    /// The prompt that was asked last, and when the newest frame had been sent.
    subject: Option<Subject>,
    /// Whether that was answered.
    answered: bool,
}

type Subject = (String, Option<Instant>);

/// A stream that was created.
pub struct Stream {
    http: Http,
    id: String,
    timeout: Duration,
    prompt: watch::Receiver<String>,
    /// The prompt that was answered last.
    taken: String,
    models: Vec<String>,
    questions: Vec<Asked>,
    asks: mpsc::Receiver<Ask>,
    /// Of those, how many are being asked.
    asking: usize,
    feedback: mpsc::Receiver<Feedback>,
    newest_frame: NewestFrame,
    /// Events that the owner has not taken yet. Nothing is asked while one waits here.
    outbox: VecDeque<Event>,
    jobs: JoinSet<Done>,
    /// Parts of answers, if they are wanted.
    parts: Option<mpsc::Sender<Part>>,
    parts_in: mpsc::Receiver<Part>,
    ttl: Duration,
    /// When the lease is to be renewed; `None` while that is under way.
    renew_at: Option<Instant>,
    /// The service says what is left to spend.
    tells_balance: bool,
    /// When to look for the first picture; `None` while that is under way, or once it is there.
    look_at: Option<Instant>,
    looks: u32,
    /// The last look failed, and the application knows.
    looks_in_vain: bool,
    complaints: Gate,
}

impl Stream {
    /// `models` are those to ask, `ttl` is the lease that the creation brought.
    pub fn new(
        http: Http,
        id: String,
        mut config: Config,
        models: Vec<String>,
        (asks, feedback): (mpsc::Receiver<Ask>, mpsc::Receiver<Feedback>),
        ttl: Duration,
    ) -> Self {
        let request = config.request;
        let own = Question {
            name: None,
            prompt: None,
            processing: request.processing,
            models: Vec::new(),
            schema: request.output_schema,
            max_output_tokens: request.max_output_tokens,
        };
        let questions = std::iter::once(own).chain(request.questions);
        let (parts, parts_in) = mpsc::channel(PARTS);
        let taken = config.prompt.borrow_and_update().clone();
        Self {
            http,
            id,
            timeout: config.timeout,
            taken,
            prompt: config.prompt,
            models,
            questions: questions
                .map(|question| Asked {
                    question,
                    schedule: None,
                    subject: None,
                    answered: false,
                })
                .collect(),
            asks,
            asking: 0,
            feedback,
            newest_frame: config.newest_frame,
            outbox: VecDeque::new(),
            jobs: JoinSet::new(),
            parts: request.partial.then_some(parts),
            parts_in,
            ttl,
            renew_at: Some(Instant::now() + renewal_interval(ttl)),
            tells_balance: true,
            look_at: Some(Instant::now()),
            looks: 0,
            looks_in_vain: false,
            complaints: Gate::new(COMPLAINTS_A_SECOND),
        }
    }

    /// Lives until stopped (`Ok`) or until the stream is lost.
    pub async fn live(
        mut self,
        events: &mpsc::Sender<Event>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        loop {
            let listened = self.outbox.is_empty();
            let due = self.next_due().filter(|_| listened);
            let sees = self.questions.iter().any(|asked| asked.schedule.is_some());
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                permit = events.reserve(), if !listened => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    // The owner is gone.
                    Err(_) => return Ok(()),
                },
                Some(part) = self.parts_in.recv(), if listened => self.part(part),
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.finish(done)?,
                    Err(error) => return Err(Error::new(
                        Kind::Protocol,
                        Stage::Ask,
                        format!("A task of the session died: {error}."),
                    )),
                },
                () = until(self.renew_at.map(Into::into)) => self.renew(),
                () = until(self.look_at.map(Into::into)) => self.look(),
                () = until(due.map(Into::into)) => self.ask_what_is_due(),
                Some(ask) = self.asks.recv(), if sees && self.asking < ASKS_AT_A_TIME => {
                    self.asking += 1;
                    self.ask(Tag::Once(ask.serial), ask.prompt, ask.moment);
                }
                Some(_) = self.feedback.recv() => self.outbox.push_back(Event::Warning(Error::new(
                    Kind::InvalidSettings,
                    Stage::Feedback,
                    "API v1 takes no feedback.",
                ))),
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let schedules = self.questions.iter().filter_map(|q| q.schedule.as_ref());
        schedules.filter_map(Schedule::due).min()
    }

    fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        for index in 0..self.questions.len() {
            let Some(asked) = self.questions.get_mut(index) else {
                break;
            };
            let Asked {
                question, schedule, ..
            } = asked;
            let due = schedule
                .as_mut()
                .filter(|s| s.due().is_some_and(|due| due <= now));
            let Some(schedule) = due else { continue };
            let moment = Moment::of(&question.processing);
            let prompt = match &question.prompt {
                Some(prompt) => prompt.clone(),
                None => self.prompt.borrow_and_update().clone(),
            };
            let newest = (self.newest_frame)(now).map(|frame| frame.sent);
            let subject = Some((prompt.clone(), newest));
            // The same again would cost as much, and tell no more: of a source that stands still, or
            // has ended.
            if asked.answered && newest.is_some() && asked.subject == subject {
                schedule.answered(now);
                continue;
            }
            schedule.asked();
            asked.subject = subject;
            asked.answered = false;
            self.ask(Tag::Question(index), prompt, moment);
        }
    }

    fn ask(&mut self, tag: Tag, prompt: String, moment: Moment) {
        let question = match tag {
            Tag::Question(index) => self.questions.get(index).map(|asked| &asked.question),
            Tag::Once(_) => None,
        };
        let models = question.map(|question| &question.models);
        let chat = Chat {
            stream_id: self.id.clone(),
            prompt,
            moment,
            models: models
                .filter(|models| !models.is_empty())
                .unwrap_or(&self.models)
                .clone(),
            schema: question.and_then(|question| question.schema.clone()),
            max_output_tokens: question.and_then(|question| question.max_output_tokens),
            timeout: self.timeout,
            newest_frame: self.newest_frame.clone(),
            tag,
            parts: self.parts.clone(),
        };
        let http = self.http.clone();
        self.jobs.spawn(async move {
            let outcome = chat.ask(&http).await;
            let Chat { prompt, moment, .. } = chat;
            Done::Answer(Box::new(Reply {
                tag,
                prompt,
                moment,
                outcome,
            }))
        });
    }

    fn finish(&mut self, done: Done) -> Result<(), Error> {
        match done {
            Done::Status(Ok(status)) => self.status(&status),
            Done::Status(Err(error)) if can_look_again(&error) => {
                let pause = error.retry_after.unwrap_or_default();
                let pause = pause.clamp(LOOK_LATER, lease::DEFAULT_TTL);
                self.look_at = Some(Instant::now() + pause);
                // Once a time of trouble.
                if !std::mem::replace(&mut self.looks_in_vain, true) {
                    let next = format!("Looking again in {:.1} s.", pause.as_secs_f64());
                    self.complain(error, &next);
                }
                Ok(())
            }
            Done::Status(Err(error)) | Done::Renewal(Err(error)) => Err(error),
            Done::Renewal(Ok((renewed, tells_balance))) => {
                self.ttl = lease::ttl(renewed.ttl_seconds.or(Some(self.ttl.as_secs_f64())));
                self.renew_at = Some(Instant::now() + renewal_interval(self.ttl));
                self.tells_balance = tells_balance;
                self.outbox.push_back(Event::Renewed(renewed));
                Ok(())
            }
            Done::Answer(reply) => self.replied(*reply),
        }
    }

    /// Questions begin with the first picture.
    fn status(&mut self, status: &StreamStatus) -> Result<(), Error> {
        if status.state.as_deref() == Some("ended") {
            return Err(Error::new(
                Kind::StreamEnded,
                Stage::Status,
                format!(
                    "The service ended the stream: {}.",
                    status.end_reason.as_deref().unwrap_or("no reason is given")
                ),
            ));
        }
        self.looks_in_vain = false;
        let now = Instant::now();
        if status.last_frame_at_ms.is_none() {
            self.looks += 1;
            // Ten quick looks, a second, and then each second.
            let pause = if self.looks <= 10 { LOOK } else { LOOK_LATER };
            self.look_at = Some(now + pause);
            return Ok(());
        }
        for asked in &mut self.questions {
            asked.schedule = Some(Schedule::new(&asked.question.processing, now));
        }
        Ok(())
    }

    fn look(&mut self) {
        self.look_at = None;
        let (http, id, timeout) = (self.http.clone(), self.id.clone(), self.timeout);
        self.jobs
            .spawn(async move { Done::Status(api::status(&http, &id, timeout).await) });
    }

    fn renew(&mut self) {
        self.renew_at = None;
        let (http, id, asks_balance) = (self.http.clone(), self.id.clone(), self.tells_balance);
        let bound = self.timeout.min(self.ttl / 6);
        let pause = RENEWAL_PAUSE.min(self.ttl / 12);
        self.jobs.spawn(async move {
            let try_once = || api::keepalive(&http, &id, bound);
            let renewed = match persist(try_once, pause, bound).await {
                Ok(renewed) => renewed,
                Err(error) => return Done::Renewal(Err(error)),
            };
            let balance = match asks_balance {
                true => api::balance(&http, bound).await,
                false => None,
            };
            let renewed = KeptAlive {
                ttl_seconds: renewed.ttl_seconds,
                credits_remaining_cents: balance,
                livekit_token: renewed.publish.map(|room| room.token),
                ..KeptAlive::default()
            };
            Done::Renewal(Ok((renewed, balance.is_some())))
        });
    }

    fn replied(&mut self, reply: Reply) -> Result<(), Error> {
        let now = Instant::now();
        if matches!(reply.tag, Tag::Once(_)) {
            self.asking -= 1;
        }
        let blocked = |error: &Error| error.code.as_deref() == Some("provider_safety_block");
        match &reply.outcome {
            Ok(_) => {}
            // An answer of its kind.
            Err(error) if blocked(error) => {}
            // Who asked once waits for an answer.
            Err(_) if matches!(reply.tag, Tag::Once(_)) => {}
            Err(error) => {
                let error = error.clone();
                return self.unanswered(reply.tag, error, now);
            }
        }
        if let Some(asked) = self.asked(reply.tag) {
            asked.answered = true;
            if let Some(schedule) = &mut asked.schedule {
                schedule.answered(now);
            }
        }
        if self.is_own(reply.tag) && reply.outcome.is_ok() && self.taken != reply.prompt {
            self.taken.clone_from(&reply.prompt);
            self.outbox
                .push_back(Event::PromptTaken(reply.prompt.clone()));
        }
        let answer = self.answer(reply);
        self.outbox.push_back(Event::Answer(Box::new(answer)));
        Ok(())
    }

    fn unanswered(&mut self, tag: Tag, error: Error, now: Instant) -> Result<(), Error> {
        let is_own = self.is_own(tag);
        if error.code.as_deref() == Some("model_unavailable") || is_passing(&error) {
            let pause = error.retry_after.map(|pause| pause.min(lease::DEFAULT_TTL));
            let Some(schedule) = self.schedule(tag) else {
                return Ok(());
            };
            let failures = schedule.failed(now, pause);
            let wait = schedule.due().map_or(0.0, |due| (due - now).as_secs_f64());
            let not_there = matches!(
                error.code.as_deref(),
                Some("segment_empty" | "frame_not_yet_produced" | "frame_evicted")
            );
            // Once a time of trouble.
            if failures == if not_there { PATIENCE } else { 1 } {
                self.complain(error, &format!("Asking again in {wait:.1} s."));
            }
            return Ok(());
        }
        let of_the_stream = matches!(
            error.kind,
            Kind::NotAuthorized | Kind::OutOfCredits | Kind::NotFound
        );
        if is_own || of_the_stream {
            return Err(error);
        }
        if let Some(asked) = self.asked(tag) {
            asked.schedule = None;
        }
        self.complain(error, "This question is not asked any more.");
        Ok(())
    }

    /// Passes a failure on, with what is done about it.
    fn complain(&mut self, error: Error, next: &str) {
        if self.complaints.pass(Instant::now()).is_some() {
            self.outbox.push_back(Event::Warning(Error {
                message: format!("{} {next}", error.message),
                ..error
            }));
        }
    }

    fn part(&mut self, part: Part) {
        let question = self.name(part.tag);
        self.outbox.push_back(Event::Partial(Partial {
            question,
            ask: part.tag.once(),
            text: part.text,
        }));
    }

    fn answer(&self, reply: Reply) -> Answer {
        let asked = self.asked_ref(reply.tag);
        let question = self.name(reply.tag);
        let ask = reply.tag.once();
        let ok = reply.outcome.is_ok();
        let now = Instant::now();
        let (told, error) = match reply.outcome {
            Ok(told) => (Some(told), None),
            Err(error) => (None, Some(error.message)),
        };
        let arrived = told.as_ref().map_or(now, |told| told.arrived);
        let ms = |since: Instant| {
            let latency = arrived.saturating_duration_since(since);
            (latency.as_secs_f64() * 1e6).round() / 1e3
        };
        let text = told.as_ref().map(|told| told.text.clone());
        let schema = asked.and_then(|asked| asked.question.schema.as_ref());
        let usage = told.as_ref().and_then(|told| told.usage);
        let result = InferenceResult {
            id: told.as_ref().and_then(|told| told.id.clone()),
            stream_id: Some(self.id.clone()),
            mode: Some(
                match reply.moment.mode() {
                    Mode::Clip => "clip",
                    Mode::Frame => "frame",
                }
                .to_owned(),
            ),
            model_backend: None,
            model_name: told.as_ref().map(|told| told.model.clone()),
            prompt: Some(reply.prompt),
            inference_latency_ms: told.as_ref().map(|told| ms(told.asked)),
            total_latency_ms: told.as_ref().and_then(|told| told.newest_frame).map(ms),
            ok: Some(ok),
            error,
            finish_reason: told.and_then(|told| told.finish_reason),
            result: text,
        };
        let misfit = schema
            .zip(result.result.as_deref())
            .and_then(|(schema, text)| schema.misfit(text));
        Answer {
            json: json_of(&result, question.as_deref(), ask, usage),
            result,
            arrived,
            misfit,
            question,
            ask,
            usage,
            end_offset: reply.moment.end_offset,
        }
    }

    fn is_own(&self, tag: Tag) -> bool {
        matches!(tag, Tag::Question(0))
    }

    fn name(&self, tag: Tag) -> Option<String> {
        self.asked_ref(tag)?.question.name.clone()
    }

    fn asked_ref(&self, tag: Tag) -> Option<&Asked> {
        match tag {
            Tag::Question(index) => self.questions.get(index),
            Tag::Once(_) => None,
        }
    }

    fn asked(&mut self, tag: Tag) -> Option<&mut Asked> {
        match tag {
            Tag::Question(index) => self.questions.get_mut(index),
            Tag::Once(_) => None,
        }
    }

    fn schedule(&mut self, tag: Tag) -> Option<&mut Schedule> {
        self.asked(tag)?.schedule.as_mut()
    }
}

/// A third of the lease: three tries fit in the rest of it.
fn renewal_interval(ttl: Duration) -> Duration {
    ttl / 3
}

/// Whether the stream may be there for all that. A page or the like is some proxy's: the service has
/// just made the stream.
fn can_look_again(error: &Error) -> bool {
    let is_gone = matches!(error.kind, Kind::NotFound | Kind::StreamEnded);
    (error.retryable() && !is_gone) || error.kind == Kind::Protocol
}

/// Whether the same question can be answered later, by the same stream.
fn is_passing(error: &Error) -> bool {
    let not_there = matches!(
        error.code.as_deref(),
        Some("segment_empty" | "frame_not_yet_produced" | "frame_evicted")
    );
    not_there || (error.retryable() && !matches!(error.kind, Kind::NotFound | Kind::StreamEnded))
}

/// The answer as v0.2 would have sent it, with what v1 knows beyond that.
fn json_of(
    result: &InferenceResult,
    question: Option<&str>,
    ask: Option<u64>,
    usage: Option<super::protocol::Usage>,
) -> String {
    let mut value = json!({
        "id": result.id,
        "stream_id": result.stream_id,
        "mode": result.mode,
        "model_name": result.model_name,
        "prompt": result.prompt,
        "result": result.result,
        "inference_latency_ms": result.inference_latency_ms,
        "total_latency_ms": result.total_latency_ms,
        "ok": result.ok,
        "error": result.error,
        "finish_reason": result.finish_reason,
    });
    if let Some(object) = value.as_object_mut() {
        let more = [
            ("question", question.map(Into::into)),
            ("ask_serial", ask.map(Into::into)),
            ("usage", usage.map(|usage| json!(usage))),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
    }
    value.to_string()
}
