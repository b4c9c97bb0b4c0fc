//! A stream that lives: its socket, its lease, its prompt, in one `select!` loop.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::api;
use super::results_socket::{Received, Socket, is_final};
use crate::session::config::Config;
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::{Answer, Event};
use crate::session::http::Http;
use crate::session::lease;
use crate::session::protocol::{Feedback, InferenceResult, KeptAlive};
use crate::session::retry::{persist, until};
use crate::session::schema::Schema;
use crate::session::secret::Secret;
use crate::session::throttle::{COMPLAINTS_A_SECOND, Gate};

/// Tries to reconnect the socket in a row without one message, as the SDKs do it.
const SOCKET_TRIES: u32 = 5;
/// Ids of answers that are remembered, to deliver none twice after a reconnect.
const REMEMBERED: usize = 64;
/// Answers that are passed on in a second. Streams are asked about 30 times a second at the most;
/// what an application that does not look at its bus piles up must have a bound.
const ANSWERS_A_SECOND: u32 = 200;
/// What the loop's helpers come back with.
enum Done {
    Socket(Result<Box<Socket>, Error>),
    Renewal(Result<KeptAlive, Error>),
    Prompt(Result<String, Error>),
    Feedback(Result<(), Error>),
}

/// A stream that was created.
pub struct Stream {
    http: Http,
    key: Secret,
    id: String,
    timeout: Duration,
    prompt: watch::Receiver<String>,
    schema: Option<Schema>,
    feedback: mpsc::Receiver<Feedback>,
    /// Events that the owner has not taken yet. The socket is not read while one waits here, so
    /// it holds a handful at the most.
    outbox: VecDeque<Event>,
    /// HTTP calls and connects under way: at most one of each kind.
    jobs: JoinSet<Done>,
    socket: Option<Socket>,
    socket_failures: u32,
    ttl: Duration,
    /// When the lease is to be renewed; `None` while that is under way.
    renew_at: Option<Instant>,
    changing_prompt: bool,
    giving_feedback: bool,
    /// The ids of the newest answers.
    seen: VecDeque<String>,
    answers: Gate,
    complaints: Gate,
}

impl Stream {
    /// `ttl` is the lease that the creation brought.
    pub fn new(
        http: Http,
        id: String,
        config: Config,
        feedback: mpsc::Receiver<Feedback>,
        ttl: Duration,
    ) -> Self {
        Self {
            http,
            key: config.api_key,
            id,
            timeout: config.timeout,
            prompt: config.prompt,
            schema: config.request.output_schema,
            feedback,
            outbox: VecDeque::new(),
            jobs: JoinSet::new(),
            socket: None,
            socket_failures: 0,
            ttl,
            renew_at: Some(Instant::now() + lease::renewal_interval(ttl)),
            changing_prompt: false,
            giving_feedback: false,
            seen: VecDeque::with_capacity(REMEMBERED),
            answers: Gate::new(ANSWERS_A_SECOND),
            complaints: Gate::new(COMPLAINTS_A_SECOND),
        }
    }

