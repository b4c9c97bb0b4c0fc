// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The rooms of one emulator: making them, finding them, and the access that clients get.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::header;

use super::own_room::{self, RoomEvent, RoomSender};
use super::token::{Grants, SigningKey, TOKEN_TTL, VIEWER_TTL, publisher_token};
use super::{RoomInput, joined_room};
use crate::faults::fault::Fault;
use crate::http::request::IncomingRequest;
use crate::lock::lock;
use crate::service::app::App;
use crate::service::config::LivekitServer;
use crate::service::live_stream::{LiveStream, StreamRoom};

/// The rooms of one emulator.
pub(crate) struct Rooms {
    pub(super) app: Arc<App>,
    /// The key that signs the tokens of hosted rooms.
    pub(super) keys: Arc<SigningKey>,
    /// The hosted rooms by name. The name is the id of the stream.
    senders: Mutex<HashMap<String, RoomSender>>,
}

/// What a client needs to join a room.
pub(crate) struct Access {
    pub url: String,
    pub token: String,
}

impl Rooms {
    pub(crate) fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Rooms {
            app,
            keys: Arc::new(SigningKey::random()),
            senders: Mutex::default(),
        })
    }

    /// Makes the room of a new stream: hosted by the emulator, or on the LiveKit server of the settings. The
    /// error says what went wrong there.
    pub(crate) async fn open(&self, live: &LiveStream) -> Result<RoomInput, String> {
        let Some(server) = &self.app.config.livekit else {
            let (sender, host) = own_room::make(self.keys.clone());
            let injector = sender.clone();
            let inject = move |message| injector.try_send(RoomEvent::Inject(message)).is_ok();
            // A stream gets only one room.
            let _ = live.room.set(StreamRoom::Here(Box::new(inject)));
            let mut senders = lock(&self.senders);
            senders.retain(|_, sender| !sender.is_closed());
            senders.insert(live.id.clone(), sender);
            return Ok(RoomInput::Own(host));
        };
        let grants = Grants::hidden_subscriber(&live.id);
        let token = keys_of(server).sign(&grants, TOKEN_TTL, false);
        match joined_room::join(&server.url, &token).await {
            Ok(joined) => {
                let _ = live.room.set(StreamRoom::OnServer);
                Ok(RoomInput::Joined(Box::new(joined)))
            }
            Err(refusal) => Err(format!(
                "the LiveKit server of --livekit-url: {}",
                refusal.why()
            )),
        }
    }

    /// The hosted room with this name, if its stream is alive.
    pub(super) fn find(&self, room: &str) -> Option<RoomSender> {
        let live = self.app.streams.get(room)?;
        (!live.end_token.is_cancelled())
            .then(|| lock(&self.senders).get(room).cloned())
            .flatten()
    }

    /// What the publisher of a stream needs to join, with a fresh token each time. The host is the one in the
    /// client's request, since the client reaches this machine by that name.
    pub(crate) fn publisher_access(&self, incoming: &IncomingRequest, live: &LiveStream) -> Access {
        let expired = matches!(incoming.fault, Some(Fault::ExpiredToken));
        self.access(incoming, |keys| publisher_token(keys, live, expired))
    }

    /// What somebody needs to watch a stream, and how long it is valid.
    pub(crate) fn viewer_access(
        &self,
        incoming: &IncomingRequest,
        live: &LiveStream,
    ) -> (Access, Duration) {
        let grants = Grants::viewer(&live.id);
        let access = self.access(incoming, |keys| keys.sign(&grants, VIEWER_TTL, false));
        (access, VIEWER_TTL)
    }

    fn access(
        &self,
        incoming: &IncomingRequest,
        token: impl FnOnce(&SigningKey) -> String,
    ) -> Access {
        if let Some(server) = &self.app.config.livekit {
            return Access {
                url: server.url.clone(),
                token: token(&keys_of(server)),
            };
        }
        let headers = &incoming.parts.headers;
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        Access {
            url: format!("ws://{}", host.unwrap_or_default()),
            token: token(&self.keys),
        }
    }
}

fn keys_of(server: &LivekitServer) -> SigningKey {
    SigningKey::new(server.key.clone(), server.secret.clone())
}
