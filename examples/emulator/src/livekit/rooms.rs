//! The rooms of one emulator: how they are made and found, and the tokens to enter them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::header;

use super::room::{self, Door, Knock};
use super::token::{Grants, Keys};
use super::{Room, visit};
use crate::faults::fault::Fault;
use crate::http::request::Incoming;
use crate::lock::lock;
use crate::service::app::App;
use crate::service::config::LivekitServer;
use crate::service::stream::{Live, MadeRoom};

/// How long a token is good. A keepalive brings a new one long before.
const TOKEN_TTL: Duration = Duration::from_secs(600);
/// The one who publishes, in every room: a second client is the same participant, and takes over.
const PUBLISHER: &str = "publisher";

/// The rooms that one emulator makes.
pub(crate) struct Rooms {
    pub(super) app: Arc<App>,
    /// What the tokens of its own rooms are signed with.
    pub(super) keys: Arc<Keys>,
    /// Its own rooms by their names, which are the ids of their streams.
    doors: Mutex<HashMap<String, Door>>,
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
            keys: Arc::new(Keys::random()),
            doors: Mutex::default(),
        })
    }

    /// Makes the room of a new stream, here or on the LiveKit server of the settings. The error says
    /// what is wrong with that.
    pub(crate) async fn open(&self, live: &Live) -> Result<Room, String> {
        let Some(server) = &self.app.config.livekit else {
            let (door, host) = room::make(self.keys.clone());
            let injector = door.clone();
            let inject = move |message| injector.try_send(Knock::Inject(message)).is_ok();
            // A stream is given one room, once.
            let _ = live.room.set(MadeRoom::Here(Box::new(inject)));
            let mut doors = lock(&self.doors);
            doors.retain(|_, door| !door.is_closed());
            doors.insert(live.id.clone(), door);
            return Ok(Room::Own(host));
        };
        let grants = Grants::watcher(&live.id);
        let token = keys_of(server).sign(&grants, TOKEN_TTL, false);
        match visit::join(&server.url, &token).await {
            Ok(guest) => {
                let _ = live.room.set(MadeRoom::OnServer);
                Ok(Room::Joined(Box::new(guest)))
            }
            Err(refusal) => Err(format!(
                "the LiveKit server of --livekit-url: {}",
                refusal.why()
            )),
        }
    }

    /// The door of a room: those of streams that are alive and have one.
    pub(super) fn door(&self, room: &str) -> Option<Door> {
        let live = self.app.streams.get(room)?;
        (!live.over.is_cancelled())
            .then(|| lock(&self.doors).get(room).cloned())
            .flatten()
    }

    /// What the publisher of a stream is told, with a fresh token each time. The host is as the client
    /// wrote it, since that is how it reaches this machine.
    pub(crate) fn access_of(&self, incoming: &Incoming, live: &Live) -> Access {
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

/// A token for the publisher of a stream.
pub(super) fn publisher_token(keys: &Keys, live: &Live, expired: bool) -> String {
    keys.sign(&Grants::publisher(&live.id, PUBLISHER), TOKEN_TTL, expired)
}

fn keys_of(server: &LivekitServer) -> Keys {
    Keys::new(server.key.clone(), server.secret.clone())
}
