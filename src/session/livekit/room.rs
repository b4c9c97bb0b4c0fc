//! A room from the join to the good-bye: one `select!` loop, one close path.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{DisconnectReason, JoinResponse, LeaveRequest, Ping, leave_request};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::address::Form;
use super::disconnect::{self, Left};
use super::errors::{check, may_not_publish, may_pass, not_resumed, refused, too_late};
use super::event::{Command, Joined, RoomConfig, RoomEvent};
use super::publish::Publish;
use super::signal_socket::{Signal, lost};
use crate::session::error::{Error, Kind, Stage};
use crate::session::retry::RECONNECT;
use crate::session::secret::Secret;

/// Tries to resume a lost connection. Together with their pauses, these last about half a minute;
/// meanwhile the media connection tells by itself whether the server is still there.
const RESUME_TRIES: u32 = 5;
/// Of servers that say nothing about pings; LiveKit's own values.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// How a connection ended.
enum End {
    Stopped,
    /// It may be resumed.
    Lost(Error),
}

struct Client {
    config: RoomConfig,
    /// The newest one.
    token: Secret,
    form: Form,
    /// The server's name for this participant.
    sid: String,
    ping_interval: Duration,
    ping_timeout: Duration,
    publish: Publish,
    stop: CancellationToken,
    events: mpsc::Sender<RoomEvent>,
    commands: mpsc::Receiver<Command>,
}

/// Joins, and stays until stopped or until the server ends it.
pub(super) async fn run(
    config: RoomConfig,
    stop: CancellationToken,
    events: mpsc::Sender<RoomEvent>,
    commands: mpsc::Receiver<Command>,
) {
    let mut client = Client {
        token: config.token.clone(),
        config,
        form: Form::Single,
        sid: String::new(),
        ping_interval: PING_INTERVAL,
        ping_timeout: PING_TIMEOUT,
        publish: Publish::default(),
        stop: stop.clone(),
        events: events.clone(),
        commands,
    };
    // Stopped while nothing is connected, there is nobody to take leave of.
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        joined = client.join() => joined.map(Some),
    };
    let outcome = match outcome {
        Ok(Some(signal)) => client.live(signal).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        // Where the owner is gone, nobody listens.
        let _ = events.send(RoomEvent::Ended(error)).await;
    }
}

impl Client {
    async fn join(&mut self) -> Result<Signal, Error> {
        let bound = self.config.timeout;
        let (signal, join) = timeout(bound, self.open_and_join())
            .await
            .unwrap_or_else(|_| Err(too_late()))?;
        let may_publish = join
            .participant
            .as_ref()
            .and_then(|participant| participant.permission.as_ref())
            .is_none_or(|permission| permission.can_publish);
        if !may_publish {
            return Err(may_not_publish());
        }
        if join.subscriber_primary {
            // By the protocol version that was asked for, no server does that.
            return Err(Error::new(
                Kind::Protocol,
                Stage::Room,
                "The LiveKit server wants to send before it receives, which a publisher has no use for: update the server.",
            ));
        }
        let seconds = |told: i32, default: Duration| {
            u64::try_from(told)
                .ok()
                .filter(|told| (1..=300).contains(told))
                .map_or(default, Duration::from_secs)
        };
        self.ping_interval = seconds(join.ping_interval, PING_INTERVAL);
        self.ping_timeout = seconds(join.ping_timeout, PING_TIMEOUT).max(self.ping_interval * 2);
        self.sid = join.participant.map(|own| own.sid).unwrap_or_default();
        self.tell(RoomEvent::Joined(Joined {
            ice_servers: join.ice_servers.into_iter().map(Into::into).collect(),
            codecs: join
                .enabled_publish_codecs
                .into_iter()
                .map(|codec| codec.mime)
                .collect(),
        }))
        .await;
        Ok(signal)
    }

    async fn open_and_join(&mut self) -> Result<(Signal, JoinResponse), Error> {
        let mut signal = self.open().await?;
        loop {
            match signal.next().await? {
                Response::Join(join) => return Ok((signal, join)),
                Response::Leave(leave) => match disconnect::of(&leave) {
                    Left::Resume(error) | Left::Over(error) => return Err(error),
                },
                _ => {}
            }
        }
    }

    /// Opens the socket by the newest form that the server knows.
    async fn open(&mut self) -> Result<Signal, Error> {
        for form in [Form::Single, Form::PublisherFirst] {
            self.form = form;
            let server = &self.config.server;
            if let Some(signal) = Signal::open(server, form, &self.token, None).await? {
                return Ok(signal);
            }
        }
        Err(Error {
            status_code: Some(404),
            ..Error::new(
                Kind::NotFound,
                Stage::Room,
                "There is no LiveKit server at this address, or it does not have the token's room (HTTP 404): check livekit-url, where it is set.",
            )
        })
    }

