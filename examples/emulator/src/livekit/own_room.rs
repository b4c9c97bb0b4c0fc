// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A room that this emulator hosts, for one publisher: who is in it, and which messages it sends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::DisconnectReason;
use proto::leave_request::Action;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval_at, sleep_until};

use super::DEPARTURE_TIMEOUT;
use super::join_request::JoinParams;
use super::participant::{Participant, ParticipantEvent};
use super::room_info::{self, RoomInfo};
use super::signal_socket::SignalSocket;
use super::token::{Grants, SigningKey, publisher_token};
use crate::faults::fault::Fault;
use crate::faults::injected::{LeaveAction, SignalMessage};
use crate::records::event::Event;
use crate::records::snapshot::{self, EndReason, Join};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// livekit-server's `tokenRefreshInterval`.
const TOKEN_REFRESH: Duration = Duration::from_secs(300);
/// How many events wait for a room; a client that finds the queue full is disconnected.
const MAX_QUEUED_EVENTS: usize = 8;
/// A deadline so far away that it never matters.
const NO_DEADLINE: Duration = Duration::from_secs(3_600);

/// Sends events to a room.
pub(crate) type RoomSender = mpsc::Sender<RoomEvent>;

/// What reaches a room from outside.
pub(crate) enum RoomEvent {
    /// A client with a valid token.
    Join(Box<JoiningClient>),
    /// A message of a test's.
    Inject(SignalMessage),
}

/// A client that joins.
pub(crate) struct JoiningClient {
    pub signal: SignalSocket,
    pub grants: Grants,
    pub params: JoinParams,
    pub fault: Option<Fault>,
}

/// A room that does not run yet.
pub(crate) struct OwnRoom {
    events: mpsc::Receiver<RoomEvent>,
    keys: Arc<SigningKey>,
}

pub(super) fn make(keys: Arc<SigningKey>) -> (RoomSender, OwnRoom) {
    let (sender, events) = mpsc::channel(MAX_QUEUED_EVENTS);
    (sender, OwnRoom { events, keys })
}

impl OwnRoom {
    /// Runs the room until the stream ends. The stream's video is lost if the publisher stays away.
    pub(crate) async fn run(self, live: Arc<LiveStream>, app: Arc<App>) {
        let mut room = RunningRoom {
            description: RoomInfo::new(&live.id, &app.config),
            participant: None,
            empty_since: None,
            closing: JoinSet::new(),
            keys: self.keys,
            live,
            app,
        };
        room.run(self.events).await;
        room.close().await;
    }
}

struct RunningRoom {
    description: RoomInfo,
    participant: Option<Participant>,
    /// Since when nobody is connected. `None`: somebody is, or nobody ever was.
    empty_since: Option<Instant>,
    /// Connections that are being closed.
    closing: JoinSet<()>,
    /// The key that its tokens are signed with.
    keys: Arc<SigningKey>,
    live: Arc<LiveStream>,
    app: Arc<App>,
}

impl RunningRoom {
    async fn run(&mut self, mut events: mpsc::Receiver<RoomEvent>) {
        let end_token = self.live.end_token.clone();
        let mut refresh = interval_at(tokio::time::Instant::now() + TOKEN_REFRESH, TOKEN_REFRESH);
        loop {
            let deadline = match self.empty_since {
                Some(since) => since + DEPARTURE_TIMEOUT,
                None => Instant::now() + NO_DEADLINE,
            };
            tokio::select! {
                // The requests of `Control` come before what the participant sends after them. The
                // participant comes last: it may send a lot, and must not delay the others.
                biased;
                () = end_token.cancelled() => return,
                // The stream is alive here, and has the other end of the channel.
                Some(event) = events.recv() => match event {
                    RoomEvent::Join(client) => self.join(*client).await,
                    RoomEvent::Inject(message) => self.inject(message).await,
                },
                _ = refresh.tick() => {
                    let token = self.fresh_token();
                    self.send(token).await;
                }
                Some(_) = self.closing.join_next() => {}
                () = sleep_until(deadline.into()) => {
                    if self.empty_since.take().is_some() {
                        self.live.video_lost(EndReason::LivekitDisconnected);
                    }
                }
                next = Participant::next(&mut self.participant) => match next {
                    ParticipantEvent::Request(Ok(request)) => {
                        let joining = self.inject_waiting(&mut events).await;
                        self.serve(*request).await;
                        if let Some(client) = joining {
                            self.join(*client).await;
                        }
                    }
                    ParticipantEvent::Request(Err(why)) => self.signal_lost(&why),
                    ParticipantEvent::MediaEnded => {
                        self.remove_participant(Action::Reconnect, DisconnectReason::ConnectionTimeout)
                            .await;
                    }
                },
            }
        }
    }

