// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One attempt to stream. On the direct route the peer makes its offer first, and the offer opens the session.
//! On the route through a LiveKit room the session is opened first, then the room is joined, then the offer is made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::hardware_probe::{HardwareProbe, Waiting};
use super::inbox::{Command, LiveSettings};
use super::room_client::RoomClient;
use super::step::{Step, Stream};
use crate::RUNTIME;
use crate::session::costs::account::Account;
use crate::session::error::{Error, Kind, Stage};
use crate::session::livekit::RoomEvent;
use crate::session::prompt::Prompt;
use crate::session::question::Question;
use crate::session::request::StreamRequest;
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

/// After this time the offer is sent with the candidates found so far. A TURN server that does not answer must not
/// delay the connection.
const GATHERING_TIMEOUT: Duration = Duration::from_secs(3);

/// An event of the session or of the room.
pub enum AttemptEvent {
    /// `None`: the session has ended.
    Session(Option<Event>),
    /// `None`: the room was left.
    Room(Option<RoomEvent>),
}

/// What a stream is asked.
#[derive(Clone)]
pub struct Asked {
    pub prompt: Prompt,
    /// The element's own question, if it has changed since the start.
    pub question: Option<Arc<Question>>,
}

/// One attempt. The peer exists from the start; the step says what else exists.
pub struct Attempt {
    serial: u64,
    route: Route,
    pub peer: Peer,
    pub(super) step: Step,
    pub(super) hardware: HardwareProbe,
    /// `None` before the service is asked for a stream.
    asked: Option<Asked>,
    inbox: mpsc::Sender<Command>,
}

