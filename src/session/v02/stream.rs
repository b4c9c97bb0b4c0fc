// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A stream that was created: its socket, its lease and its prompt, in one `select!` loop.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::api;
use super::clip_questions::ClipQuestions;
use super::prompt_log::PromptLog;
use super::results_socket::{ResultsSocket, SocketEvent, is_final};
use crate::session::config::SessionConfig;
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::{Answer, Event};
use crate::session::heartbeat::is_heartbeat;
use crate::session::http::HttpClient;
use crate::session::lease;
use crate::session::live_questions::LiveQuestions;
use crate::session::outbox::Outbox;
use crate::session::prompt::{NOT_CHANGED, Prompt};
use crate::session::protocol::{InferenceResult, LeaseRenewal};
use crate::session::question::{OneShotQuestion, Question};
use crate::session::retry::{
    MAX_PAUSE, RECONNECT, RetryTimes, a_little_earlier, asked_pause, call_with_retries, until,
};
use crate::session::schema::Schema;
use crate::session::secret::Secret;
use crate::session::throttle::Throttle;
use crate::session::viewer::{self, Viewer};
use crate::session::{Api, StreamCall};

/// Tries in a row to connect the socket again, without a message in between, as the SDKs do it.
const MAX_SOCKET_TRIES: u32 = 5;
/// Ids of answers that are kept, so that no answer is reported twice after a reconnect.
const MAX_REMEMBERED_IDS: usize = 64;
/// Answers that are reported in one second. A stream has at most 30. An application that does not read its
/// bus must not collect answers without a limit.
const MAX_ANSWERS_PER_SECOND: u32 = 200;

/// What a task of the loop ends with.
enum TaskResult {
    Socket(Result<Box<ResultsSocket>, Error>),
    Renewal(Result<LeaseRenewal, Error>),
    /// The text is the one that the service says it uses.
    Prompt(Prompt, Result<String, Error>),
    Feedback(Result<(), Error>),
    Viewer(Result<Viewer, Error>),
    ClipQuestion(Box<Answer>),
}

/// A stream of API v0.2.
pub struct V02Stream {
    http: HttpClient,
    key: Secret,
    id: String,
    timeout: Duration,
    prompt: watch::Receiver<Prompt>,
    prompts: PromptLog,
    questions: watch::Receiver<LiveQuestions>,
    own_question: Option<Arc<Question>>,
    schema: Option<Schema>,
    one_shots: mpsc::Receiver<OneShotQuestion>,
    clip_questions: ClipQuestions,
    calls: mpsc::Receiver<StreamCall>,
    /// The socket is not read while an event waits here.
    outbox: Outbox,
    /// Calls under way: at most one of each kind, and some questions.
    tasks: JoinSet<TaskResult>,
    socket: Option<ResultsSocket>,
    socket_failures: u32,
    ttl: Duration,
    /// When to renew the lease; `None` while that is under way.
    renew_at: Option<Instant>,
    is_changing_prompt: bool,
    is_calling: bool,
    /// The ids of the newest answers.
    reported_ids: VecDeque<String>,
    answer_limit: Throttle,
}

impl V02Stream {
    /// `first` and `ttl`: the prompt and the lease that the stream was created with.
    pub fn new(
        http: HttpClient,
        id: String,
        config: SessionConfig,
        first: Prompt,
        (one_shots, calls): (mpsc::Receiver<OneShotQuestion>, mpsc::Receiver<StreamCall>),
        ttl: Duration,
    ) -> Self {
        Self {
            http,
            key: config.api_key,
            id,
            timeout: config.timeout,
            prompt: config.prompt,
            prompts: PromptLog::new(first),
            questions: config.questions,
            own_question: config.request.own_question,
            schema: config.request.output_schema,
            one_shots,
            clip_questions: ClipQuestions::default(),
            calls,
            outbox: Outbox::new(),
            tasks: JoinSet::new(),
            socket: None,
            socket_failures: 0,
            ttl,
            renew_at: Some(next_renewal(ttl)),
            is_changing_prompt: false,
            is_calling: false,
            reported_ids: VecDeque::with_capacity(MAX_REMEMBERED_IDS),
            answer_limit: Throttle::new(MAX_ANSWERS_PER_SECOND),
        }
    }