    async fn join(&mut self, client: JoiningClient) {
        let JoiningClient {
            mut signal,
            grants,
            params,
            fault,
        } = client;
        signal.silent = matches!(fault, Some(Fault::Silent));
        if params.reconnect {
            let Some(participant) = &mut self.participant else {
                let leave = room_info::leave(Action::Reconnect, DisconnectReason::StateMismatch);
                // It is not in the room, whether it receives this or not.
                let _ = signal.send(leave).await;
                self.closing.spawn(signal.close());
                return;
            };
            if let Some(before) = participant.signal.replace(signal) {
                self.closing.spawn(before.close());
            }
            participant.fault = fault.clone();
            let info = participant.info();
            self.report_joined(true);
            let first = match fault {
                Some(Fault::JoinInsteadOfResume) => self.description.join(info.clone()),
                _ => self.description.reconnect(),
            };
            self.send(first).await;
            let update = proto::ParticipantUpdate {
                participants: vec![info],
            };
            self.send(Response::Update(update)).await;
            self.send(self.description.update()).await;
            let token = self.fresh_token();
            self.send(token).await;
            return self.inject_leave(fault).await;
        }
        if self.participant.is_some() {
            self.remove_participant(Action::Disconnect, DisconnectReason::DuplicateIdentity)
                .await;
        }
        let participant =
            Participant::new(signal, grants, fault.clone(), &self.live, &self.app).await;
        let info = match &participant {
            Ok(participant) => participant.info(),
            Err(problem) => return self.report_problem(problem.clone()),
        };
        self.participant = participant.ok();
        self.report_joined(false);
        self.send(self.description.join(info)).await;
        let token = self.fresh_token();
        self.send(token).await;
        for request in params.add_tracks {
            self.serve(Request::AddTrack(request)).await;
        }
        if let Some(offer) = params.offer {
            self.serve(Request::Offer(offer)).await;
        }
        self.inject_leave(fault).await;
    }

    /// Serves the requests of `Control` that came after the loop looked for them and before the participant's
    /// request. Ends at a join, which it returns.
    async fn inject_waiting(
        &mut self,
        events: &mut mpsc::Receiver<RoomEvent>,
    ) -> Option<Box<JoiningClient>> {
        while let Ok(event) = events.try_recv() {
            match event {
                RoomEvent::Inject(message) => self.inject(message).await,
                RoomEvent::Join(client) => return Some(client),
            }
        }
        None
    }

    async fn inject_leave(&mut self, fault: Option<Fault>) {
        if let Some(Fault::Leave(action)) = fault {
            self.inject(SignalMessage::Leave(action)).await;
        }
    }

    async fn serve(&mut self, request: Request) {
        if let Request::Leave(_) = request {
            self.remove_participant(Action::Disconnect, DisconnectReason::ClientInitiated)
                .await;
            return;
        }
        let Some(participant) = &mut self.participant else {
            return;
        };
        match participant.serve(request).await {
            Ok(responses) => {
                for response in responses {
                    self.send(response).await;
                }
            }
            Err(problem) => {
                self.report_problem(problem);
                self.remove_participant(Action::Reconnect, DisconnectReason::StateMismatch)
                    .await;
            }
        }
    }

