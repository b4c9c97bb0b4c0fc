// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Parses how a client joins: with query parameters (`/rtc`) or with one wrapped message (`/rtc/v1`).

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use livekit_protocol::wrapped_join_request::Compression;
use livekit_protocol::{AddTrackRequest, JoinRequest, SessionDescription, WrappedJoinRequest};
use prost::Message;

/// The maximum length of a join request: livekit-server's limit, which is Go's `DefaultMaxHeaderBytes`.
const MAX_JOIN_REQUEST_BYTES: usize = 1 << 20;

/// The parts of a join request that the emulator uses.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct JoinParams {
    pub reconnect: bool,
    /// One peer connection for both directions.
    pub single: bool,
    pub add_tracks: Vec<AddTrackRequest>,
    pub offer: Option<SessionDescription>,
}

/// Parses the query of `/rtc`.
pub(crate) fn from_query(query: &[(String, String)]) -> JoinParams {
    JoinParams {
        reconnect: matches!(parameter(query, "reconnect"), Some("1" | "true")),
        ..JoinParams::default()
    }
}

/// Parses the query of `/rtc/v1`. The errors have livekit-server's texts.
pub(crate) fn from_wrapped(query: &[(String, String)]) -> Result<JoinParams, &'static str> {
    let wrapped = parameter(query, "join_request")
        .filter(|wrapped| !wrapped.is_empty())
        .ok_or("join_request is required")?;
    // The padding is optional.
    let engine = if wrapped.ends_with('=') || wrapped.len() % 4 == 0 {
        URL_SAFE
    } else {
        URL_SAFE_NO_PAD
    };
    let wrapped = engine
        .decode(wrapped)
        .map_err(|_| "cannot base64 decode wrapped join request")?;
    let wrapped = WrappedJoinRequest::decode(wrapped.as_slice())
        .map_err(|_| "cannot unmarshal wrapped join request")?;
    let request = match wrapped.compression() {
        Compression::None => wrapped.join_request,
        Compression::Gzip => {
            let mut plain = Vec::new();
            GzDecoder::new(wrapped.join_request.as_slice())
                .take(MAX_JOIN_REQUEST_BYTES as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(|_| "cannot read decompressed join request")?;
            plain
        }
    };
    if request.len() > MAX_JOIN_REQUEST_BYTES {
        return Err("join request too large");
    }
    let request =
        JoinRequest::decode(request.as_slice()).map_err(|_| "cannot unmarshal join request")?;
    Ok(JoinParams {
        reconnect: request.reconnect,
        single: true,
        add_tracks: request.add_track_requests,
        offer: request.publisher_offer,
    })
}

/// The first value of a query parameter.
pub(crate) fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = query.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn wrapped(request: Vec<u8>, compression: Compression) -> Vec<(String, String)> {
        let wrapped = WrappedJoinRequest {
            compression: compression as i32,
            join_request: request,
        };
        let text = URL_SAFE.encode(wrapped.encode_to_vec());
        vec![("join_request".to_owned(), text)]
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn requests_are_unwrapped() {
        let request = JoinRequest {
            reconnect: true,
            ..JoinRequest::default()
        };
        let plain = request.encode_to_vec();
        for query in [
            wrapped(plain.clone(), Compression::None),
            wrapped(gzip(&plain), Compression::Gzip),
        ] {
            let params = from_wrapped(&query).expect("a request");
            assert!(params.reconnect && params.single);
        }
    }

    #[test]
    fn others_are_rejected() {
        let bomb = wrapped(
            gzip(&vec![0; 2 * MAX_JOIN_REQUEST_BYTES]),
            Compression::Gzip,
        );
        assert_eq!(from_wrapped(&bomb), Err("join request too large"));
        assert_eq!(from_wrapped(&[]), Err("join_request is required"));
        for text in ["%%%", "AAAA", "CAESA___"] {
            let query = [("join_request".to_owned(), text.to_owned())];
            assert!(from_wrapped(&query).is_err(), "{text}");
        }
    }
}
