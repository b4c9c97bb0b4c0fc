//! One try to stream: a peer, and the session that its offer opens; by way of a room the session comes
//! first, then the room, then the offer.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::inbox;
use super::room_client;
use super::room_client::RoomClient;
use crate::RUNTIME;
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::{Candidate, Joined, RoomEvent};
use crate::session::request::StreamRequest;
use crate::session::secret::Secret;
use crate::session::{self, Created, Event, NewestFrame, Session, VideoSource};
use crate::sink::CAT;
use crate::sink::codec::encoder;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::video_codec::Codec;
use crate::sink::config::ice_servers;
use crate::sink::config::plan::Plan;
use crate::sink::config::transport::Route;
use crate::sink::webrtc::event::PeerEvent;
use crate::sink::webrtc::peer::{Gathering, Peer};

/// How long candidates are gathered before the offer goes out with those that were found. A TURN
/// server that does not answer must not hold everything up.
const GATHERING_TIMEOUT: Duration = Duration::from_secs(3);

/// What an attempt tells.
pub enum AttemptEvent {
    /// `None`: the session is over.
    Session(Option<Event>),
    /// `None`: the room was left.
    Room(Option<RoomEvent>),
}

pub struct Attempt {
    serial: u64,
    route: Route,
    room: Option<RoomClient>,
    pub peer: Peer,
    /// What the offer was made for.
    input: Option<InputFormat>,
    offer: Option<String>,
    session: Option<(Session, mpsc::Receiver<Event>)>,
    pub stream_id: Option<String>,
    /// The TURN servers that the service named, as webrtcbin takes them.
    pub turn_servers: Vec<String>,
    /// By when the next step must be done; none while the source has not said what it brings.
    pub deadline: Option<Instant>,
    /// By when there must be an offer.
    offer_by: Option<Instant>,
}

impl Attempt {
    /// Sets the peer up. `serial` tells this attempt's events from those of earlier ones.
    ///
    /// # Errors
    /// Where webrtcbin can't be set up.
    pub fn start(
        name: &str,
        serial: u64,
        plan: &Plan,
        route: &Route,
        more_turn_servers: &[String],
        inbox: mpsc::Sender<inbox::Command>,
    ) -> Result<Self, Error> {
        let mut ice = plan.ice.clone();
        ice.turn_servers.extend_from_slice(more_turn_servers);
        let tell = move |event| {
            // A peer has a handful of things to say; the inbox holds many more.
            if inbox.try_send(inbox::Command::Peer(serial, event)).is_err() {
                gst::error!(CAT, "an event of the peer was lost");
            }
        };
        let peer = Peer::start(name, &ice, std::sync::Arc::new(tell))?;
        Ok(Self {
            serial,
            route: route.clone(),
            room: None,
            peer,
            input: None,
            offer: None,
            session: None,
            stream_id: None,
            turn_servers: Vec::new(),
            deadline: None,
            offer_by: None,
        })
    }

    /// Has the offer made, once it is known for what; in a room that is after joining. `false` where
    /// this attempt can't carry the input, which has changed since.
    pub fn offer(&mut self, plan: &Plan, input: &InputFormat) -> bool {
        match &self.input {
            None => {
                self.input = Some(input.clone());
                if let Route::Direct { .. } = self.route {
                    self.peer.offer(plan.offer(input), Gathering::Complete);
                    let now = Instant::now();
                    self.deadline = Some(now + GATHERING_TIMEOUT);
                    self.offer_by = Some(now + plan.timeout);
                }
                true
            }
            Some(own) => {
                own.is_compatible_with(input)
                    || (*input == InputFormat::Raw && self.encodes_input())
            }
        }
    }

    /// The codec that was offered to be passed through, where the far side did not take it.
    pub fn rejected_codec(&self) -> Option<Codec> {
        match &self.input {
            Some(InputFormat::Encoded(passthrough)) if self.encodes_input() => {
                Some(passthrough.codec)
            }
            _ => None,
        }
    }

    /// Whether the answer had the input encoded, of whatever kind it is.
    fn encodes_input(&self) -> bool {
        self.peer
            .media()
            .is_some_and(|media| media.input.codec.is_none())
    }

    /// Whether an event with this serial is this attempt's.
    pub fn has_serial(&self, serial: u64) -> bool {
        self.serial == serial
    }

    /// Keeps the offer, or publishes by it. Gathering may complete after its time was up, which
    /// changes nothing. `size`: of the pictures, where it is known.
    pub fn offer_ready(&mut self, offer: String, size: Option<(u32, u32)>) {
        if let Some(room) = &self.room {
            room.publish(offer, size);
        } else if self.offer.is_none() && self.session.is_none() {
            self.offer = Some(offer);
            self.deadline = None;
        }
    }

    /// A way to reach the peer was found.
    pub fn candidate_found(&self, candidate: Candidate) {
        if let Some(room) = &self.room {
            room.add_candidate(candidate);
        }
    }

    /// Whether all is there that a stream is created for.
    fn is_ready_to_open(&self) -> bool {
        match self.route {
            Route::Direct { .. } => self.offer.is_some(),
            Route::Room(_) => self.input.is_some() && self.session.is_none(),
        }
    }

