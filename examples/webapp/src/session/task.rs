// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The task that owns a session. Other tasks send it commands and watch its events.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::{AnswersFrom, Config, Service};
use crate::count::count;
use crate::error::AppError;
use crate::media::Preview;
use crate::store::Store;

use super::events::{Event, EventHub, STORE_WARNING, State};
use super::messages::StreamEvent;
use super::progress::{Progress, Usage};
use super::settings::StreamSettings;
use super::source::Source;
use super::stream::Stream;

/// How many commands may wait. Then senders wait.
const MAX_QUEUED_COMMANDS: usize = 4;
/// How often the session's timeouts are checked.
const TICK_INTERVAL: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<Result<(), AppError>>;

enum Command {
    Start(Box<StreamSettings>, Reply),
    UpdatePrompt(String, Reply),
    Stop(Reply),
}

/// A handle to a session.
pub(crate) struct Session {
    pub events: EventHub,
    /// The uploaded file.
    pub file: Option<PathBuf>,
    pub preview: Preview,
    commands: mpsc::Sender<Command>,
    close: CancellationToken,
    /// Cancelled when the session has ended and no more events follow.
    pub closed: CancellationToken,
}

impl Session {
    /// Starts a stream. Returns when the service receives video, or with the reason why it does not.
    pub(crate) async fn start(&self, settings: StreamSettings) -> Result<(), AppError> {
        self.command(|reply| Command::Start(Box::new(settings), reply))
            .await
    }

    pub(crate) async fn update_prompt(&self, prompt: String) -> Result<(), AppError> {
        self.command(|reply| Command::UpdatePrompt(prompt, reply))
            .await
    }

    pub(crate) async fn stop(&self) -> Result<(), AppError> {
        self.command(Command::Stop).await
    }

    /// Asks the session to end. `closed` is cancelled when it has ended.
    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    async fn command(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), AppError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| AppError::gone())?;
        answer.await.unwrap_or_else(|_| Err(AppError::gone()))
    }
}

/// What all sessions share.
pub(crate) struct Shared {
    pub config: Config,
    pub service: Service,
    pub answers_from: AnswersFrom,
    pub store: Store,
    /// One permit for each stream at the service.
    pub streams: Arc<Semaphore>,
    /// Cancelled when the whole application stops.
    pub stop: CancellationToken,
}

/// The owner of a session.
pub(crate) struct Task {
    session: Arc<Session>,
    shared: Arc<Shared>,
    source: Source,
    running: Option<RunningStream>,
    commands: mpsc::Receiver<Command>,
    /// Why answers are not stored at the moment.
    store_problem: watch::Receiver<Option<String>>,
    /// What the ended streams have used.
    used: Usage,
    _slot: OwnedSemaphorePermit,
}

struct RunningStream {
    stream: Stream,
    /// The caller that waits until the service receives video.
    starting: Option<Reply>,
    started_at: Instant,
    /// When the service first received video.
    streaming_since: Option<Instant>,
    _slot: OwnedSemaphorePermit,
}

impl Task {
    pub(crate) fn new(
        id: &str,
        source: Source,
        shared: &Arc<Shared>,
        slot: OwnedSemaphorePermit,
    ) -> (Arc<Session>, Self) {
        let (sender, commands) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let info = source.info(id, &shared.answers_from);
        let (recorder, store_problem) = shared.store.recorder(id, &info.to_header());
        let session = Arc::new(Session {
            events: EventHub::new(info, recorder),
            file: source.file(),
            preview: Preview::new(),
            commands: sender,
            close: shared.stop.child_token(),
            closed: CancellationToken::new(),
        });
        let task = Self {
            session: session.clone(),
            shared: shared.clone(),
            source,
            running: None,
            commands,
            store_problem,
            used: Usage::default(),
            _slot: slot,
        };
        (session, task)
    }

    /// Runs the session until it ends. Afterwards nothing of it is left.
    pub(crate) async fn run(mut self) {
        // The guard also cancels after a panic, so that nobody waits for more events.
        let _closed = self.session.closed.clone().drop_guard();
        let reason = self.run_until_end().await;
        self.stop_stream().await;
        self.source.stop().await;
        self.session.events.set_state(State::Closed, Some(reason));
    }

