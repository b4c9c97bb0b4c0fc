//! A session: one video or webcam, and what is asked about it. One task owns it; others give it
//! commands and watch its hub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Service};
use crate::error::AppError;
use crate::hub::{Event, Hub, State};
use crate::settings::Settings;
use crate::source::Source;
use crate::stream::{Stream, Told};

/// Commands that wait: who sends more of them waits, too.
const COMMANDS: usize = 4;
/// How often it is looked whether a session is still in use.
const TICK: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<Result<(), AppError>>;

enum Command {
    Start(Box<Settings>, Reply),
    Ask(String, Reply),
    Stop(Reply),
}

/// Others' hold on a session.
pub(crate) struct Session {
    pub hub: Hub,
    commands: mpsc::Sender<Command>,
    close: CancellationToken,
    /// Nothing more will be told.
    pub closed: CancellationToken,
}

impl Session {
    /// The answer comes when video flows, or with the reason why it does not.
    pub(crate) async fn start(&self, settings: Settings) -> Result<(), AppError> {
        self.command(|reply| Command::Start(Box::new(settings), reply))
            .await
    }

    pub(crate) async fn ask(&self, prompt: String) -> Result<(), AppError> {
        self.command(|reply| Command::Ask(prompt, reply)).await
    }

    pub(crate) async fn stop(&self) -> Result<(), AppError> {
        self.command(Command::Stop).await
    }

    /// Ends it; `closed` tells when it has.
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

/// What all sessions go by.
pub(crate) struct Shared {
    pub config: Config,
    pub service: Service,
    /// For each stream at the service.
    pub streams: Arc<Semaphore>,
    /// The whole application stops.
    pub stop: CancellationToken,
}

/// The owner.
pub(crate) struct Task {
    session: Arc<Session>,
    shared: Arc<Shared>,
    source: Source,
    running: Option<Running>,
    commands: mpsc::Receiver<Command>,
    _place: OwnedSemaphorePermit,
}

struct Running {
    stream: Stream,
    /// Who waits to hear that video flows.
    starting: Option<Reply>,
    since: Instant,
    _place: OwnedSemaphorePermit,
}

impl Task {
    pub(crate) fn new(
        id: &str,
        source: Source,
        shared: &Arc<Shared>,
        place: OwnedSemaphorePermit,
    ) -> (Arc<Session>, Self) {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let session = Arc::new(Session {
            hub: Hub::new(source.about(id)),
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
            _place: place,
        };
        (session, task)
    }

    /// Until the session ends; then nothing of it is left.
    pub(crate) async fn run(mut self) {
        // Also where this panics, so that nobody waits for more.
        let _closed = self.session.closed.clone().drop_guard();
        let reason = self.live().await;
        self.stop_stream().await;
        self.source.stop().await;
        self.session.hub.state(State::Closed, Some(reason));
    }

    /// Says why it ends.
    async fn live(&mut self) -> String {
        let session = self.session.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = session.close.cancelled() => {
                    let stopping = self.shared.stop.is_cancelled();
                    let why = if stopping { "The server is stopping." } else { "The session was closed." };
                    return why.to_owned();
                }
                Some(command) = self.commands.recv() => {
                    session.hub.used();
                    self.command(command).await;
                }
                told = told(&mut self.running) => self.told(told).await,
                why = self.source.gone() => return why.to_owned(),
                _ = tick.tick() => {
                    self.look_whether_it_starts().await;
                    if let Some(why) = self.look_whether_used().await {
                        return why;
                    }
                }
            }
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Start(settings, reply) => self.start(&settings, reply),
            Command::Ask(prompt, reply) => {
                let _ = reply.send(match &self.running {
                    Some(running) => {
                        running.stream.ask(&prompt);
                        Ok(())
                    }
                    None => Err(AppError::conflict(
                        "Nothing is running whose prompt could be changed: start it first.",
                    )),
                });
            }
            Command::Stop(reply) => {
                self.end(State::Ready, "It was stopped.").await;
                let _ = reply.send(Ok(()));
            }
        }
    }