    /// Creates the stream, as soon as there is an offer (but in a room) and a request to send.
    pub fn open_session(
        &mut self,
        plan: &Plan,
        prompt: watch::Receiver<String>,
        newest_frame: NewestFrame,
        request: impl FnOnce() -> Option<Result<StreamRequest, Error>>,
    ) -> Result<(), Error> {
        if !self.is_ready_to_open() {
            return Ok(());
        }
        let Some(request) = request() else {
            return Ok(());
        };
        let request = request?;
        let source = match (&self.route, self.offer.take()) {
            (Route::Direct { .. }, Some(offer)) => VideoSource::Webrtc(offer),
            (Route::Direct { .. }, None) => return Ok(()),
            (Route::Room(Some(room)), _) => {
                VideoSource::Room(Route::for_service(room, plan.service_token.as_ref()))
            }
            (Route::Room(None), _) => VideoSource::NewRoom,
        };
        let config = session::SessionConfig {
            api: plan.api,
            api_url: plan.api_url.clone(),
            api_key: plan.api_key.clone(),
            timeout: plan.timeout,
            request,
            source,
            prompt,
            newest_frame,
        };
        self.deadline = Some(Instant::now() + plan.timeout);
        self.session = Some(Session::start(RUNTIME.handle(), config));
        // While the service makes the stream.
        encoder::probe_hardware(plan.encoded.iter().map(|offered| offered.codec));
        Ok(())
    }

    /// Keeps what the service said about the stream, and joins its room, where that is the way.
    ///
    /// # Errors
    /// Where the room has no address that could be one.
    pub fn stream_created(&mut self, plan: &Plan, created: &Created) -> Result<(), Error> {
        self.stream_id = Some(created.stream_id.clone());
        self.turn_servers = ice_servers::from_response(&created.turn_servers);
        let Route::Room(own) = &self.route else {
            return Ok(());
        };
        // The session has seen to it that there is one.
        if let Some(room) = created.room.as_ref().or(own.as_ref()) {
            self.room = Some(RoomClient::join(room, plan)?);
        }
        Ok(())
    }

    /// The room is joined: has the offer made.
    ///
    /// # Errors
    /// Where the room takes nothing that could be sent.
    pub fn room_joined(&mut self, plan: &Plan, joined: &Joined) -> Result<(), Error> {
        let (Some(room), Some(input)) = (&self.room, &self.input) else {
            return Ok(());
        };
        let offered = room_client::taken(joined, plan.offer(input))?;
        self.peer.add_servers(&room.ice(joined, plan));
        self.peer.offer(offered, Gathering::Trickled);
        Ok(())
    }

    /// A newer token for the room.
    pub fn refresh(&self, token: &Secret) {
        if let Some(room) = &self.room {
            room.refresh(token.clone());
        }
    }

    /// The time of a step is up: with candidates the offer goes out, anything else is a failure.
    pub fn deadline_passed(&mut self) -> Result<(), Error> {
        self.deadline = None;
        if self.session.is_none() {
            return match self.peer.offer_so_far() {
                PeerEvent::Offer(offer) => {
                    self.offer_ready(offer, None);
                    Ok(())
                }
                // On a slow machine it takes as long to make the first keys alone.
                PeerEvent::Failed(_) if self.offer_by.is_some_and(|by| Instant::now() < by) => {
                    self.deadline = Some(Instant::now() + GATHERING_TIMEOUT);
                    Ok(())
                }
                PeerEvent::Failed(error) => Err(error),
                _ => Ok(()),
            };
        }
        Err(match self.stream_id {
            None => Error::new(
                Kind::Timeout,
                Stage::Create,
                "The service did not create the stream in time: check the network and api-url, or raise timeout.",
            ),
            Some(_) => Error::new(
                Kind::Media,
                Stage::Connect,
                "The WebRTC connection was not made in time: open UDP in the firewall, set turn-servers (with the right password), or raise timeout.",
            ),
        })
    }

    /// What it tells next; nothing before there is a session.
    pub async fn next_event(&mut self) -> AttemptEvent {
        let session = async {
            match &mut self.session {
                Some((_, events)) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        let room = async {
            match &mut self.room {
                Some(room) => room.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = session => AttemptEvent::Session(event),
            event = room => AttemptEvent::Room(event),
        }
    }

    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref().map(|(session, _)| session)
    }

    /// Ends the stream on the service and the connection, and waits for both. What the session
    /// still says goes to `last`.
    pub fn close(self, mut last: impl FnMut(Event)) {
        let Self {
            peer,
            session,
            room,
            ..
        } = self;
        if let Some((session, _)) = &session {
            session.stop();
        }
        if let Some(room) = &room {
            room.stop();
        }
        // While the session says good-bye.
        drop(peer);
        if let Some(room) = room {
            room.close();
        }
        if let Some((session, mut events)) = session {
            while let Some(event) = RUNTIME.block_on(events.recv()) {
                last(event);
            }
            RUNTIME.block_on(session.join());
        }
    }
}
