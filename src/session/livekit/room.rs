// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The participant, from joining to leaving the room: one `select!` loop, one way to close.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use livekit_protocol::{DisconnectReason, JoinResponse, LeaveRequest, Ping, leave_request};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::address::SignallingMode;
use super::disconnect::Disconnect;
use super::errors::{
    can_resume_after, check_response, join_timeout, not_resumed, publishing_not_allowed,
    resume_refused, track_muted, track_unpublished,
};
use super::event::{Command, Joined, RoomConfig, RoomEvent};
use super::publish::TrackPublisher;
use super::signal_socket::{SignalSocket, connection_lost};
use crate::session::error::{Error, Kind, Stage};
use crate::session::retry::RECONNECT;
use crate::session::secret::Secret;

/// Tries to resume a lost connection. With their pauses, they last about half a minute. Meanwhile, the media
/// connection shows whether the server is still there.
const MAX_RESUME_TRIES: u32 = 5;
/// Used if the server does not say how often to ping; LiveKit's own defaults.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// How a signalling connection ended.
enum ConnectionEnd {
    Stopped,
    /// The connection can be resumed.
    Lost(Error),
}

struct Participant {
    config: RoomConfig,
    /// The newest token.
    token: Secret,
    mode: SignallingMode,
    /// The server's name for this participant.
    sid: String,
    ping_interval: Duration,
    ping_timeout: Duration,
    publisher: TrackPublisher,
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
    let mut participant = Participant {
        token: config.token.clone(),
        config,
        mode: SignallingMode::SingleConnection,
        sid: String::new(),
        ping_interval: PING_INTERVAL,
        ping_timeout: PING_TIMEOUT,
        publisher: TrackPublisher::default(),
        stop: stop.clone(),
        events: events.clone(),
        commands,
    };
    // If it is stopped before it has joined, there is nothing to leave.
    let outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(None),
        joined = participant.join() => joined.map(Some),
    };
    let outcome = match outcome {
        Ok(Some(signal)) => participant.run(signal).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        // If the owner is gone, the event is dropped.
        let _ = events.send(RoomEvent::Ended(error)).await;
    }
}