    fn start(&mut self, settings: &Settings, reply: Reply) {
        // Whoever asked may be gone by now: nobody waits for it then.
        match self.try_start(settings) {
            Ok(stream) => {
                self.running = Some(Running {
                    starting: Some(reply),
                    ..stream
                });
            }
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn try_start(&mut self, settings: &Settings) -> Result<Running, AppError> {
        if self.running.is_some() {
            return Err(AppError::conflict(
                "It is running already: stop it first, or change its prompt.",
            ));
        }
        let place = self.shared.streams.clone().try_acquire_owned();
        let place = place.map_err(|_| {
            AppError::busy(format!(
                "{} videos are being asked about already, as many as one key may: stop one of them, or try again later.",
                self.shared.config.max_streams
            ))
        })?;
        self.session.hub.begin(settings.shown());
        self.session.hub.state(State::Connecting, None);
        // Loads plugins and looks at the file: other tasks go on meanwhile.
        let stream = tokio::task::block_in_place(|| {
            Stream::start(&self.source, settings, &self.shared.service)
        });
        let stream = stream.inspect_err(|error| {
            self.session.hub.tell(Event::Error(error.clone()));
            self.session
                .hub
                .state(State::Failed, Some(error.message().to_owned()));
        })?;
        Ok(Running {
            stream,
            starting: None,
            since: Instant::now(),
            _place: place,
        })
    }

    async fn told(&mut self, told: Told) {
        match told {
            Told::Event(event) => {
                let flows = matches!(
                    &event,
                    Event::State {
                        state: State::Streaming,
                        ..
                    }
                );
                self.session.hub.tell(event);
                if let Some(running) = self.running.as_mut().filter(|_| flows)
                    && let Some(reply) = running.starting.take()
                {
                    let _ = reply.send(Ok(()));
                }
            }
            Told::Ended => self.end(State::Ended, self.source.ended()).await,
            Told::Failed(error) => {
                self.session.hub.tell(Event::Error(error.clone()));
                let reply = self.running.as_mut().and_then(|r| r.starting.take());
                self.end(State::Failed, error.message()).await;
                if let Some(reply) = reply {
                    let _ = reply.send(Err(error));
                }
            }
        }
    }

    /// Ends what runs, if something does.
    async fn end(&mut self, state: State, reason: &str) {
        if self.stop_stream().await {
            self.session.hub.state(state, Some(reason.to_owned()));
        }
    }

    async fn stop_stream(&mut self) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        self.session.hub.state(State::Stopping, None);
        running.stream.stop().await;
        if let Some(reply) = running.starting {
            let _ = reply.send(Err(AppError::conflict(
                "It was stopped before it had begun.",
            )));
        }
        true
    }

    /// A webcam that sends no picture has no end by itself.
    async fn look_whether_it_starts(&mut self) {
        let limit = self.shared.config.starting;
        let late =
            |running: &Running| running.starting.is_some() && running.since.elapsed() > limit;
        if self.running.as_ref().is_some_and(late) {
            let error = AppError::new(
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "No video got to the service in time. Of a webcam: switch it on, and open UDP from its browser to this server.",
            );
            self.told(Told::Failed(error)).await;
        }
    }

    /// A stream whose answers nobody reads costs credits, and a session that nobody uses takes room.
    async fn look_whether_used(&mut self) -> Option<String> {
        let quiet = self.session.hub.quiet();
        let config = &self.shared.config;
        let (idle, unwatched) = (config.idle, config.unwatched);
        if quiet >= unwatched {
            self.end(
                State::Ready,
                "It was stopped, as nobody has read its answers.",
            )
            .await;
            // Without its page a webcam is of no use.
            if matches!(self.source, Source::Webcam(_)) {
                return Some("Nobody has watched the webcam.".to_owned());
            }
        }
        (quiet >= idle && self.running.is_none())
            .then(|| "The session was not used for a while.".to_owned())
    }
}

async fn told(running: &mut Option<Running>) -> Told {
    match running {
        Some(running) => running.stream.told().await,
        None => std::future::pending().await,
    }
}
