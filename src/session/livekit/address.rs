// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The address of a LiveKit server, and the two ways of signalling with it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol::{
    ClientInfo, ConnectionSettings, JoinRequest, WrappedJoinRequest, client_info,
    wrapped_join_request,
};
use prost::Message;
use url::Url;

/// The protocol version for servers that use one connection for both directions.
const SINGLE_CONNECTION_PROTOCOL: i32 = 16;
/// The last protocol version whose first connection is the publisher's. From version 3 on, if the token
/// allows to subscribe, the first connection is the subscriber's (`SubscriberAsPrimary`), and servers drop
/// a participant that does not connect it within a minute.
const PUBLISHER_FIRST_PROTOCOL: i32 = 2;

/// How many media connections the protocol knows. The element makes one in both modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignallingMode {
    /// One for both directions: `/rtc/v1`, servers since 1.9.
    SingleConnection,
    /// One for each direction, of which the subscriber's is never made: `/rtc`, all servers.
    PublisherFirst,
}

impl SignallingMode {
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::SingleConnection => &["rtc", "v1"],
            Self::PublisherFirst => &["rtc"],
        }
    }

    /// The server's address with the query for joining, or for resuming as the participant with this SID.
    pub fn address(self, server: &Url, resumed_sid: Option<&str>) -> Url {
        let mut address = server.clone();
        let mut query = address.query_pairs_mut();
        match self {
            Self::SingleConnection => {
                query.append_pair("join_request", &join_request(resumed_sid));
            }
            Self::PublisherFirst => {
                query
                    .append_pair("protocol", &PUBLISHER_FIRST_PROTOCOL.to_string())
                    .append_pair("auto_subscribe", "0")
                    .append_pair("version", env!("CARGO_PKG_VERSION"));
                if let Some(sid) = resumed_sid {
                    query.append_pair("reconnect", "1").append_pair("sid", sid);
                }
            }
        }
        drop(query);
        address
    }
}

fn join_request(resumed_sid: Option<&str>) -> String {
    let request = JoinRequest {
        client_info: Some(ClientInfo {
            sdk: client_info::Sdk::Unknown.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: SINGLE_CONNECTION_PROTOCOL,
            os: std::env::consts::OS.to_owned(),
            ..ClientInfo::default()
        }),
        // The element receives no tracks.
        connection_settings: Some(ConnectionSettings {
            auto_subscribe: false,
            auto_subscribe_data_track: Some(false),
            ..ConnectionSettings::default()
        }),
        reconnect: resumed_sid.is_some(),
        participant_sid: resumed_sid.unwrap_or_default().to_owned(),
        ..JoinRequest::default()
    };
    let wrapped = WrappedJoinRequest {
        compression: wrapped_join_request::Compression::None.into(),
        join_request: request.encode_to_vec(),
    };
    URL_SAFE.encode(wrapped.encode_to_vec())
}

/// The server's address for the HTTP client.
///
/// # Errors
/// The end of a sentence that starts with the name of the address.
pub fn parse_server(text: &str) -> Result<Url, String> {
    let text = text.trim();
    // Replaced as text: `Url::set_scheme` does not change ws into http.
    let http = match text.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => text.to_owned(),
    };
    let url = Url::parse(&http).map_err(|error| format!("is not a URL ({error})"))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err("must be a ws, wss, http or https URL without a query".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers() {
        for (text, expected) in [
            ("ws://127.0.0.1:7880", "http://127.0.0.1:7880/"),
            (" wss://room.example ", "https://room.example/"),
            ("https://room.example/lk", "https://room.example/lk"),
        ] {
            assert_eq!(parse_server(text).expect(text).as_str(), expected);
        }
        for bad in [
            "",
            "room.example",
            "rtc://room.example",
            "wss://room.example?token=x",
            "wss://me:pw@room.example",
        ] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn joins_and_resumes_subscribe_to_nothing() {
        let base = parse_server("wss://room.example/lk").expect("an address");
        let old = SignallingMode::PublisherFirst.address(&base, Some("PA_1"));
        assert_eq!(
            old.query(),
            Some(concat!(
                "protocol=2&auto_subscribe=0&version=",
                env!("CARGO_PKG_VERSION"),
                "&reconnect=1&sid=PA_1"
            ))
        );
        let new = SignallingMode::SingleConnection.address(&base, Some("PA_1"));
        let (name, value) = new.query_pairs().next().expect("a query");
        assert_eq!(name, "join_request");
        let wrapped = URL_SAFE.decode(value.as_bytes()).expect("base64");
        let wrapped = WrappedJoinRequest::decode(wrapped.as_slice()).expect("wrapped");
        let request = JoinRequest::decode(wrapped.join_request.as_slice()).expect("a request");
        assert!(request.reconnect);
        assert_eq!(request.participant_sid, "PA_1");
        assert!(
            !request
                .connection_settings
                .expect("settings")
                .auto_subscribe
        );
    }
}
