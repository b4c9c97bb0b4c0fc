//! One try to stream: a peer, and the session that its offer opens; by way of a room the session comes
//! first, then the room, then the offer.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::inbox::Command;
use super::room_client::{self, RoomClient};
use super::step::{Step, Stream};
use crate::RUNTIME;
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::{Candidate, Joined, RoomEvent};
use crate::session::request::StreamRequest;
use crate::session::secret::Secret;
use crate::session::{Created, Event, NewestFrame, Session, SessionConfig, VideoSource};
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

/// One try. Its connection is there from the start; what else there is depends on the step.
pub struct Attempt {
    serial: u64,
    route: Route,
    pub peer: Peer,
    pub(super) step: Step,
}

impl Attempt {
    /// Sets the peer up. `serial` distinguishes this attempt's events from those of earlier ones.
    ///
    /// # Errors
    /// webrtcbin cannot be set up.
    pub fn start(
        name: &str,
        serial: u64,
        plan: &Plan,
        route: &Route,
        more_turn_servers: &[String],
        inbox: mpsc::Sender<Command>,
    ) -> Result<Self, Error> {
        let mut ice = plan.ice.clone();
        ice.turn_servers.extend_from_slice(more_turn_servers);
        let send = move |event| {
            // A peer sends a handful of events; the inbox holds many more.
            if inbox.try_send(Command::Peer(serial, event)).is_err() {
                gst::error!(CAT, "an event of the peer was lost");
            }
        };
        let peer = Peer::start(name, &ice, std::sync::Arc::new(send))?;
        Ok(Self {
            serial,
            route: route.clone(),
            peer,
            step: Step::AwaitInput,
        })
    }

    /// Takes what the source brings. On the direct route the offer is made now; in a room it is made after
    /// joining. Returns `false` if this attempt cannot carry the input, which has changed since.
    pub fn set_input(&mut self, plan: &Plan, input: &InputFormat) -> bool {
        if let Some(own) = self.step.input() {
            return own.is_compatible_with(input)
                || (*input == InputFormat::Raw && self.encodes_input());
        }
        let input = input.clone();
        self.step = match &self.route {
            Route::Direct { .. } => {
                self.peer.offer(plan.offer(&input), Gathering::Complete);
                let now = Instant::now();
                Step::Gather {
                    input,
                    deadline: now + GATHERING_TIMEOUT,
                    give_up: now + plan.timeout,
                }
            }
            Route::Room(Some(room)) => Step::Ready {
                input,
                source: VideoSource::Room(Route::for_service(room, plan.service_token.as_ref())),
            },
            Route::Room(None) => Step::Ready {
                input,
                source: VideoSource::NewRoom,
            },
        };
        true
    }

    fn room(&self) -> Option<&RoomClient> {
        self.step.stream()?.room.as_ref()
    }

    /// The service's name for the stream, once it is created.
    pub fn stream_id(&self) -> Option<&str> {
        self.step.stream().map(|stream| stream.id.as_str())
    }

    /// The TURN servers that the service named. They are returned once.
    pub fn take_turn_servers(&mut self) -> Vec<String> {
        let stream = self.step.stream_mut();
        stream.map_or_else(Vec::new, |stream| std::mem::take(&mut stream.turn_servers))
    }