    async fn live(&mut self, mut signal: Signal) -> Result<(), Error> {
        let stop = self.stop.clone();
        loop {
            // From outside, so that nothing that is being sent holds it up.
            let end = tokio::select! {
                biased;
                () = stop.cancelled() => Ok(End::Stopped),
                end = self.talk(&mut signal) => end,
            };
            match end {
                Ok(End::Stopped) => {
                    signal.close(Some(good_bye())).await;
                    return Ok(());
                }
                Ok(End::Lost(error)) => {
                    signal.close(None).await;
                    signal = tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(()),
                        resumed = self.resume(error) => resumed?,
                    };
                }
                Err(error) => {
                    signal.close(None).await;
                    return Err(error);
                }
            }
        }
    }

    /// Lives on one connection until it is lost (`Ok`) or all is over (`Err`).
    async fn talk(&mut self, signal: &mut Signal) -> Result<End, Error> {
        let mut pings = interval_at(Instant::now() + self.ping_interval, self.ping_interval);
        let mut silent_until = Instant::now() + self.ping_timeout;
        loop {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    let request = match command {
                        Command::Publish(publication) => Some(self.publish.begin(publication)),
                        Command::Candidate(candidate) => self.publish.candidate(candidate),
                        Command::Token(token) => {
                            self.token = token;
                            None
                        }
                    };
                    if let Some(request) = request
                        && let Err(error) = signal.send(request).await
                    {
                        return Ok(End::Lost(error));
                    }
                }
                received = signal.next() => {
                    silent_until = Instant::now() + self.ping_timeout;
                    match received {
                        Ok(message) => match self.receive(signal, message).await {
                            Ok(None) => {}
                            Ok(Some(error)) => return Ok(End::Lost(error)),
                            Err(error) => return Err(error),
                        },
                        Err(error) if error.kind == Kind::Protocol => return Err(error),
                        Err(error) => return Ok(End::Lost(error)),
                    }
                }
                _ = pings.tick() => {
                    if let Err(error) = signal.send(ping()).await {
                        return Ok(End::Lost(error));
                    }
                }
                () = sleep_until(silent_until) => {
                    return Ok(End::Lost(lost("it does not answer")));
                }
            }
        }
    }

    /// Takes a message; `Some` where the connection is lost by it.
    async fn receive(
        &mut self,
        signal: &mut Signal,
        message: Response,
    ) -> Result<Option<Error>, Error> {
        match message {
            Response::TrackPublished(track) => {
                for request in self.publish.announced(track) {
                    if let Err(error) = signal.send(request).await {
                        return Ok(Some(error));
                    }
                }
            }
            Response::Answer(answer) => {
                for event in self.publish.answer(answer.sdp) {
                    self.tell(event).await;
                }
            }
            Response::Trickle(trickle) => {
                if let Some(event) = self.publish.trickled(&trickle) {
                    self.tell(event).await;
                }
            }
            Response::RefreshToken(token) => {
                self.token = Secret::new(token);
                self.tell(RoomEvent::Refreshed(self.token.clone())).await;
            }
            Response::RequestResponse(response) => check(&response)?,
            Response::Leave(leave) => match disconnect::of(&leave) {
                Left::Resume(error) => return Ok(Some(error)),
                Left::Over(error) => return Err(error),
            },
            // Of other participants, of what they would be sent, and pongs.
            _ => {}
        }
        Ok(None)
    }

    /// Connects again as the same participant, with the newest token.
    async fn resume(&mut self, cause: Error) -> Result<Signal, Error> {
        // What was under way is lost with the connection.
        if !self.publish.is_answered() || self.sid.is_empty() {
            return Err(cause);
        }
        for attempt in 0..RESUME_TRIES {
            if attempt > 0 {
                sleep(RECONNECT.pause_with_jitter(attempt - 1, rand::random())).await;
            }
            while let Ok(command) = self.commands.try_recv() {
                if let Command::Token(token) = command {
                    self.token = token;
                }
            }
            match timeout(self.config.timeout, self.try_to_resume()).await {
                Ok(Ok(signal)) => {
                    self.tell(RoomEvent::Resumed(cause)).await;
                    return Ok(signal);
                }
                Ok(Err(error)) if !may_pass(&error) => return Err(not_resumed(&error)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Err(cause)
    }

    async fn try_to_resume(&self) -> Result<Signal, Error> {
        let resumes = Some(self.sid.as_str());
        let server = &self.config.server;
        let Some(mut signal) = Signal::open(server, self.form, &self.token, resumes).await? else {
            return Err(refused("the room is unknown (HTTP 404)"));
        };
        loop {
            match signal.next().await? {
                Response::Reconnect(_) => break,
                Response::Leave(_) => return Err(refused("it does not know the participant")),
                _ => {}
            }
        }
        signal.send(self.publish.state()).await?;
        Ok(signal)
    }

    /// Tells the owner, who drains the events until they end.
    async fn tell(&self, event: RoomEvent) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            // It fails where the owner is gone.
            _ = self.events.send(event) => {}
        }
    }
}

fn ping() -> Request {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = now.map_or(0, |now| now.as_millis());
    Request::PingReq(Ping {
        timestamp: i64::try_from(milliseconds).unwrap_or(i64::MAX),
        rtt: 0,
    })
}

fn good_bye() -> Request {
    Request::Leave(LeaveRequest {
        reason: DisconnectReason::ClientInitiated.into(),
        action: leave_request::Action::Disconnect.into(),
        ..LeaveRequest::default()
    })
}
