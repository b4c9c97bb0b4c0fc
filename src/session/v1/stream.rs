// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A stream that was created: its lease, its first picture and its requests, in one `select!` loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::answer::QuestionOutcome;
use super::api;
use super::ask::Questions;
use super::chat::Chat;
use super::protocol::StreamStatus;
use crate::session::config::SessionConfig;
use crate::session::costs::account::Account;
use crate::session::costs::pricing::{self, Prices};
use crate::session::error::{Error, Kind, Stage};
use crate::session::event::{Event, PartialAnswer};
use crate::session::http::HttpClient;
use crate::session::lease;
use crate::session::outbox::Outbox;
use crate::session::protocol::LeaseRenewal;
use crate::session::question::OneShotQuestion;
use crate::session::retry::{RetryTimes, a_little_earlier, asked_pause, call_with_retries, until};
use crate::session::viewer::{self, Viewer};
use crate::session::{Api, StreamCall};

/// How often the service is asked whether the first picture has come: quickly at first, slower later.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);
const SLOW_STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// The number of status calls at the quick interval.
const QUICK_STATUS_CALLS: u32 = 10;
/// How often the service is asked afterwards what it has of the video.
const HISTORY_INTERVAL: Duration = Duration::from_secs(10);
/// The longest pause between the tries of a renewal.
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// Partial answers that may wait. If one is dropped, the next one contains its text.
const PARTIAL_ANSWER_QUEUE: usize = 16;

/// What a task of the loop ends with.
enum TaskResult {
    Status(Result<StreamStatus, Error>),
    Renewal(Result<Renewal, Error>),
    Question(Box<QuestionOutcome>),
    Viewer(Result<Viewer, Error>),
    Prices(Option<Prices>),
}

struct Renewal {
    lease: LeaseRenewal,
    has_balance: bool,
}

/// A stream of API v1.
pub struct V1Stream {
    http: HttpClient,
    id: String,
    timeout: Duration,
    questions: Questions,
    account: Arc<Account>,
    account_changes: watch::Receiver<()>,
    is_fetching_prices: bool,
    one_shots: mpsc::Receiver<OneShotQuestion>,
    partial_answers: mpsc::Receiver<PartialAnswer>,
    calls: mpsc::Receiver<StreamCall>,
    is_calling: bool,
    /// Nothing is asked while an event waits here.
    outbox: Outbox,
    tasks: JoinSet<TaskResult>,
    ttl: Duration,
    /// When to renew the lease; `None` while that is under way.
    renew_at: Option<Instant>,
    /// The service says what is left to spend.
    has_balance: bool,
    /// When to ask for the status; `None` while that is under way.
    ask_status_at: Option<Instant>,
    /// The service has a picture.
    has_picture: bool,
    status_calls: u32,
    /// The newest status call failed, and there was a warning.
    status_failed: bool,
}

impl V1Stream {
    /// `models`: asked in order. `ttl`: the lease that the stream was created with.
    pub fn new(
        http: HttpClient,
        id: String,
        config: SessionConfig,
        models: Vec<String>,
        (one_shots, calls): (mpsc::Receiver<OneShotQuestion>, mpsc::Receiver<StreamCall>),
        ttl: Duration,
    ) -> Self {
        let (partial_sender, partial_answers) = mpsc::channel(PARTIAL_ANSWER_QUEUE);
        Self {
            http,
            timeout: config.timeout,
            account: config.account.clone(),
            account_changes: config.account.subscribe(),
            is_fetching_prices: false,
            questions: Questions::new(id.clone(), config, models, partial_sender),
            id,
            one_shots,
            partial_answers,
            calls,
            is_calling: false,
            outbox: Outbox::new(),
            tasks: JoinSet::new(),
            ttl,
            renew_at: Some(next_renewal(ttl)),
            has_balance: true,
            ask_status_at: Some(Instant::now()),
            has_picture: false,
            status_calls: 0,
            status_failed: false,
        }
    }