    /// Runs until it is stopped (`Ok`) or the stream is lost.
    pub async fn run(
        mut self,
        events: &mpsc::Sender<Event>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        self.connect_socket(Duration::ZERO);
        loop {
            let is_outbox_empty = self.outbox.is_empty();
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    if let Some(socket) = self.socket.take() {
                        socket.close().await;
                    }
                    return Ok(());
                }
                sent = self.outbox.send(events), if !is_outbox_empty => if !sent {
                    // The owner is gone.
                    return Ok(());
                },
                Some(result) = self.tasks.join_next() => match result {
                    Ok(result) => self.take_result(result)?,
                    Err(error) => return Err(Error::task_died(Stage::Socket, &error)),
                },
                () = until(self.renew_at) => self.renew(),
                // The sender lives as long as the element does.
                Ok(()) = self.prompt.changed(), if !self.is_changing_prompt => self.change_prompt(),
                Some(call) = self.calls.recv(), if !self.is_calling => self.call(call),
                Some(question) = self.one_shots.recv(), if self.clip_questions.can_ask() => {
                    self.ask(question);
                }
                event = next_event(&mut self.socket), if is_outbox_empty => {
                    self.take_socket_event(event)?;
                }
            }
        }
    }

    fn take_result(&mut self, result: TaskResult) -> Result<(), Error> {
        match result {
            TaskResult::Socket(Ok(socket)) => self.socket = Some(*socket),
            TaskResult::Socket(Err(error)) => self.reconnect_socket(error)?,
            TaskResult::Renewal(Ok(renewed)) => {
                self.ttl = lease::ttl(renewed.ttl_seconds.or(Some(self.ttl.as_secs_f64())));
                self.renew_at = Some(next_renewal(self.ttl));
                self.outbox.push(Event::Renewed(renewed));
            }
            TaskResult::Renewal(Err(error)) => return Err(error),
            TaskResult::Prompt(prompt, Ok(text)) => {
                self.is_changing_prompt = false;
                self.prompts.take(prompt.clone(), text.clone());
                let accepted = Prompt { text, ..prompt };
                self.outbox.push(Event::PromptAccepted(accepted));
            }
            TaskResult::Prompt(withdrawn, Err(error)) => {
                self.is_changing_prompt = false;
                self.outbox
                    .push(Event::Warning(error.preceded_by(NOT_CHANGED)));
                self.outbox.push(Event::PromptWithdrawn {
                    withdrawn,
                    in_use: self.prompts.in_use().clone(),
                });
            }
            TaskResult::ClipQuestion(answer) => {
                self.clip_questions.answered();
                self.outbox.push(Event::Answer(answer));
            }
            TaskResult::Viewer(requested) => {
                self.is_calling = false;
                self.outbox.push(match requested {
                    Ok(viewer) => Event::Viewer(viewer),
                    Err(error) => Event::Warning(error),
                });
            }
            TaskResult::Feedback(taken) => {
                self.is_calling = false;
                self.outbox.push(match taken {
                    Ok(()) => Event::FeedbackAccepted,
                    Err(error) => Event::Warning(error),
                });
            }
        }
        Ok(())
    }

    fn take_socket_event(&mut self, event: SocketEvent) -> Result<(), Error> {
        match event {
            SocketEvent::Text(json, arrived) => {
                self.socket_failures = 0;
                match InferenceResult::parse(&json) {
                    Ok(result) if self.is_new(&result) => {
                        match self.answer_limit.pass(arrived) {
                            None => return Ok(()),
                            Some(0) => {}
                            Some(left_out) => self.warn(&format!(
                                "The service sent more than {MAX_ANSWERS_PER_SECOND} answers in one second: {left_out} were left out."
                            )),
                        }
                        self.clip_questions.note_clip(&result, arrived);
                        let schema_error = self.schema_error(&result);
                        let prompt = result.prompt.as_deref();
                        let prompt_serial = prompt.and_then(|text| self.prompts.serial_of(text));
                        self.outbox.push(Event::Answer(Box::new(Answer {
                            result,
                            prompt_serial,
                            json,
                            arrived,
                            schema_error,
                            question: None,
                            ask_serial: None,
                            usage: None,
                            cost_microcents: None,
                            end_offset: Duration::ZERO,
                            thinned_by: Duration::ZERO,
                        })));
                    }
                    Ok(_) => {}
                    Err(_) if is_heartbeat(&json) => {}
                    Err(why) => self.warn_skipped(&why),
                }
            }
            SocketEvent::Unexpected(what) => self.warn_skipped(what),
            SocketEvent::Ended(error) => {
                self.socket = None;
                self.reconnect_socket(error)?;
            }
        }
        Ok(())
    }

    fn warn_skipped(&mut self, why: &str) {
        self.warn(&format!("A message of the service was skipped: {why}."));
    }

    fn warn(&mut self, message: &str) {
        self.outbox.warn(|left_out| {
            let more = match left_out {
                0 => String::new(),
                left_out => format!(" {left_out} such warnings were left out before this one."),
            };
            Error::new(Kind::Protocol, Stage::Socket, format!("{message}{more}"))
        });
    }

    /// Whether this answer was not reported before. The service may repeat some after a reconnect.
    fn is_new(&mut self, result: &InferenceResult) -> bool {
        let Some(id) = &result.id else { return true };
        if self.reported_ids.contains(id) {
            return false;
        }
        if self.reported_ids.len() == MAX_REMEMBERED_IDS {
            self.reported_ids.pop_front();
        }
        self.reported_ids.push_back(id.clone());
        true
    }

    /// Why an answer does not match the schema. A failed answer has its own error.
    fn schema_error(&self, result: &InferenceResult) -> Option<String> {
        let schema = self.schema.as_ref().filter(|_| result.ok != Some(false))?;
        schema.error_in(result.result.as_deref()?)
    }

    fn connect_socket(&mut self, pause: Duration) {
        let (http, key, id) = (self.http.clone(), self.key.clone(), self.id.clone());
        let timeout = self.timeout;
        self.tasks.spawn(async move {
            sleep(pause).await;
            let socket = ResultsSocket::connect(&http, &id, &key, timeout).await;
            TaskResult::Socket(socket.map(Box::new))
        });
    }

    /// Connects again, unless the stream has ended. The lease is renewed meanwhile: if it has ended, the
    /// renewal fails.
    fn reconnect_socket(&mut self, error: Error) -> Result<(), Error> {
        if is_final(&error) || self.socket_failures == MAX_SOCKET_TRIES {
            return Err(error);
        }
        let own_pause = RECONNECT.pause_with_jitter(self.socket_failures, rand::random());
        let pause = own_pause.max(asked_pause(&error, MAX_PAUSE));
        self.socket_failures += 1;
        let next = format!("Connecting again in {:.1} s.", pause.as_secs_f64());
        self.outbox.push(Event::Retrying(error.followed_by(&next)));
        self.connect_socket(pause);
        Ok(())
    }

    fn renew(&mut self) {
        self.renew_at = None;
        let (http, id) = (self.http.clone(), self.id.clone());
        let timeout = self.timeout.min(lease::try_timeout(self.ttl));
        let interval = lease::renewal_interval(self.ttl);
        let times = RetryTimes {
            pause: lease::retry_pause(self.ttl),
            longest: lease::max_retry_pause(self.ttl),
            until: Some(Instant::now() + lease::time_left(self.ttl, interval)),
        };
        self.tasks.spawn(async move {
            let try_once = || api::keepalive(&http, &id, timeout);
            TaskResult::Renewal(call_with_retries(try_once, times).await)
        });
    }

    /// Sends the newest prompt. One change is under way at a time, so changes arrive in order and the last
    /// one wins.
    fn change_prompt(&mut self) {
        let prompt = self.prompt.borrow_and_update().clone();
        // A change was withdrawn.
        if prompt.serial == self.prompts.in_use().serial {
            return;
        }
        // More than the prompt has changed: that is the next stream's question.
        let own = self.own_question.as_ref();
        if !self.questions.borrow().is_own(own, prompt.serial) {
            return;
        }
        self.is_changing_prompt = true;
        self.prompts.add(prompt.clone());
        let (http, id, timeout) = (self.http.clone(), self.id.clone(), self.timeout);
        let times = RetryTimes {
            pause: lease::RETRY_PAUSE,
            longest: MAX_PAUSE,
            until: None,
        };
        self.tasks.spawn(async move {
            let try_once = || api::change_prompt(&http, &id, &prompt.text, timeout);
            let changed = call_with_retries(try_once, times).await;
            TaskResult::Prompt(prompt, changed)
        });
    }

    fn ask(&mut self, question: OneShotQuestion) {
        let call = self.clip_questions.ask(&self.id, question);
        let (http, timeout) = (self.http.clone(), self.timeout);
        self.tasks.spawn(async move {
            TaskResult::ClipQuestion(Box::new(call.answer(&http, timeout).await))
        });
    }

    fn call(&mut self, call: StreamCall) {
        self.is_calling = true;
        let (http, id, timeout) = (self.http.clone(), self.id.clone(), self.timeout);
        self.tasks.spawn(async move {
            match call {
                StreamCall::Feedback(feedback) => {
                    TaskResult::Feedback(api::give_feedback(&http, &id, &feedback, timeout).await)
                }
                StreamCall::Viewer => {
                    TaskResult::Viewer(viewer::request(&http, Api::V02, &id, timeout).await)
                }
            }
        });
    }
}

fn next_renewal(ttl: Duration) -> Instant {
    Instant::now() + a_little_earlier(lease::renewal_interval(ttl))
}

/// Waits for the socket's next event; forever while there is no socket.
async fn next_event(socket: &mut Option<ResultsSocket>) -> SocketEvent {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}
