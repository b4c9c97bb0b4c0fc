//! A stream that lives: its lease, its first picture, and when it is asked (see `asking`), in one
//! `select!` loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::answer::Reply;
use super::api;
use super::chat::Part;
use super::chat::Tag;
use super::protocol::StreamStatus;
use super::schedule::{Asked, Schedule};
use crate::session::config::{Config, NewestFrame};
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::{Event, Partial};
use crate::session::http::Http;
use crate::session::lease;
use crate::session::protocol::{Feedback, KeptAlive};
use crate::session::question::{Ask, Question};
use crate::session::retry::{persist, until};
use crate::session::throttle::{COMPLAINTS_A_SECOND, Gate};

/// How often it is looked whether a picture has come, at first and later.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_LATER: Duration = Duration::from_secs(1);
/// Pause between the tries of a renewal.
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// Questions that are asked once, at a time; more wait.
const ASKS_AT_A_TIME: usize = 4;
/// Parts of answers on their way; a later one tells what one that is lost did.
const PARTS: usize = 16;

/// What the loop's helpers come back with.
pub(super) enum Done {
    Status(Result<StreamStatus, Error>),
    Renewal(Result<(KeptAlive, bool), Error>),
    Answer(Box<Reply>),
}

/// A stream that was created.
pub struct Stream {
    pub(super) http: Http,
    pub(super) id: String,
    pub(super) timeout: Duration,
    pub(super) prompt: watch::Receiver<String>,
    /// The prompt that was answered last.
    pub(super) taken: String,
    pub(super) models: Vec<String>,
    pub(super) questions: Vec<Asked>,
    pub(super) asks: mpsc::Receiver<Ask>,
    /// Of those, how many are being asked.
    pub(super) asking: usize,
    pub(super) feedback: mpsc::Receiver<Feedback>,
    pub(super) newest_frame: NewestFrame,
    /// Events that the owner has not taken yet. Nothing is asked while one waits here.
    pub(super) outbox: VecDeque<Event>,
    pub(super) jobs: JoinSet<Done>,
    /// Parts of answers, if they are wanted.
    pub(super) parts: Option<mpsc::Sender<Part>>,
    pub(super) parts_in: mpsc::Receiver<Part>,
    pub(super) ttl: Duration,
    /// When the lease is to be renewed; `None` while that is under way.
    pub(super) renew_at: Option<Instant>,
    /// The service says what is left to spend.
    pub(super) tells_balance: bool,
    /// When to look for the first picture; `None` while that is under way, or once it is there.
    pub(super) look_at: Option<Instant>,
    pub(super) looks: u32,
    /// The last look failed, and the application knows.
    pub(super) looks_in_vain: bool,
    pub(super) complaints: Gate,
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

    /// Passes a failure on, with what is done about it.
    pub(super) fn complain(&mut self, error: Error, next: &str) {
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
