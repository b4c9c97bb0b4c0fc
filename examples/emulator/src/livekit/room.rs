//! A room of this emulator's, for one publisher (rule 16): who is in it, and what it is told.

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

use super::DEPARTURE;
use super::join_request::Joining;
use super::participant::{Member, Next};
use super::room_info::{self, Description};
use super::rooms::publisher_token;
use super::signal_socket::Signal;
use super::token::{Grants, Keys};
use crate::faults::fault::Fault;
use crate::faults::messages::{LeaveAction, SignalMessage};
use crate::records::event::Event;
use crate::records::snapshot::{self, EndReason, Join};
use crate::service::app::App;
use crate::service::stream::Live;

/// livekit-server's `tokenRefreshInterval`.
const TOKEN_REFRESH: Duration = Duration::from_secs(300);
/// Knocks that wait; a client that finds it full is turned away.
const KNOCKS: usize = 8;
/// A deadline that is none.
const FAR: Duration = Duration::from_secs(3_600);

/// Where a stream's room is knocked at.
pub(crate) type Door = mpsc::Sender<Knock>;

/// What comes to a room from outside.
pub(crate) enum Knock {
    /// A client with a good token.
    Arrival(Box<Arrival>),
    /// A fault.
    Inject(SignalMessage),
}

/// A client that wants in.
pub(crate) struct Arrival {
    pub signal: Signal,
    pub grants: Grants,
    pub joining: Joining,
    pub fault: Option<Fault>,
}

/// A room that waits to be run.
pub(crate) struct Host {
    knocks: mpsc::Receiver<Knock>,
    keys: Arc<Keys>,
}

pub(super) fn make(keys: Arc<Keys>) -> (Door, Host) {
    let (door, knocks) = mpsc::channel(KNOCKS);
    (door, Host { knocks, keys })
}

impl Host {
    /// Runs the room until the stream is over; ends it where its publisher stays away.
    pub(crate) async fn run(self, live: Arc<Live>, app: Arc<App>) {
        let mut room = Room {
            description: Description::new(&live.id, &app.config),
            member: None,
            absent: None,
            closing: JoinSet::new(),
            keys: self.keys,
            live,
            app,
        };
        room.run(self.knocks).await;
        room.farewell().await;
    }
}

struct Room {
    description: Description,
    member: Option<Member>,
    /// Since when nobody is there to talk to. `None`: somebody is, or nobody ever was.
    absent: Option<Instant>,
    /// Connections that are being closed.
    closing: JoinSet<()>,
    /// What its tokens are signed with.
    keys: Arc<Keys>,
    live: Arc<Live>,
    app: Arc<App>,
}

impl Room {
    async fn run(&mut self, mut knocks: mpsc::Receiver<Knock>) {
        let over = self.live.over.clone();
        let mut refresh = interval_at(tokio::time::Instant::now() + TOKEN_REFRESH, TOKEN_REFRESH);
        loop {
            let deadline = match self.absent {
                Some(since) => since + DEPARTURE,
                None => Instant::now() + FAR,
            };
            tokio::select! {
                // What was asked for by `Control` comes before what the participant says after it. The
                // participant is last: it may say much, and must not keep the others waiting.
                biased;
                () = over.cancelled() => return,
                // The other end is the stream's, which is alive here.
                Some(knock) = knocks.recv() => match knock {
                    Knock::Arrival(arrival) => self.arrive(*arrival).await,
                    Knock::Inject(message) => self.inject(message).await,
                },
                _ = refresh.tick() => {
                    let token = self.fresh_token();
                    self.say(token).await;
                }
                Some(_) = self.closing.join_next() => {}
                () = sleep_until(deadline.into()) => {
                    if self.absent.take().is_some() {
                        self.live.lost(EndReason::LivekitDisconnected);
                    }
                }
                next = Member::next(&mut self.member) => match next {
                    Next::Request(Ok(request)) => self.serve(*request).await,
                    Next::Request(Err(why)) => self.signal_lost(&why),
                    Next::MediaOver => {
                        self.expel(Action::Reconnect, DisconnectReason::ConnectionTimeout)
                            .await;
                    }
                },
            }
        }
    }

    async fn arrive(&mut self, arrival: Arrival) {
        let Arrival {
            mut signal,
            grants,
            joining,
            fault,
        } = arrival;
        signal.silent = matches!(fault, Some(Fault::Silent));
        if joining.reconnect {
            let Some(member) = &mut self.member else {
                let leave = room_info::leave(Action::Reconnect, DisconnectReason::StateMismatch);
                // Whether it hears that or not, it is not in the room.
                let _ = signal.send(leave).await;
                self.closing.spawn(signal.close());
                return;
            };
            if let Some(before) = member.signal.replace(signal) {
                self.closing.spawn(before.close());
            }
            member.fault = fault.clone();
            let info = member.info();
            self.joined(true);
            self.say(self.description.reconnect()).await;
            let update = proto::ParticipantUpdate {
                participants: vec![info],
            };
            self.say(Response::Update(update)).await;
            self.say(self.description.update()).await;
            let token = self.fresh_token();
            self.say(token).await;
            return self.leave_at_once(fault).await;
        }
        if self.member.is_some() {
            self.expel(Action::Disconnect, DisconnectReason::DuplicateIdentity)
                .await;
        }
        let member = Member::new(signal, grants, fault.clone(), &self.live, &self.app).await;
        let info = match &member {
            Ok(member) => member.info(),
            Err(problem) => return self.trouble(problem.clone()),
        };
        self.member = member.ok();
        self.joined(false);
        self.say(self.description.join(info)).await;
        let token = self.fresh_token();
        self.say(token).await;
        for request in joining.add_tracks {
            self.serve(Request::AddTrack(request)).await;
        }
        if let Some(offer) = joining.offer {
            self.serve(Request::Offer(offer)).await;
        }
        self.leave_at_once(fault).await;
    }

