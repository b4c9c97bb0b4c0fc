//! Where a LiveKit server is joined, and by which form of its protocol.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use livekit_protocol::{
    ClientInfo, ConnectionSettings, JoinRequest, WrappedJoinRequest, client_info,
    wrapped_join_request,
};
use prost::Message;
use url::Url;

/// The protocol that is spoken to servers of the single-connection form.
const PROTOCOL: i32 = 16;
/// The last one whose first connection is the publisher's. From 3 on servers make the subscriber's
/// the first one where the token allows to subscribe (`SubscriberAsPrimary`), and drop after a minute
/// whoever does not connect it.
const PUBLISHER_FIRST_PROTOCOL: i32 = 2;

/// How the connections are laid out. Either way there is one, which is all that a publisher needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One for both directions: `/rtc/v1`, servers since 1.9.
    Single,
    /// One for each direction; the subscriber's is never made: `/rtc`, all servers.
    PublisherFirst,
}

impl Form {
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::Single => &["rtc", "v1"],
            Self::PublisherFirst => &["rtc"],
        }
    }

    /// The server's address with the query of a join, or of a resume of this participant.
    pub fn address(self, server: &Url, resumes: Option<&str>) -> Url {
        let mut address = server.clone();
        let mut query = address.query_pairs_mut();
        match self {
            Self::Single => {
                query.append_pair("join_request", &join_request(resumes));
            }
            Self::PublisherFirst => {
                query
                    .append_pair("protocol", &PUBLISHER_FIRST_PROTOCOL.to_string())
                    .append_pair("auto_subscribe", "0")
                    .append_pair("version", env!("CARGO_PKG_VERSION"));
                if let Some(sid) = resumes {
                    query.append_pair("reconnect", "1").append_pair("sid", sid);
                }
            }
        }
        drop(query);
        address
    }
}

fn join_request(resumes: Option<&str>) -> String {
    let request = JoinRequest {
        client_info: Some(ClientInfo {
            sdk: client_info::Sdk::Unknown.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            os: std::env::consts::OS.to_owned(),
            ..ClientInfo::default()
        }),
        // Nothing is subscribed to.
        connection_settings: Some(ConnectionSettings {
            auto_subscribe: false,
            auto_subscribe_data_track: Some(false),
            ..ConnectionSettings::default()
        }),
        reconnect: resumes.is_some(),
        participant_sid: resumes.unwrap_or_default().to_owned(),
        ..JoinRequest::default()
    };
    let wrapped = WrappedJoinRequest {
        compression: wrapped_join_request::Compression::None.into(),
        join_request: request.encode_to_vec(),
    };
    URL_SAFE.encode(wrapped.encode_to_vec())
}

/// The server's address as the HTTP client takes it.
///
/// # Errors
/// Says what it must be, to end a sentence.
pub fn server(text: &str) -> Result<Url, String> {
    let text = text.trim();
    // The scheme as text: `Url` does not change ws into http.
    let http = match text.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => text.to_owned(),
    };
    let url = Url::parse(&http).map_err(|error| format!("is not an address ({error})"))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err("must be a plain ws, wss, http or https address without a query".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_servers() {
        for (text, taken) in [
            ("ws://127.0.0.1:7880", "http://127.0.0.1:7880/"),
            (" wss://room.example ", "https://room.example/"),
            ("https://room.example/lk", "https://room.example/lk"),
        ] {
            assert_eq!(server(text).expect(text).as_str(), taken);
        }
        for bad in [
            "",
            "room.example",
            "rtc://room.example",
            "wss://room.example?token=x",
            "wss://me:pw@room.example",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn joins_and_resumes_subscribe_to_nothing() {
        let base = server("wss://room.example/lk").expect("an address");
        let old = Form::PublisherFirst.address(&base, Some("PA_1"));
        assert_eq!(
            old.query(),
            Some(concat!(
                "protocol=2&auto_subscribe=0&version=",
                env!("CARGO_PKG_VERSION"),
                "&reconnect=1&sid=PA_1"
            ))
        );
        let new = Form::Single.address(&base, Some("PA_1"));
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
