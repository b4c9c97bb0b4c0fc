// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Access tokens: JWTs as a LiveKit server makes and accepts them.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::{hs256, now_ms};
use crate::ids::random;
use crate::service::live_stream::LiveStream;

/// The tolerated difference between clocks: livekit-server's `tokenLeeway`.
const LEEWAY_SECONDS: u64 = 60;

/// How long a token is valid. A keepalive brings a new one long before.
pub(super) const TOKEN_TTL: Duration = Duration::from_secs(600);
/// How long a viewer's token is valid.
pub(super) const VIEWER_TTL: Duration = Duration::from_secs(300);
/// The identity of the publisher in every room. A second client is the same participant, and replaces the
/// first.
const PUBLISHER: &str = "publisher";

/// The `video` grants of a token. In LiveKit, an omitted grant is granted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VideoGrants {
    pub room: String,
    pub room_join: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grants {
    pub identity: String,
    pub video: VideoGrants,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    nbf: i64,
    exp: i64,
    video: Option<VideoGrants>,
}

/// Why a token is rejected, with livekit-server's texts.
#[derive(Debug, PartialEq)]
pub(crate) enum TokenError {
    /// It is not a token, not one of this server, or not valid now.
    Invalid(String),
    /// It was signed with another key.
    UnknownKey,
    /// It does not allow to join a room.
    NoPermission,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::Invalid(why) => write!(f, "invalid token: {why}"),
            TokenError::UnknownKey => f.write_str("invalid API key"),
            TokenError::NoPermission => f.write_str("no permissions to access the room"),
        }
    }
}

/// An API key and its secret, which sign tokens. Never shown.
pub(crate) struct SigningKey {
    key: String,
    secret: String,
}

impl Grants {
    /// May publish in a room, and nothing else.
    pub(crate) fn publisher(room: &str, identity: &str) -> Self {
        Grants {
            identity: identity.to_owned(),
            video: VideoGrants {
                room: room.to_owned(),
                room_join: true,
                can_publish: Some(true),
                can_subscribe: Some(false),
                can_publish_data: Some(false),
                hidden: false,
            },
        }
    }

    /// May watch a room, and is not visible in it.
    pub(crate) fn hidden_subscriber(room: &str) -> Self {
        let mut grants = Grants::viewer(room);
        grants.identity = format!("overshoot-{room}");
        grants.video.hidden = true;
        grants
    }

    /// May watch a room, and nothing else. Each viewer is a participant of its own.
    pub(crate) fn viewer(room: &str) -> Self {
        Grants {
            identity: format!("viewer-{:016x}", random()),
            video: VideoGrants {
                room: room.to_owned(),
                room_join: true,
                can_publish: Some(false),
                can_subscribe: Some(true),
                can_publish_data: Some(false),
                hidden: false,
            },
        }
    }
}

impl SigningKey {
    pub(crate) fn new(key: String, secret: String) -> Self {
        SigningKey { key, secret }
    }

    /// A random key, so that tokens of one emulator are not valid on another.
    pub(crate) fn random() -> Self {
        SigningKey {
            key: format!("API{:012x}", random() >> 16),
            // Seeded by the system. It only protects a stand-in on this machine.
            secret: (0..4).map(|_| format!("{:016x}", random())).collect(),
        }
    }

    /// Signs a token that is valid from now on; or, for a fault, one that has expired.
    pub(crate) fn sign(&self, grants: &Grants, ttl: Duration, expired: bool) -> String {
        let now = now_ms() / 1_000;
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let leeway = i64::try_from(LEEWAY_SECONDS).unwrap_or_default();
        let from = if expired { now - 2 * leeway - ttl } else { now };
        let claims = Claims {
            iss: self.key.clone(),
            sub: grants.identity.clone(),
            nbf: from,
            exp: from.saturating_add(ttl),
            video: Some(grants.video.clone()),
        };
        hs256::provide();
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        // HS256 accepts a secret of any length, so this cannot fail; an empty token would just be rejected.
        encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap_or_default()
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Grants, TokenError> {
        let mut checks = Validation::new(Algorithm::HS256);
        checks.leeway = LEEWAY_SECONDS;
        checks.validate_nbf = true;
        checks.set_issuer(&[&self.key]);
        checks.set_required_spec_claims(&["exp", "iss"]);
        hs256::provide();
        let key = DecodingKey::from_secret(self.secret.as_bytes());
        let claims = decode::<Claims>(token, &key, &checks)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidIssuer => TokenError::UnknownKey,
                _ => TokenError::Invalid(error.to_string()),
            })?
            .claims;
        let video = claims.video.ok_or(TokenError::NoPermission)?;
        if !video.room_join || video.room.is_empty() {
            return Err(TokenError::NoPermission);
        }
        Ok(Grants {
            identity: claims.sub,
            video,
        })
    }
}

/// A token for the publisher of a stream.
pub(super) fn publisher_token(keys: &SigningKey, live: &LiveStream, expired: bool) -> String {
    keys.sign(&Grants::publisher(&live.id, PUBLISHER), TOKEN_TTL, expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn keys() -> SigningKey {
        SigningKey::new("key".to_owned(), "secret".to_owned())
    }

    #[test]
    fn own_tokens_are_valid() {
        let grants = Grants::publisher("room", "me");
        let token = keys().sign(&grants, TTL, false);
        assert_eq!(keys().verify(&token), Ok(grants));
    }

    #[test]
    fn other_tokens_are_not_valid() {
        let grants = Grants::publisher("room", "me");
        let refused = |token: &str| keys().verify(token).expect_err(token);
        let invalid = |token: &str| matches!(refused(token), TokenError::Invalid(_));
        assert!(invalid(""), "nothing");
        assert!(invalid("a.b.c"), "nonsense");
        assert!(invalid(&keys().sign(&grants, TTL, true)), "expired");
        let forged = SigningKey::new("key".to_owned(), "other".to_owned());
        assert!(invalid(&forged.sign(&grants, TTL, false)), "forged");
        let token = SigningKey::random().sign(&grants, TTL, false);
        assert!(matches!(
            refused(&token),
            TokenError::UnknownKey | TokenError::Invalid(_)
        ));
        let mut nowhere = grants;
        nowhere.video.room_join = false;
        let token = keys().sign(&nowhere, TTL, false);
        assert_eq!(refused(&token), TokenError::NoPermission);
    }
}