    /// Returns why the session ends.
    async fn run_until_end(&mut self) -> String {
        let session = self.session.clone();
        let mut tick = tokio::time::interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = session.close.cancelled() => {
                    let stopping = self.shared.stop.is_cancelled();
                    let why = if stopping { "The server is stopping." } else { "The session was closed." };
                    return why.to_owned();
                }
                Some(command) = self.commands.recv() => {
                    session.events.mark_used();
                    self.handle_command(command).await;
                }
                event = next_event(&mut self.running) => self.handle_event(event).await,
                why = self.source.wait_until_lost() => return why.to_owned(),
                Ok(()) = self.store_problem.changed() => self.report_store(),
                _ = tick.tick() => {
                    self.report_progress();
                    self.check_start_timeout().await;
                    if let Some(why) = self.check_use().await {
                        return why;
                    }
                }
            }
        }
    }

    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Start(settings, reply) => self.start(&settings, reply),
            Command::UpdatePrompt(prompt, reply) => {
                let _ = reply.send(match &self.running {
                    Some(running) => {
                        running.stream.set_prompt(&prompt);
                        Ok(())
                    }
                    None => Err(AppError::conflict(
                        "No stream is running. Start it before you change its prompt.",
                    )),
                });
            }
            Command::Stop(reply) => {
                self.end_stream(State::Ready, "The stream was stopped.")
                    .await;
                let _ = reply.send(Ok(()));
            }
        }
    }

    fn start(&mut self, settings: &StreamSettings, reply: Reply) {
        // The caller may have gone. Then nobody reads the reply.
        match self.try_start(settings) {
            Ok(stream) => {
                self.running = Some(RunningStream {
                    starting: Some(reply),
                    ..stream
                });
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn try_start(&mut self, settings: &StreamSettings) -> Result<RunningStream, AppError> {
        if self.running.is_some() {
            return Err(AppError::conflict(
                "The stream is running already. Stop it first, or change its prompt.",
            ));
        }
        let slot = self.shared.streams.clone().try_acquire_owned();
        let slot = slot.map_err(|_| {
            AppError::busy(format!(
                "Only {} can be asked about at the same time with one API key. Stop a running stream, or try again later.",
                count(self.shared.config.max_streams, "video")
            ))
        })?;
        self.session
            .events
            .begin(settings.to_json(), settings.warnings.clone());
        self.session.events.set_state(State::Connecting, None);
        // This loads plugins and reads the file, so it blocks. Other tasks continue meanwhile.
        let stream = tokio::task::block_in_place(|| {
            Stream::start(&self.source, settings, &self.shared, &self.session.preview)
        });
        let stream = stream.inspect_err(|error| {
            self.session.events.publish(Event::Error(error.clone()));
            self.session
                .events
                .set_state(State::Failed, Some(error.message().to_owned()));
        })?;
        Ok(RunningStream {
            stream,
            starting: None,
            started_at: Instant::now(),
            streaming_since: None,
            _slot: slot,
        })
    }

    async fn handle_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Update(event) => {
                let is_streaming = matches!(
                    &event,
                    Event::State {
                        state: State::Streaming,
                        ..
                    }
                );
                self.session.events.publish(event);
                if let Some(running) = self.running.as_mut().filter(|_| is_streaming) {
                    running.streaming_since.get_or_insert_with(Instant::now);
                    if let Some(api) = running.stream.api() {
                        self.shared.answers_from.api.set_found(api);
                    }
                    if let Some(reply) = running.starting.take() {
                        let _ = reply.send(Ok(()));
                    }
                }
            }
            StreamEvent::Ended => {
                self.end_stream(State::Ended, self.source.end_reason())
                    .await
            }
            StreamEvent::Failed(error) => {
                self.session.events.publish(Event::Error(error.clone()));
                let reply = self.running.as_mut().and_then(|r| r.starting.take());
                self.end_stream(State::Failed, error.message()).await;
                if let Some(reply) = reply {
                    let _ = reply.send(Err(error));
                }
            }
        }
    }

    /// Stops the stream, if one is running, and publishes the new state.
    async fn end_stream(&mut self, state: State, reason: &str) {
        if self.stop_stream().await {
            self.session
                .events
                .set_state(state, Some(reason.to_owned()));
        }
    }

    async fn stop_stream(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        self.session.events.set_state(State::Stopping, None);
        self.used = running.usage(self.used);
        self.session.events.set_progress(Progress {
            position_seconds: running.stream.position_seconds(),
            usage: self.used,
        });
        running.stream.stop().await;
        if let Some(reply) = running.starting {
            let _ = reply.send(Err(AppError::conflict(
                "The stream was stopped before it had started.",
            )));
        }
        true
    }

    fn report_progress(&self) {
        if let Some(running) = &self.running {
            self.session.events.set_progress(Progress {
                position_seconds: running.stream.position_seconds(),
                usage: running.usage(self.used),
            });
        }
    }

    fn report_store(&mut self) {
        let problem = self.store_problem.borrow_and_update().clone();
        let about = STORE_WARNING;
        self.session.events.publish(match problem {
            Some(message) => Event::Warning {
                message,
                about: Some(about),
            },
            None => Event::Over { about },
        });
    }

    /// A webcam that sends no frames never ends by itself, so the start has a time limit.
    async fn check_start_timeout(&mut self) {
        let limit = self.shared.config.start_timeout;
        let is_late = |running: &RunningStream| {
            running.starting.is_some() && running.started_at.elapsed() > limit
        };
        if self.running.as_ref().is_some_and(is_late) {
            let error = AppError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "No video reached the service in time. With a webcam: switch it on, and allow UDP from the browser to this server.",
            );
            self.handle_event(StreamEvent::Failed(error)).await;
        }
    }

    /// Stops a stream whose answers nobody reads, because it costs credits. Ends a session that nobody uses,
    /// because it occupies a slot.
    async fn check_use(&mut self) -> Option<String> {
        let idle_time = self.session.events.idle_time();
        let config = &self.shared.config;
        let (idle, unwatched) = (config.idle_timeout, config.unwatched_timeout);
        if idle_time >= unwatched {
            self.end_stream(
                State::Ready,
                "The stream was stopped because nobody read its answers.",
            )
            .await;
            // Without its page a webcam sends no video.
            if matches!(self.source, Source::Webcam(_)) {
                return Some("The webcam was closed because nobody watched it.".to_owned());
            }
        }
        (idle_time >= idle && self.running.is_none())
            .then(|| "The session was closed because nobody used it.".to_owned())
    }
}

impl RunningStream {
    fn usage(&self, earlier: Usage) -> Usage {
        let running = self.streaming_since.map(|since| since.elapsed());
        earlier.plus(running.unwrap_or_default(), Some(&self.stream.stats()))
    }
}

async fn next_event(running: &mut Option<RunningStream>) -> StreamEvent {
    match running {
        Some(running) => running.stream.next_event().await,
        None => std::future::pending().await,
    }
}