    /// Runs until it is stopped (`Ok`) or the stream is lost.
    pub async fn run(
        mut self,
        events: &mpsc::Sender<Event>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        loop {
            self.report_budget_end();
            let is_outbox_empty = self.outbox.is_empty();
            let due = self.questions.next_due().filter(|_| is_outbox_empty);
            let can_ask_one_shot = self.questions.can_ask_one_shot();
            let prices_due = (!self.is_fetching_prices).then(|| self.account.prices_due());
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                sent = self.outbox.send(events), if !is_outbox_empty => if !sent {
                    // The owner is gone.
                    return Ok(());
                },
                Some(partial) = self.partial_answers.recv(), if is_outbox_empty => {
                    self.outbox.push(Event::PartialAnswer(partial));
                }
                Some(result) = self.tasks.join_next() => match result {
                    Ok(result) => self.take_result(result)?,
                    Err(error) => return Err(Error::task_died(Stage::Ask, &error)),
                },
                () = until(self.renew_at.map(Into::into)) => self.renew(),
                () = until(self.ask_status_at.map(Into::into)) => self.ask_status(),
                () = until(prices_due.map(Into::into)) => self.fetch_prices(),
                // The sender lives as long as the account.
                Ok(()) = self.account_changes.changed() => self.questions.gate.open(),
                () = until(due.map(Into::into)) => {
                    for chat in self.questions.take_due(Instant::now()) {
                        self.send(chat);
                    }
                }
                () = self.questions.changed() => {
                    let _ = self.questions.follow(Instant::now());
                }
                Some(question) = self.one_shots.recv(), if can_ask_one_shot => {
                    let chat = self.questions.take_one_shot(question);
                    self.send(chat);
                }
                Some(call) = self.calls.recv(), if is_outbox_empty && !self.is_calling => self.call(call),
            }
        }
    }

    fn take_result(&mut self, result: TaskResult) -> Result<(), Error> {
        match result {
            TaskResult::Status(Ok(status)) => self.take_status(&status),
            // Renewals and questions find out whether the stream is lost.
            TaskResult::Status(Err(error)) if self.has_picture => {
                let pause = HISTORY_INTERVAL.max(asked_pause(&error, lease::DEFAULT_TTL));
                self.ask_status_at = Some(Instant::now() + pause);
                Ok(())
            }
            TaskResult::Status(Err(error)) if can_ask_status_again(&error) => {
                let pause = SLOW_STATUS_INTERVAL.max(asked_pause(&error, lease::DEFAULT_TTL));
                self.ask_status_at = Some(Instant::now() + pause);
                // One warning for failures in a row.
                if !std::mem::replace(&mut self.status_failed, true) {
                    let next = format!("Looking again in {:.1} s.", pause.as_secs_f64());
                    self.outbox.warn(|_| error.followed_by(&next));
                }
                Ok(())
            }
            TaskResult::Status(Err(error)) | TaskResult::Renewal(Err(error)) => Err(error),
            TaskResult::Renewal(Ok(Renewal { lease, has_balance })) => {
                self.ttl = lease::ttl(lease.ttl_seconds.or(Some(self.ttl.as_secs_f64())));
                self.renew_at = Some(next_renewal(self.ttl));
                self.has_balance = has_balance;
                self.outbox.push(Event::Renewed(lease));
                Ok(())
            }
            TaskResult::Question(outcome) => {
                self.questions.take_outcome(*outcome, &mut self.outbox)
            }
            TaskResult::Viewer(requested) => {
                self.is_calling = false;
                self.outbox.push(match requested {
                    Ok(viewer) => Event::Viewer(viewer),
                    Err(error) => Event::Warning(error),
                });
                Ok(())
            }
            TaskResult::Prices(prices) => {
                self.is_fetching_prices = false;
                self.account.set_prices(prices);
                Ok(())
            }
        }
    }

    /// Questions start with the first picture.
    fn take_status(&mut self, status: &StreamStatus) -> Result<(), Error> {
        if status.state.as_deref() == Some("ended") {
            return Err(Error::new(
                Kind::StreamEnded,
                Stage::Status,
                format!(
                    "The service ended the stream: {}.",
                    status.end_reason.as_deref().unwrap_or("it gives no reason")
                ),
            ));
        }
        self.status_failed = false;
        let now = Instant::now();
        if status.last_frame_at_ms.is_some() && !std::mem::replace(&mut self.has_picture, true) {
            self.questions.start(now);
        }
        if self.has_picture {
            self.outbox.push(Event::History(status.history()));
            self.ask_status_at = Some(now + HISTORY_INTERVAL);
            return Ok(());
        }
        self.status_calls += 1;
        let pause = match self.status_calls <= QUICK_STATUS_CALLS {
            true => STATUS_INTERVAL,
            false => SLOW_STATUS_INTERVAL,
        };
        self.ask_status_at = Some(now + pause);
        Ok(())
    }

    /// Reports the end of the budget, after the answers that used it up.
    fn report_budget_end(&mut self) {
        if let Some(field) = self.questions.gate.take_news() {
            self.outbox.push(Event::BudgetUsedUp(field));
        }
        if let Some(warning) = self.account.take_warning() {
            self.outbox.push(Event::Warning(warning));
        }
    }

    /// Nothing waits for the prices.
    fn fetch_prices(&mut self) {
        self.is_fetching_prices = true;
        let (http, timeout) = (self.http.clone(), self.timeout);
        self.tasks
            .spawn(async move { TaskResult::Prices(pricing::fetch(&http, timeout).await) });
    }

    fn call(&mut self, call: StreamCall) {
        match call {
            StreamCall::Feedback(_) => self.outbox.push(Event::Warning(Error::new(
                Kind::InvalidSettings,
                Stage::Feedback,
                "API v1 takes no feedback.",
            ))),
            StreamCall::Viewer => {
                self.is_calling = true;
                let (http, id, timeout) = (self.http.clone(), self.id.clone(), self.timeout);
                self.tasks.spawn(async move {
                    TaskResult::Viewer(viewer::request(&http, Api::V1, &id, timeout).await)
                });
            }
        }
    }

    fn ask_status(&mut self) {
        self.ask_status_at = None;
        let (http, id, timeout) = (self.http.clone(), self.id.clone(), self.timeout);
        self.tasks
            .spawn(async move { TaskResult::Status(api::status(&http, &id, timeout).await) });
    }

    fn send(&mut self, chat: Chat) {
        let http = self.http.clone();
        self.tasks.spawn(async move {
            let result = chat.ask(&http).await;
            let Chat {
                question,
                name,
                prompt,
                period,
                models,
                schema,
                ticket,
                ..
            } = chat;
            TaskResult::Question(Box::new(QuestionOutcome {
                question,
                name,
                prompt,
                period,
                models,
                schema,
                result,
                ticket: ticket.ok(),
            }))
        });
    }

    fn renew(&mut self) {
        self.renew_at = None;
        let (http, id, ask_balance) = (self.http.clone(), self.id.clone(), self.has_balance);
        let timeout = self.timeout.min(self.ttl / 6);
        let times = RetryTimes {
            pause: MAX_RENEWAL_PAUSE.min(self.ttl / 12),
            longest: timeout,
            until: Some(
                (Instant::now() + lease::time_left(self.ttl, renewal_interval(self.ttl))).into(),
            ),
        };
        self.tasks.spawn(async move {
            let try_once = || api::keepalive(&http, &id, timeout);
            let renewed = match call_with_retries(try_once, times).await {
                Ok(renewed) => renewed,
                Err(error) => return TaskResult::Renewal(Err(error)),
            };
            let balance = match ask_balance {
                true => api::balance(&http, timeout).await,
                false => None,
            };
            TaskResult::Renewal(Ok(Renewal {
                lease: LeaseRenewal {
                    ttl_seconds: renewed.ttl_seconds,
                    credits_remaining_cents: balance,
                    livekit_token: renewed.publish.map(|room| room.token),
                    ..LeaseRenewal::default()
                },
                has_balance: balance.is_some(),
            }))
        });
    }
}

/// A third of the lease: three tries fit in the rest of it.
fn renewal_interval(ttl: Duration) -> Duration {
    ttl / 3
}

fn next_renewal(ttl: Duration) -> Instant {
    Instant::now() + a_little_earlier(renewal_interval(ttl))
}

/// Whether the stream may still be there. An answer that is not the protocol's (an HTML page) comes from
/// a proxy: the service has just created the stream.
fn can_ask_status_again(error: &Error) -> bool {
    let is_gone = matches!(error.kind, Kind::NotFound | Kind::StreamEnded);
    (error.retryable() && !is_gone) || error.kind == Kind::Protocol
}
