//! By which way the video goes: a WebRTC connection with the service, or a LiveKit room.

use super::ice_servers;
use crate::session::Api;
use crate::session::error::Error;
use crate::session::livekit::address;
use crate::session::protocol::RoomAccess;
use crate::session::secret::Secret;
use crate::sink::enums::Transport;

/// The way that an attempt takes.
#[derive(Debug, Clone)]
pub enum Route {
    /// A connection with the service itself.
    Direct {
        /// Where that can't be made, a room of the service's is asked for.
        else_room: bool,
    },
    /// A room of the application's; `None`: of the service's.
    Room(Option<RoomAccess>),
}

impl Route {
    /// The way that the properties name.
    ///
    /// # Errors
    /// Where they contradict each other or can't be used, with the fix in the text.
    pub fn new(
        api: Api,
        transport: Transport,
        url: Option<&str>,
        token: Option<&Secret>,
    ) -> Result<Self, Error> {
        if api == Api::V1 {
            return match (transport, url.is_some() || token.is_some()) {
                (Transport::Webrtc, _) => Err(Error::settings(
                    "transport=webrtc is of v0.2: on API v1 the video goes by a LiveKit room. Unset it.",
                )),
                (_, true) => Err(Error::settings(
                    "livekit-url and livekit-token are of v0.2: on API v1 the service makes the room. Unset them.",
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
                    "livekit-url is set without a token: set livekit-token, too, or unset it.",
                ));
            }
            (None, Some(_)) => {
                return Err(Error::settings(
                    "livekit-token is set without an address: set livekit-url, too, or unset it.",
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
                "livekit-url {why}: it looks like wss://livekit.example."
            ))
        })?;
        Ok(Self::Room(Some(RoomAccess {
            url: url.to_owned(),
            token: Secret::new(token.reveal().trim()),
        })))
    }

    /// No room is asked for any more.
    pub fn disable_room_fallback(&mut self) {
        if let Self::Direct { else_room } = self {
            *else_room = false;
        }
    }

    /// What the service is told of the application's room: by a token of its own, where there is one.
    pub fn for_service(room: &RoomAccess, service_token: Option<&Secret>) -> RoomAccess {
        RoomAccess {
            token: service_token.unwrap_or(&room.token).clone(),
            ..room.clone()
        }
    }

    /// A newer token for the application's room; rooms of the service's come with theirs.
    pub fn refresh(&mut self, token: &Secret) {
        if let Self::Room(Some(room)) = self {
            room.token = token.clone();
        }
    }

    /// What can be done, and should not.
    pub fn warning(&self) -> Option<Error> {
        let Self::Room(Some(room)) = self else {
            return None;
        };
        let server = address::parse_server(&room.url).ok()?;
        let exposed = server.scheme() == "http" && !ice_servers::is_loopback(&server);
        exposed.then(|| {
            Error::settings(format!(
                "livekit-url {} is not encrypted: anyone on the way can read the token. Use wss.",
                room.url
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_properties_name_the_route() {
        let token = Secret::new("a.b.c");
        let route = |transport, url, token| Route::new(Api::V02, transport, url, token);
        let v1 = |transport, url| Route::new(Api::V1, transport, url, None);
        for transport in [Transport::Auto, Transport::Livekit] {
            let route = v1(transport, None).expect("a route");
            assert!(matches!(route, Route::Room(None)));
        }
        for refused in [
            v1(Transport::Webrtc, None),
            v1(Transport::Auto, Some("wss://x.example")),
        ] {
            let error = refused.expect_err("v1 has rooms of its own");
            assert!(error.message.contains("of v0.2"), "{error}");
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
