//! Access tokens: JWTs that a LiveKit server would make, and take, too.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::{hs256, now_ms};
use crate::ids::random;
use crate::service::live_stream::LiveStream;

/// What clocks may differ by: livekit-server's `tokenLeeway`.
const LEEWAY_SECONDS: u64 = 60;

/// How long a token is good. A keepalive brings a new one long before.
pub(super) const TOKEN_TTL: Duration = Duration::from_secs(600);
/// The one who publishes, in every room: a second client is the same participant, and takes over.
const PUBLISHER: &str = "publisher";

/// The `video` grants of a token. LiveKit's default for those that are left out is yes.
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

/// Why a token is refused, in livekit-server's words.
#[derive(Debug, PartialEq)]
pub(crate) enum TokenError {
    /// Not a token, not ours, or not now.
    Invalid(String),
    /// Signed by somebody else.
    UnknownKey,
    /// It does not let its bearer into a room.
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

/// An API key and its secret. Neither is ever shown.
pub(crate) struct SigningKey {
    key: String,
    secret: String,
}

impl Grants {
    /// Sends into a room, and no more.
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

    /// Looks on, and nobody sees it.
    pub(crate) fn hidden_subscriber(room: &str) -> Self {
        Grants {
            identity: format!("overshoot-{room}"),
            video: VideoGrants {
                room: room.to_owned(),
                room_join: true,
                can_publish: Some(false),
                can_subscribe: Some(true),
                can_publish_data: Some(false),
                hidden: true,
            },
        }
    }
}

impl SigningKey {
    pub(crate) fn new(key: String, secret: String) -> Self {
        SigningKey { key, secret }
    }

    /// Of one emulator, so that no other's tokens are good here.
    pub(crate) fn random() -> Self {
        SigningKey {
            key: format!("API{:012x}", random() >> 16),
            // Seeded by the system; it guards a stand-in on one's own machine.
            secret: (0..4).map(|_| format!("{:016x}", random())).collect(),
        }
    }

    /// A token from now on; or one whose time is over, for a fault.
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
        // HS256 with a secret of any length cannot fail; an empty token would just be refused.
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
    fn its_own_tokens_are_good() {
        let grants = Grants::publisher("room", "me");
        let token = keys().sign(&grants, TTL, false);
        assert_eq!(keys().verify(&token), Ok(grants));
    }

    #[test]
    fn others_are_not() {
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