impl Attempt {
    /// Sets up the peer. `serial` distinguishes this attempt's events from those of earlier attempts.
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
        let events = inbox.clone();
        let send = move |event| {
            // A peer sends only a few events; the inbox has room for many more.
            if events.try_send(Command::Peer(serial, event)).is_err() {
                gst::error!(
                    CAT,
                    "an event of the peer was lost: the inbox is full or closed"
                );
            }
        };
        let peer = Peer::start(name, &ice, Arc::new(send))?;
        Ok(Self {
            serial,
            route: route.clone(),
            peer,
            step: Step::AwaitInput,
            hardware: HardwareProbe::Done,
            asked: None,
            inbox,
        })
    }

    /// Sets the format that the source delivers. On the direct route the offer is made now; in a room it is made
    /// after joining. Returns `false` if the format has changed and this attempt cannot carry the new one.
    pub fn set_input(&mut self, plan: &Plan, input: &InputFormat) -> bool {
        if let Some(current) = self.step.input() {
            return current.is_compatible_with(input)
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

    /// The stream's identifier, once the service has created the stream.
    pub fn stream_id(&self) -> Option<&str> {
        self.step.stream().map(|stream| stream.id.as_str())
    }

    /// Takes the TURN servers that the service named: a second call returns none.
    pub fn take_turn_servers(&mut self) -> Vec<String> {
        let stream = self.step.stream_mut();
        stream.map_or_else(Vec::new, |stream| std::mem::take(&mut stream.turn_servers))
    }

    pub fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// The service has taken another prompt.
    pub fn prompt_accepted(&mut self, prompt: &Prompt) {
        if let Some(asked) = &mut self.asked {
            asked.prompt.clone_from(prompt);
        }
    }

    pub fn session(&self) -> Option<&Session> {
        match &self.step {
            Step::Open { session, .. } => Some(session),
            _ => None,
        }
    }

    /// The codec of encoded input, if it was offered for passthrough and the remote peer rejected it.
    pub fn rejected_codec(&self) -> Option<Codec> {
        match self.step.input() {
            Some(InputFormat::Encoded(passthrough)) if self.encodes_input() => {
                Some(passthrough.codec)
            }
            _ => None,
        }
    }

    /// Whether the SDP answer requires that the input is encoded here, even if the source delivers encoded video.
    fn encodes_input(&self) -> bool {
        self.peer
            .media()
            .is_some_and(|media| media.input.codec.is_none())
    }

    /// Whether an event with this serial belongs to this attempt.
    pub fn has_serial(&self, serial: u64) -> bool {
        self.serial == serial
    }

    /// Handles a finished offer: publishes it in the room, or keeps it for the service. An offer that completes
    /// after [`GATHERING_TIMEOUT`] changes nothing. `size`: width and height of the video in pixels, if known.
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

    /// Creates the stream if its offer (or room) and its request are ready. `worked`: an earlier attempt created
    /// one. `request` returns `None` while the request is not known.
    ///
    /// # Errors
    /// `request` fails.
    pub fn open_session(
        &mut self,
        plan: &Plan,
        worked: bool,
        live: &LiveSettings,
        (newest_frame, account): (NewestFrame, Arc<Account>),
        request: impl FnOnce() -> Option<Result<StreamRequest, Error>>,
    ) -> Result<(), Error> {
        let Step::Ready { input, source } = &self.step else {
            return Ok(());
        };
        let Some(request) = request() else {
            return Ok(());
        };
        let request = request?;
        self.asked = Some(Asked {
            prompt: live.prompt.borrow().clone(),
            question: request.own_question.clone(),
        });
        let config = SessionConfig {
            api: plan.api,
            api_url: plan.api_url.clone(),
            api_key: plan.api_key.clone(),
            timeout: plan.timeout,
            request,
            source: source.clone(),
            prompt: live.prompt.clone(),
            questions: live.questions.clone(),
            ask_window: live.ask_window.clone(),
            worked,
            newest_frame,
            account,
        };
        let (session, events) = Session::start(RUNTIME.handle(), config);
        let device = input.device().copied();
        self.step = Step::Open {
            input: input.clone(),
            session,
            events,
            stream: None,
            deadline: Instant::now() + plan.timeout,
        };
        // The hardware is probed now because the service needs time to create the stream.
        let codecs = plan.encoded.iter().map(|offered| offered.codec);
        let (inbox, serial) = (self.inbox.clone(), self.serial);
        let probing = encoder::probe_hardware(codecs, device.as_ref(), move || {
            // This fails if the element has stopped.
            let _ = inbox.try_send(Command::HardwareProbed(serial));
        });
        if probing {
            self.hardware = HardwareProbe::Running(Waiting::default());
        }
        Ok(())
    }

    /// Stores the service's response about the stream. On the room route, joins the room.
    ///
    /// # Errors
    /// The address of the room is not valid.
    pub fn stream_created(&mut self, plan: &Plan, created: &Created) -> Result<(), Error> {
        let Step::Open { stream, .. } = &mut self.step else {
            return Ok(());
        };
        let stream = stream.insert(Stream {
            id: created.stream_id.clone(),
            turn_servers: ice_servers::from_response(&created.turn_servers),
            room: None,
        });
        let Route::Room(user_room) = &self.route else {
            return Ok(());
        };
        // The session has checked that there is a room.
        if let Some(room) = created.room.as_ref().or(user_room.as_ref()) {
            stream.room = Some(RoomClient::join(room, plan)?);
        }
        Ok(())
    }

    /// Handles the deadline of the current step. If candidates were found, the offer is used with them; otherwise the
    /// attempt fails or waits longer.
    ///
    /// # Errors
    /// The step took too long; the error names the step and what to change.
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
                // On a slow machine, making the first keys can take as long as the timeout.
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
                "The WebRTC connection was not established in time: open UDP in the firewall, set turn-servers (with the right password), or raise timeout.",
            )),
        }
    }

    /// The next event of the session or of the room. Waits forever while there is no session.
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

    /// Begins to end the stream; [`Attempt::close`] waits for it.
    pub fn stop(&self) {
        if let Some(session) = self.session() {
            session.stop();
        }
        if let Some(room) = self.room() {
            room.stop();
        }
    }

    /// Ends the stream on the service and the WebRTC connection, and waits for both. `on_event` gets the session's
    /// last events.
    pub fn close(self, mut on_event: impl FnMut(Event)) {
        self.stop();
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
        // The peer goes down while the session deletes the stream.
        drop(peer);
        if let Some(room) = room {
            room.close();
        }
        while let Some(event) = RUNTIME.block_on(events.recv()) {
            on_event(event);
        }
        RUNTIME.block_on(session.join());
    }
}