    async fn inject(&mut self, message: SignalMessage) {
        let Some(signal) = self
            .participant
            .as_mut()
            .and_then(|participant| participant.signal.as_mut())
        else {
            return;
        };
        match message {
            SignalMessage::Leave(LeaveAction::Resume) => {
                // livekit-server keeps the participant and closes the connection.
                let leave = room_info::leave(Action::Resume, DisconnectReason::UnknownReason);
                self.send(leave).await;
                self.signal_lost("disconnected by a fault, to resume");
            }
            SignalMessage::Leave(LeaveAction::Reconnect) => {
                self.remove_participant(Action::Reconnect, DisconnectReason::Migration)
                    .await;
            }
            SignalMessage::Leave(LeaveAction::Disconnect) => {
                self.remove_participant(Action::Disconnect, DisconnectReason::ParticipantRemoved)
                    .await;
            }
            SignalMessage::Binary(data) => {
                // If this fails, the next receive reports it.
                let _ = signal.send_raw(data).await;
            }
            SignalMessage::RefreshToken => {
                let token = self.fresh_token();
                self.send(token).await;
            }
            SignalMessage::Mute(muted) => {
                for sid in self.video_sids() {
                    let mute = proto::MuteTrackRequest { sid, muted };
                    self.send(Response::Mute(mute)).await;
                }
            }
            SignalMessage::Unpublish => {
                for track_sid in self.video_sids() {
                    let gone = proto::TrackUnpublishedResponse { track_sid };
                    self.send(Response::TrackUnpublished(gone)).await;
                }
            }
            SignalMessage::Silence => signal.silent = true,
            SignalMessage::Close => self.signal_lost("closed by a fault"),
            SignalMessage::Reset => {
                signal.connection.reset();
                self.signal_lost("reset by a fault");
            }
        }
    }

    /// Sends a message to the publisher, if it is connected.
    async fn send(&mut self, response: Response) {
        let signal = self
            .participant
            .as_mut()
            .and_then(|participant| participant.signal.as_mut());
        let Some(signal) = signal else { return };
        if let Err(why) = signal.send(response).await {
            self.signal_lost(&why);
        }
    }

    /// The server's names of the publisher's video tracks.
    fn video_sids(&self) -> Vec<String> {
        let tracks = self
            .participant
            .as_ref()
            .map(|participant| participant.info().tracks);
        let videos = tracks.into_iter().flatten();
        let videos = videos.filter(|track| track.r#type == proto::TrackType::Video as i32);
        videos.map(|track| track.sid).collect()
    }

    fn fresh_token(&self) -> Response {
        Response::RefreshToken(publisher_token(&self.keys, &self.live, false))
    }

    /// The connection is lost. The participant and its media stay in the room for a while.
    fn signal_lost(&mut self, why: &str) {
        let signal = self
            .participant
            .as_mut()
            .and_then(|participant| participant.signal.take());
        let Some(signal) = signal else { return };
        self.closing.spawn(signal.close());
        self.report_left(why);
    }

    /// Removes the participant from the room, and tells it why.
    async fn remove_participant(&mut self, action: Action, reason: DisconnectReason) {
        self.send(room_info::leave(action, reason)).await;
        let Some(mut participant) = self.participant.take() else {
            return;
        };
        if let Some(signal) = participant.signal.take() {
            self.closing.spawn(signal.close());
        }
        participant.stop().await;
        self.report_left(reason.as_str_name());
    }

    fn report_left(&mut self, why: &str) {
        self.empty_since.get_or_insert_with(Instant::now);
        self.app.emit(&Event::RoomLeft {
            stream: self.live.id.clone(),
            why: why.to_owned(),
        });
    }

    fn report_joined(&mut self, resumed: bool) {
        self.empty_since = None;
        let Some(participant) = &self.participant else {
            return;
        };
        let join = Join {
            at: Instant::now(),
            participant: participant.sid.clone(),
            resumed,
        };
        let control = &self.app.config.control;
        control.stream(&self.live.id, |stream| {
            snapshot::push_bounded(&mut stream.joins, snapshot::JOINS_PER_STREAM, join);
        });
        self.app.emit(&Event::RoomJoined {
            stream: self.live.id.clone(),
            resumed,
        });
    }

    fn report_problem(&self, message: String) {
        self.app.emit(&Event::MediaTrouble {
            stream: self.live.id.clone(),
            message,
        });
    }

    async fn close(&mut self) {
        let reason = match self.live.end_reason() {
            Some(_) => DisconnectReason::RoomDeleted,
            None => DisconnectReason::ServerShutdown,
        };
        self.remove_participant(Action::Disconnect, reason).await;
        while self.closing.join_next().await.is_some() {}
    }
}