    async fn leave_at_once(&mut self, fault: Option<Fault>) {
        if let Some(Fault::Leave(action)) = fault {
            self.inject(SignalMessage::Leave(action)).await;
        }
    }

    async fn serve(&mut self, request: Request) {
        if let Request::Leave(_) = request {
            self.expel(Action::Disconnect, DisconnectReason::ClientInitiated)
                .await;
            return;
        }
        let Some(member) = &mut self.member else {
            return;
        };
        match member.serve(request).await {
            Ok(responses) => {
                for response in responses {
                    self.say(response).await;
                }
            }
            Err(problem) => {
                self.trouble(problem);
                self.expel(Action::Reconnect, DisconnectReason::StateMismatch)
                    .await;
            }
        }
    }

    async fn inject(&mut self, message: SignalMessage) {
        let Some(signal) = self
            .member
            .as_mut()
            .and_then(|member| member.signal.as_mut())
        else {
            return;
        };
        match message {
            SignalMessage::Leave(LeaveAction::Resume) => {
                // livekit-server keeps the participant and closes the connection.
                let leave = room_info::leave(Action::Resume, DisconnectReason::UnknownReason);
                self.say(leave).await;
                self.signal_lost("told to resume by a fault");
            }
            SignalMessage::Leave(LeaveAction::Reconnect) => {
                self.expel(Action::Reconnect, DisconnectReason::Migration)
                    .await;
            }
            SignalMessage::Leave(LeaveAction::Disconnect) => {
                self.expel(Action::Disconnect, DisconnectReason::ParticipantRemoved)
                    .await;
            }
            SignalMessage::Binary(data) => {
                // Where that fails, receiving will tell.
                let _ = signal.send_raw(data).await;
            }
            SignalMessage::RefreshToken => {
                let token = self.fresh_token();
                self.say(token).await;
            }
            SignalMessage::Silence => signal.silent = true,
            SignalMessage::Close => self.signal_lost("closed by a fault"),
            SignalMessage::Reset => {
                signal.wire.cut();
                self.signal_lost("reset by a fault");
            }
        }
    }

    /// Writes to the publisher, where it can be reached.
    async fn say(&mut self, response: Response) {
        let signal = self
            .member
            .as_mut()
            .and_then(|member| member.signal.as_mut());
        let Some(signal) = signal else { return };
        if let Err(why) = signal.send(response).await {
            self.signal_lost(&why);
        }
    }

    fn fresh_token(&self) -> Response {
        Response::RefreshToken(publisher_token(&self.keys, &self.live, false))
    }

    /// The connection is gone; the participant is still in the room for a while, with its media.
    fn signal_lost(&mut self, why: &str) {
        let signal = self.member.as_mut().and_then(|member| member.signal.take());
        let Some(signal) = signal else { return };
        self.closing.spawn(signal.close());
        self.gone(why);
    }

    /// The participant leaves the room, told why.
    async fn expel(&mut self, action: Action, reason: DisconnectReason) {
        self.say(room_info::leave(action, reason)).await;
        let Some(mut member) = self.member.take() else {
            return;
        };
        if let Some(signal) = member.signal.take() {
            self.closing.spawn(signal.close());
        }
        member.stop().await;
        self.gone(reason.as_str_name());
    }

    fn gone(&mut self, why: &str) {
        self.absent.get_or_insert_with(Instant::now);
        self.app.tell(&Event::RoomLeft {
            stream: self.live.id.clone(),
            why: why.to_owned(),
        });
    }

    fn joined(&mut self, resumed: bool) {
        self.absent = None;
        let Some(member) = &self.member else { return };
        let join = Join {
            at: Instant::now(),
            participant: member.sid.clone(),
            resumed,
        };
        let control = &self.app.config.control;
        control.stream(&self.live.id, |stream| {
            snapshot::push_bounded(&mut stream.joins, snapshot::JOINS_PER_STREAM, join);
        });
        self.app.tell(&Event::RoomJoined {
            stream: self.live.id.clone(),
            resumed,
        });
    }

    fn trouble(&self, message: String) {
        self.app.tell(&Event::MediaTrouble {
            stream: self.live.id.clone(),
            message,
        });
    }

    async fn farewell(&mut self) {
        let reason = match self.live.ended() {
            Some(_) => DisconnectReason::RoomDeleted,
            None => DisconnectReason::ServerShutdown,
        };
        self.expel(Action::Disconnect, reason).await;
        while self.closing.join_next().await.is_some() {}
    }
}