impl Participant {
    async fn join(&mut self) -> Result<SignalSocket, Error> {
        let bound = self.config.timeout;
        let (signal, join) = timeout(bound, self.open_and_join())
            .await
            .unwrap_or_else(|_| Err(join_timeout()))?;
        let may_publish = join
            .participant
            .as_ref()
            .and_then(|participant| participant.permission.as_ref())
            .is_none_or(|permission| permission.can_publish);
        if !may_publish {
            return Err(publishing_not_allowed());
        }
        if join.subscriber_primary {
            // No server does that with the requested protocol version.
            return Err(Error::new(
                Kind::Protocol,
                Stage::Room,
                "The LiveKit server opens its connection for sending first, which a publisher can't use: update the server.",
            ));
        }
        self.set_ping_times(&join);
        self.sid = join.participant.map(|own| own.sid).unwrap_or_default();
        self.send_event(RoomEvent::Joined(Joined {
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

    fn set_ping_times(&mut self, join: &JoinResponse) {
        let seconds = |value: i32, default: Duration| {
            u64::try_from(value)
                .ok()
                .filter(|seconds| (1..=300).contains(seconds))
                .map_or(default, Duration::from_secs)
        };
        self.ping_interval = seconds(join.ping_interval, PING_INTERVAL);
        self.ping_timeout = seconds(join.ping_timeout, PING_TIMEOUT).max(self.ping_interval * 2);
    }

    async fn open_and_join(&mut self) -> Result<(SignalSocket, JoinResponse), Error> {
        let mut signal = self.open().await?;
        loop {
            match signal.next().await? {
                Response::Join(join) => return Ok((signal, join)),
                Response::Leave(leave) => match Disconnect::from_leave(&leave) {
                    Disconnect::Resume(error) | Disconnect::Final(error) => return Err(error),
                },
                _ => {}
            }
        }
    }

    /// Opens the socket in the newest mode that the server knows.
    async fn open(&mut self) -> Result<SignalSocket, Error> {
        for mode in [
            SignallingMode::SingleConnection,
            SignallingMode::PublisherFirst,
        ] {
            self.mode = mode;
            let server = &self.config.server;
            if let Some(signal) = SignalSocket::open(server, mode, &self.token, None).await? {
                return Ok(signal);
            }
        }
        Err(Error {
            status_code: Some(404),
            ..Error::new(
                Kind::NotFound,
                Stage::Room,
                "There is no LiveKit server at this address, or it does not have the token's room (HTTP 404): check livekit-url (if it is set).",
            )
        })
    }

    async fn run(&mut self, mut signal: SignalSocket) -> Result<(), Error> {
        let stop = self.stop.clone();
        loop {
            // Checked here, so that a slow send does not delay the stop.
            let end = tokio::select! {
                biased;
                () = stop.cancelled() => Ok(ConnectionEnd::Stopped),
                end = self.run_connection(&mut signal) => end,
            };
            match end {
                Ok(ConnectionEnd::Stopped) => {
                    signal.close(Some(leave())).await;
                    return Ok(());
                }
                Ok(ConnectionEnd::Lost(error)) => {
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

    /// Runs one connection until it is lost (`Ok`) or the participant is out of the room (`Err`).
    async fn run_connection(&mut self, signal: &mut SignalSocket) -> Result<ConnectionEnd, Error> {
        let mut pings = interval_at(Instant::now() + self.ping_interval, self.ping_interval);
        let mut silence_deadline = Instant::now() + self.ping_timeout;
        loop {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    let request = match command {
                        Command::Publish(publication) => Some(self.publisher.announce(publication)),
                        Command::Candidate(candidate) => self.publisher.local_candidate(candidate),
                        Command::Token(token) => {
                            self.token = token;
                            None
                        }
                    };
                    if let Some(request) = request
                        && let Err(error) = signal.send(request).await
                    {
                        return Ok(ConnectionEnd::Lost(error));
                    }
                }
                received = signal.next() => {
                    silence_deadline = Instant::now() + self.ping_timeout;
                    match received {
                        Ok(message) => match self.take_message(signal, message).await {
                            Ok(None) => {}
                            Ok(Some(error)) => return Ok(ConnectionEnd::Lost(error)),
                            Err(error) => return Err(error),
                        },
                        Err(error) if error.kind == Kind::Protocol => return Err(error),
                        Err(error) => return Ok(ConnectionEnd::Lost(error)),
                    }
                }
                _ = pings.tick() => {
                    if let Err(error) = signal.send(ping()).await {
                        return Ok(ConnectionEnd::Lost(error));
                    }
                }
                () = sleep_until(silence_deadline) => {
                    return Ok(ConnectionEnd::Lost(connection_lost("it does not answer")));
                }
            }
        }
    }

    /// Takes a message. `Some`: the connection is lost.
    async fn take_message(
        &mut self,
        signal: &mut SignalSocket,
        message: Response,
    ) -> Result<Option<Error>, Error> {
        match message {
            Response::TrackPublished(track) => {
                for request in self.publisher.offer_track(track) {
                    if let Err(error) = signal.send(request).await {
                        return Ok(Some(error));
                    }
                }
            }
            Response::Answer(answer) => {
                for event in self.publisher.take_answer(answer.sdp) {
                    self.send_event(event).await;
                }
            }
            Response::Trickle(trickle) => {
                if let Some(event) = self.publisher.remote_candidate(&trickle) {
                    self.send_event(event).await;
                }
            }
            Response::RefreshToken(token) => {
                self.token = Secret::new(token);
                self.send_event(RoomEvent::Refreshed(self.token.clone()))
                    .await;
            }
            Response::RequestResponse(response) => check_response(&response)?,
            Response::Mute(mute) if mute.muted && self.publisher.is_own_track(&mute.sid) => {
                self.send_event(RoomEvent::Warning(track_muted())).await;
            }
            Response::TrackUnpublished(gone) if self.publisher.is_own_track(&gone.track_sid) => {
                self.send_event(RoomEvent::Warning(track_unpublished()))
                    .await;
            }
            Response::Leave(leave) => match Disconnect::from_leave(&leave) {
                Disconnect::Resume(error) => return Ok(Some(error)),
                Disconnect::Final(error) => return Err(error),
            },
            // About other participants, about received tracks, and pongs.
            _ => {}
        }
        Ok(None)
    }

    /// Connects again as the same participant, with the newest token.
    async fn resume(&mut self, cause: Error) -> Result<SignalSocket, Error> {
        // An unfinished negotiation is lost with the connection.
        if !self.publisher.is_answered() || self.sid.is_empty() {
            return Err(cause);
        }
        for attempt in 0..MAX_RESUME_TRIES {
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
                    self.send_event(RoomEvent::Resumed(cause)).await;
                    return Ok(signal);
                }
                Ok(Err(error)) if !can_resume_after(&error) => return Err(not_resumed(&error)),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Err(cause)
    }

    async fn try_to_resume(&mut self) -> Result<SignalSocket, Error> {
        let resumed_sid = Some(self.sid.as_str());
        let server = &self.config.server;
        let Some(mut signal) =
            SignalSocket::open(server, self.mode, &self.token, resumed_sid).await?
        else {
            return Err(resume_refused("the room is unknown (HTTP 404)"));
        };
        loop {
            match signal.next().await? {
                Response::Reconnect(_) => break,
                // Some servers, and proxies before them, answer like this.
                Response::Join(join) => match join.participant.as_ref() {
                    Some(own) if own.sid != self.sid => {
                        return Err(resume_refused(
                            "it counts the element as a new participant, without its video",
                        ));
                    }
                    _ => {
                        self.set_ping_times(&join);
                        break;
                    }
                },
                Response::Leave(_) => {
                    return Err(resume_refused("it does not know the participant"));
                }
                _ => {}
            }
        }
        signal.send(self.publisher.sync_state()).await?;
        Ok(signal)
    }

    /// Sends an event to the owner, which receives events until they end.
    async fn send_event(&self, event: RoomEvent) {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            // If the owner is gone, the event is dropped.
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

fn leave() -> Request {
    Request::Leave(LeaveRequest {
        reason: DisconnectReason::ClientInitiated.into(),
        action: leave_request::Action::Disconnect.into(),
        ..LeaveRequest::default()
    })
}