    pub fn session(&self) -> Option<&Session> {
        match &self.step {
            Step::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The codec that was offered to be passed through, where the far side did not take it.
    pub fn rejected_codec(&self) -> Option<Codec> {
        match self.step.input() {
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

    /// The offer is made: publishes with it in the room, or keeps it for the service. An offer that completes
    /// after [`GATHERING_TIMEOUT`] changes nothing. `size`: width and height of the pictures, if known.
    pub fn offer_ready(&mut self, offer: String, size: Option<(u32, u32)>) {
        if let Some(room) = self.room() {
            room.publish(offer, size);
        } else if let Step::Gather { input, .. } = &self.step {
            self.step = Step::Ready {
                input: input.clone(),
                source: VideoSource::Webrtc(offer),
            };
        }
    }

    /// A candidate for an offer that was sent before.
    pub fn candidate_found(&self, candidate: Candidate) {
        if let Some(room) = self.room() {
            room.add_candidate(candidate);
        }
    }

    /// Creates the stream, if everything for it is there. `request` returns `None` while the request is not known.
    ///
    /// # Errors
    /// Those of `request`.
    pub fn open_session(
        &mut self,
        plan: &Plan,
        prompt: watch::Receiver<String>,
        newest_frame: NewestFrame,
        request: impl FnOnce() -> Option<Result<StreamRequest, Error>>,
    ) -> Result<(), Error> {
        let Step::Ready { input, source } = &self.step else {
            return Ok(());
        };
        let Some(request) = request() else {
            return Ok(());
        };
        let request = request?;
        let config = SessionConfig {
            api: plan.api,
            api_url: plan.api_url.clone(),
            api_key: plan.api_key.clone(),
            timeout: plan.timeout,
            request,
            source: source.clone(),
            prompt,
            newest_frame,
        };
        let (session, events) = Session::start(RUNTIME.handle(), config);
        self.step = Step::Open {
            input: input.clone(),
            session,
            events,
            stream: None,
            deadline: Instant::now() + plan.timeout,
        };
        // While the service creates the stream.
        encoder::probe_hardware(plan.encoded.iter().map(|offered| offered.codec));
        Ok(())
    }

    /// Keeps what the service said about the stream, and joins its room on that route.
    ///
    /// # Errors
    /// The address of the room is not one.
    pub fn stream_created(&mut self, plan: &Plan, created: &Created) -> Result<(), Error> {
        let Step::Open { stream, .. } = &mut self.step else {
            return Ok(());
        };
        let stream = stream.insert(Stream {
            id: created.stream_id.clone(),
            turn_servers: ice_servers::from_response(&created.turn_servers),
            room: None,
        });
        let Route::Room(own) = &self.route else {
            return Ok(());
        };
        // The session has made sure that there is one.
        if let Some(room) = created.room.as_ref().or(own.as_ref()) {
            stream.room = Some(RoomClient::join(room, plan)?);
        }
        Ok(())
    }

    /// The room is joined: makes the offer.
    ///
    /// # Errors
    /// The room takes no codec that can be sent.
    pub fn room_joined(&mut self, plan: &Plan, joined: &Joined) -> Result<(), Error> {
        let (Some(room), Some(input)) = (self.room(), self.step.input()) else {
            return Ok(());
        };
        let offered = room_client::taken(joined, plan.offer(input))?;
        self.peer.add_servers(&room.ice(joined, plan));
        self.peer.offer(offered, Gathering::Trickled);
        Ok(())
    }

    /// A newer token for the room.
    pub fn refresh(&self, token: &Secret) {
        if let Some(room) = self.room() {
            room.refresh(token.clone());
        }
    }

    /// The time of a step is over. With candidates the offer goes out; anything else is a failure.
    ///
    /// # Errors
    /// The step that took too long, and what to change.
    pub fn deadline_passed(&mut self) -> Result<(), Error> {
        match &mut self.step {
            Step::AwaitInput | Step::Ready { .. } => Ok(()),
            Step::Gather {
                deadline, give_up, ..
            } => match self.peer.offer_so_far() {
                PeerEvent::Offer(offer) => {
                    self.offer_ready(offer, None);
                    Ok(())
                }
                PeerEvent::Failed(error) if Instant::now() >= *give_up => Err(error),
                // On a slow machine the first keys alone take as long.
                _ => {
                    *deadline = Instant::now() + GATHERING_TIMEOUT;
                    Ok(())
                }
            },
            Step::Open { stream: None, .. } => Err(Error::new(
                Kind::Timeout,
                Stage::Create,
                "The service did not create the stream in time: check the network and api-url, or raise timeout.",
            )),
            Step::Open {
                stream: Some(_), ..
            } => Err(Error::new(
                Kind::Media,
                Stage::Connect,
                "The WebRTC connection was not made in time: open UDP in the firewall, set turn-servers (with the right password), or raise timeout.",
            )),
        }
    }

    /// The next event of the session or of the room. Never returns before there is a session.
    pub async fn next_event(&mut self) -> AttemptEvent {
        let Step::Open { events, stream, .. } = &mut self.step else {
            return std::future::pending().await;
        };
        let room = async {
            match stream.as_mut().and_then(|stream| stream.room.as_mut()) {
                Some(room) => room.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            event = events.recv() => AttemptEvent::Session(event),
            event = room => AttemptEvent::Room(event),
        }
    }

    /// Ends the stream on the service and the connection, and waits for both. `last` gets the session's last
    /// events.
    pub fn close(self, mut last: impl FnMut(Event)) {
        let Self { peer, step, .. } = self;
        let Step::Open {
            session,
            mut events,
            stream,
            ..
        } = step
        else {
            return;
        };
        let room = stream.and_then(|stream| stream.room);
        session.stop();
        if let Some(room) = &room {
            room.stop();
        }
        // While the session deletes the stream.
        drop(peer);
        if let Some(room) = room {
            room.close();
        }
        while let Some(event) = RUNTIME.block_on(events.recv()) {
            last(event);
        }
        RUNTIME.block_on(session.join());
    }
}
