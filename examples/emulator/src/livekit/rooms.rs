//! The rooms of one emulator: how they are made and found, and the tokens to enter them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::header;

use super::own_room::{self, RoomEvent, RoomSender};
use super::token::{Grants, SigningKey, TOKEN_TTL, publisher_token};
use super::{RoomInput, joined_room};
use crate::faults::fault::Fault;
use crate::http::request::IncomingRequest;
use crate::lock::lock;
use crate::service::app::App;
use crate::service::config::LivekitServer;
use crate::service::live_stream::{LiveStream, StreamRoom};

/// The rooms that one emulator makes.
pub(crate) struct Rooms {
    pub(super) app: Arc<App>,
    /// What the tokens of its own rooms are signed with.
    pub(super) keys: Arc<SigningKey>,
    /// Its own rooms by their names, which are the ids of their streams.
    senders: Mutex<HashMap<String, RoomSender>>,
}

/// What a publisher needs.
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

    /// Makes the room of a new stream, here or on the LiveKit server of the settings. The error says
    /// what is wrong with that.
    pub(crate) async fn open(&self, live: &LiveStream) -> Result<RoomInput, String> {
        let Some(server) = &self.app.config.livekit else {
            let (sender, host) = own_room::make(self.keys.clone());
            let injector = sender.clone();
            let inject = move |message| injector.try_send(RoomEvent::Inject(message)).is_ok();
            // A stream is given one room, once.
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

    /// The sender of a room: those of streams that are alive and have one.
    pub(super) fn find(&self, room: &str) -> Option<RoomSender> {
        let live = self.app.streams.get(room)?;
        (!live.end_token.is_cancelled())
            .then(|| lock(&self.senders).get(room).cloned())
            .flatten()
    }

    /// What the publisher of a stream is told, with a fresh token each time. The host is as the client
    /// wrote it, since that is how it reaches this machine.
    pub(crate) fn access_of(&self, incoming: &IncomingRequest, live: &LiveStream) -> Access {
        let expired = matches!(incoming.fault, Some(Fault::ExpiredToken));
        if let Some(server) = &self.app.config.livekit {
            return Access {
                url: server.url.clone(),
                token: publisher_token(&keys_of(server), live, expired),
            };
        }
        let headers = &incoming.parts.headers;
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        Access {
            url: format!("ws://{}", host.unwrap_or_default()),
            token: publisher_token(&self.keys, live, expired),
        }
    }
}

fn keys_of(server: &LivekitServer) -> SigningKey {
    SigningKey::new(server.key.clone(), server.secret.clone())
}