    /// Lives until stopped (`Ok`) or until the stream is lost.
    pub async fn live(
        mut self,
        events: &mpsc::Sender<Event>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        self.connect_socket(Duration::ZERO);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    if let Some(socket) = self.socket.take() {
                        socket.close().await;
                    }
                    return Ok(());
                }
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(event) = self.outbox.pop_front() {
                            permit.send(event);
                        }
                    }
                    // The owner is gone.
                    Err(_) => return Ok(()),
                },
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.finish(done)?,
                    Err(error) => return Err(Error::new(
                        Kind::Protocol,
                        Stage::Socket,
                        format!("A task of the session died: {error}."),
                    )),
                },
                () = until(self.renew_at) => self.renew(),
                // The sender lives as long as the element does.
                Ok(()) = self.prompt.changed(), if !self.changing_prompt => self.change_prompt(),
                Some(feedback) = self.feedback.recv(), if !self.giving_feedback => {
                    self.give_feedback(feedback);
                }
                received = next(&mut self.socket), if self.outbox.is_empty() => {
                    self.receive(received)?;
                }
            }
        }
    }

    fn finish(&mut self, done: Done) -> Result<(), Error> {
        match done {
            Done::Socket(Ok(socket)) => self.socket = Some(*socket),
            Done::Socket(Err(error)) => self.socket_lost(error)?,
            Done::Renewal(Ok(renewed)) => {
                self.ttl = lease::ttl(renewed.ttl_seconds.or(Some(self.ttl.as_secs_f64())));
                self.renew_at = Some(Instant::now() + lease::renewal_interval(self.ttl));
                self.outbox.push_back(Event::Renewed(renewed));
            }
            Done::Renewal(Err(error)) => return Err(error),
            Done::Prompt(taken) => {
                self.changing_prompt = false;
                self.outbox.push_back(match taken {
                    Ok(prompt) => Event::PromptTaken(prompt),
                    Err(error) => Event::Warning(Error {
                        message: format!(
                            "The prompt was not changed, the old one goes on. {}",
                            error.message
                        ),
                        ..error
                    }),
                });
            }
            Done::Feedback(taken) => {
                self.giving_feedback = false;
                self.outbox.push_back(match taken {
                    Ok(()) => Event::FeedbackTaken,
                    Err(error) => Event::Warning(error),
                });
            }
        }
        Ok(())
    }

    fn receive(&mut self, received: Received) -> Result<(), Error> {
        match received {
            Received::Text(json, arrived) => {
                self.socket_failures = 0;
                match InferenceResult::parse(&json) {
                    Ok(result) if self.is_new(&result) => {
                        match self.answers.pass(arrived) {
                            None => return Ok(()),
                            Some(0) => {}
                            Some(lost) => self.complain(format!(
                                "The service sent more than {ANSWERS_A_SECOND} answers in a second: {lost} were left out."
                            )),
                        }
                        let misfit = self.misfit(&result);
                        self.outbox.push_back(Event::Answer(Box::new(Answer {
                            result,
                            json,
                            arrived,
                            misfit,
                            question: None,
                            ask: None,
                            usage: None,
                            end_offset: Duration::ZERO,
                        })));
                    }
                    Ok(_) => {}
                    Err(what) => self.skipped(&what),
                }
            }
            Received::Unexpected(what) => self.skipped(what),
            Received::Ended(error) => {
                self.socket = None;
                self.socket_lost(error)?;
            }
        }
        Ok(())
    }

    fn skipped(&mut self, what: &str) {
        self.complain(format!("A message of the service was skipped: {what}."));
    }

    fn complain(&mut self, what: String) {
        let Some(more) = self.complaints.pass(std::time::Instant::now()) else {
            return;
        };
        let more = match more {
            0 => String::new(),
            more => format!(" So it went {more} times before."),
        };
        self.outbox.push_back(Event::Warning(Error::new(
            Kind::Protocol,
            Stage::Socket,
            what + &more,
        )));
    }

    /// Whether the answer was not delivered before; the service may repeat some after a reconnect.
    fn is_new(&mut self, result: &InferenceResult) -> bool {
        let Some(id) = &result.id else { return true };
        if self.seen.contains(id) {
            return false;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(id.clone());
        true
    }

    /// Why an answer does not fit the schema. One that failed says so itself.
    fn misfit(&self, result: &InferenceResult) -> Option<String> {
        let schema = self.schema.as_ref().filter(|_| result.ok != Some(false))?;
        schema.misfit(result.result.as_deref()?)
    }

    fn connect_socket(&mut self, pause: Duration) {
        let (http, key, id) = (self.http.clone(), self.key.clone(), self.id.clone());
        let bound = self.timeout;
        self.jobs.spawn(async move {
            sleep(pause).await;
            let socket = Socket::connect(&http, &id, &key, bound).await;
            Done::Socket(socket.map(Box::new))
        });
    }

    /// Reconnects, unless the loss is the stream's end. The lease lives on meanwhile: its end is
    /// the keepalive's to find.
    fn socket_lost(&mut self, error: Error) -> Result<(), Error> {
        if is_final(&error) || self.socket_failures == SOCKET_TRIES {
            return Err(error);
        }
        let pause = lease::socket_backoff(self.socket_failures, rand::random());
        let pause = error.retry_after.unwrap_or(pause).min(lease::MAX_PAUSE);
        self.socket_failures += 1;
        self.outbox.push_back(Event::Warning(Error {
            message: format!(
                "{} Connecting again in {:.1} s.",
                error.message,
                pause.as_secs_f64()
            ),
            ..error
        }));
        self.connect_socket(pause);
        Ok(())
    }

    fn renew(&mut self) {
        self.renew_at = None;
        let (http, id) = (self.http.clone(), self.id.clone());
        let bound = self.timeout.min(lease::try_timeout(self.ttl));
        let (pause, longest) = (
            lease::retry_pause(self.ttl),
            lease::longest_retry_pause(self.ttl),
        );
        self.jobs.spawn(async move {
            let try_once = || api::keepalive(&http, &id, bound);
            Done::Renewal(persist(try_once, pause, longest).await)
        });
    }

    /// Sends the newest prompt. One change is under way at a time, so they arrive in order and
    /// the last one wins.
    fn change_prompt(&mut self) {
        self.changing_prompt = true;
        let prompt = self.prompt.borrow_and_update().clone();
        let (http, id, bound) = (self.http.clone(), self.id.clone(), self.timeout);
        self.jobs.spawn(async move {
            let try_once = || api::change_prompt(&http, &id, &prompt, bound);
            Done::Prompt(persist(try_once, lease::RETRY_PAUSE, lease::MAX_PAUSE).await)
        });
    }

    fn give_feedback(&mut self, feedback: Feedback) {
        self.giving_feedback = true;
        let (http, id, bound) = (self.http.clone(), self.id.clone(), self.timeout);
        self.jobs.spawn(async move {
            Done::Feedback(api::give_feedback(&http, &id, &feedback, bound).await)
        });
    }
}

/// What the socket says next; nothing, for ever, while there is none.
async fn next(socket: &mut Option<Socket>) -> Received {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}
