// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The route of the video: a WebRTC connection to the service, or a LiveKit room.

use super::ice_servers;
use crate::session::Api;
use crate::session::error::Error;
use crate::session::livekit::address;
use crate::session::protocol::RoomAccess;
use crate::session::secret::Secret;
use crate::sink::enums::Transport;

/// The route that a connection attempt takes.
#[derive(Debug, Clone)]
pub enum Route {
    /// A connection to the service itself.
    Direct {
        /// If this connection fails, request a room of the service.
        else_room: bool,
    },
    /// A LiveKit room: the application's, or with `None` one of the service.
    Room(Option<RoomAccess>),
}

impl Route {
    /// The route that the properties select.
    ///
    /// # Errors
    /// If the properties contradict each other or cannot be used. The text says how to fix it.
    pub fn new(
        api: Api,
        transport: Transport,
        url: Option<&str>,
        token: Option<&Secret>,
    ) -> Result<Self, Error> {
        if api == Api::V1 {
            return match (transport, url.is_some() || token.is_some()) {
                (Transport::Webrtc, _) => Err(Error::settings(
                    "transport=webrtc needs API v0.2: on API v1 the video is sent through a LiveKit room. Unset transport.",
                )),
                (_, true) => Err(Error::settings(
                    "livekit-url and livekit-token need API v0.2: on API v1 the service creates the room. Unset both.",
                )),
                _ => Ok(Self::Room(None)),
            };
        }
        let url = url.map(str::trim).filter(|url| !url.is_empty());
        let token = token.filter(|token| !token.reveal().trim().is_empty());
        let (url, token) = match (url, token) {
            (Some(url), Some(token)) => (url, token),
            (Some(_), None) => {
                return Err(Error::settings(
                    "livekit-url is set without a token: set livekit-token too, or unset livekit-url.",
                ));
            }
            (None, Some(_)) => {
                return Err(Error::settings(
                    "livekit-token is set without an address: set livekit-url too, or unset livekit-token.",
                ));
            }
            (None, None) => {
                return Ok(match transport {
                    Transport::Livekit => Self::Room(None),
                    Transport::Webrtc => Self::Direct { else_room: false },
                    Transport::Auto => Self::Direct { else_room: true },
                });
            }
        };
        if transport == Transport::Webrtc {
            return Err(Error::settings(
                "livekit-url is set, but transport=webrtc uses no room: set transport=livekit, or unset livekit-url and livekit-token.",
            ));
        }
        address::parse_server(url).map_err(|why| {
            Error::settings(format!(
                "livekit-url {why}: set it to an address that looks like wss://livekit.example."
            ))
        })?;
        Ok(Self::Room(Some(RoomAccess {
            url: url.to_owned(),
            token: Secret::new(token.reveal().trim()),
        })))
    }

    /// From now on no room is requested if the direct connection fails.
    pub fn disable_room_fallback(&mut self) {
        if let Self::Direct { else_room } = self {
            *else_room = false;
        }
    }

    /// The access to the application's room that the service gets: with its own token, if there is one.
    pub fn for_service(room: &RoomAccess, service_token: Option<&Secret>) -> RoomAccess {
        RoomAccess {
            token: service_token.unwrap_or(&room.token).clone(),
            ..room.clone()
        }
    }

    /// Stores a newer token for the application's room. A room of the service comes with its own token.
    pub fn refresh(&mut self, token: &Secret) {
        if let Self::Room(Some(room)) = self {
            room.token = token.clone();
        }
    }

    /// A warning about settings that work but are unsafe.
    pub fn warning(&self) -> Option<Error> {
        let Self::Room(Some(room)) = self else {
            return None;
        };
        let server = address::parse_server(&room.url).ok()?;
        let exposed = server.scheme() == "http" && !ice_servers::is_loopback(&server);
        exposed.then(|| {
            Error::settings(format!(
                "livekit-url {} is not encrypted: anyone on the network path can read the token. Use wss.",
                room.url
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_select_the_route() {
        let token = Secret::new("a.b.c");
        let route = |transport, url, token| Route::new(Api::V02, transport, url, token);
        let v1 = |transport, url| Route::new(Api::V1, transport, url, None);
        for transport in [Transport::Auto, Transport::Livekit] {
            let route = v1(transport, None).expect("a route");
            assert!(matches!(route, Route::Room(None)));
        }
        for rejected in [
            v1(Transport::Webrtc, None),
            v1(Transport::Auto, Some("wss://x.example")),
        ] {
            let error = rejected.expect_err("on v1 the service creates the room");
            assert!(error.message.contains("API v0.2"), "{error}");
        }
        for (transport, else_room) in [(Transport::Auto, true), (Transport::Webrtc, false)] {
            match route(transport, None, None).expect("a route") {
                Route::Direct { else_room: actual } => assert_eq!(actual, else_room),
                Route::Room(_) => panic!("{transport:?}"),
            }
        }
        let new = route(Transport::Livekit, None, None).expect("a route");
        assert!(matches!(new, Route::Room(None)));
        for transport in [Transport::Auto, Transport::Livekit] {
            let own = route(transport, Some("wss://x.example"), Some(&token)).expect("a route");
            assert!(own.warning().is_none());
            assert!(!format!("{own:?}").contains("a.b.c"));
            assert!(matches!(own, Route::Room(Some(_))));
        }
        for (transport, url, token, fix) in [
            (
                Transport::Auto,
                Some("wss://x.example"),
                None,
                "set livekit-token",
            ),
            (Transport::Auto, None, Some(&token), "set livekit-url"),
            (
                Transport::Webrtc,
                Some("wss://x.example"),
                Some(&token),
                "transport=livekit",
            ),
            (
                Transport::Livekit,
                Some("rtmp://x.example"),
                Some(&token),
                "ws, wss",
            ),
            (
                Transport::Livekit,
                Some("x.example"),
                Some(&token),
                "wss://",
            ),
        ] {
            let error = route(transport, url, token).expect_err(fix);
            assert!(error.message.contains(fix), "{error}");
        }
        let open = route(Transport::Auto, Some("ws://x.example"), Some(&token)).expect("a route");
        assert!(
            open.warning()
                .is_some_and(|error| error.message.contains("wss"))
        );
        let local = route(Transport::Auto, Some("ws://127.0.0.1:7880"), Some(&token));
        assert!(local.expect("a route").warning().is_none());
    }
}
