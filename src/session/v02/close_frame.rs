// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Why the service closed the results socket, by the code and the words of its close frame.

use crate::session::error::{Error, Kind, Stage};

/// Words of a refused key. The protocol closes with 1008 then, but 1008 is "policy violation", and gateways
/// use it for any of their rules.
const KEY_WORDS: [&str; 9] = [
    "key",
    "auth",
    "token",
    "credential",
    "revoked",
    "forbidden",
    "permission",
    "denied",
    "not allowed",
];
/// Words of a rule that a later connection can keep. They win: a rate limit may name the key, too.
const LATER_WORDS: [&str; 15] = [
    "limit",
    "too many",
    "quota",
    "throttl",
    "slow",
    "busy",
    "overload",
    "capacity",
    "concurren",
    "idle",
    "timeout",
    "timed out",
    "restart",
    "shutting down",
    "unavailable",
];
const CREDIT_WORDS: [&str; 4] = ["credit", "payment", "balance", "billing"];
/// Words of a stream that is gone, in a reason that names the stream.
const GONE_WORDS: [&str; 6] = [
    "not found",
    "no such",
    "unknown",
    "expired",
    "ended",
    "does not exist",
];

/// The error for a close frame. `key_was_accepted`: this socket has brought answers, so its key is good
/// unless the service says otherwise.
pub fn error_from_close(code: u16, reason: &str, key_was_accepted: bool) -> Error {
    let says = match reason {
        "" => format!("code {code}, without a reason"),
        reason => format!("code {code}: {reason}"),
    };
    let error = |kind, message: String| Error {
        status_code: Some(code),
        ..Error::new(kind, Stage::Socket, message)
    };
    let out_of_credits = || {
        error(
            Kind::OutOfCredits,
            format!(
                "The service ended the stream: the account is out of credits ({says}). Top it up and start again."
            ),
        )
    };
    let lower = reason.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(ended) = lower.strip_prefix("stream ended:").map(str::trim) {
        return match ended {
            "insufficient_credits" => out_of_credits(),
            ended => error(
                Kind::StreamEnded,
                format!("The service ended the stream: {ended}."),
            ),
        };
    }
    if code != 1008 {
        return error(
            Kind::Network,
            format!("The connection of the results socket was lost: closed with {says}."),
        );
    }
    if has(&LATER_WORDS) {
        error(
            Kind::Busy,
            format!("The service closed the results socket ({says})."),
        )
    } else if has(&CREDIT_WORDS) {
        out_of_credits()
    } else if lower.contains("stream") && has(&GONE_WORDS) {
        error(
            Kind::NotFound,
            format!("The service no longer knows the stream ({says})."),
        )
    } else if has(&KEY_WORDS) || !key_was_accepted {
        error(
            Kind::NotAuthorized,
            format!(
                "The results socket refused the API key ({says}): set a valid key with api-key or OVERSHOOT_API_KEY."
            ),
        )
    } else {
        error(
            Kind::Network,
            format!("The service closed the results socket ({says})."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::results_socket::is_final;
    use super::*;

    #[test]
    fn the_reason_decides() {
        use Kind::{Busy, Network, NotAuthorized, NotFound, OutOfCredits, StreamEnded};
        for (code, reason, accepted, kind, ends) in [
            (1008, "", false, NotAuthorized, true),
            (1008, "bad key", true, NotAuthorized, true),
            (1008, "invalid key: refused", false, NotAuthorized, true),
            (1008, "Unauthorized", true, NotAuthorized, true),
            (1008, "policy violation", false, NotAuthorized, true),
            (1008, "policy violation", true, Network, false),
            (1008, "", true, Network, false),
            (1008, "rate limit exceeded", false, Busy, false),
            (
                1008,
                "Rate limit exceeded for this API key",
                true,
                Busy,
                false,
            ),
            (1008, "too many connections", false, Busy, false),
            (1008, "slow consumer", true, Busy, false),
            (1008, "idle timeout", false, Busy, false),
            (1008, "stream not found", false, NotFound, true),
            (1008, "insufficient credits", true, OutOfCredits, true),
            (1008, "stream ended: lease_expired", true, StreamEnded, true),
            (
                1001,
                "stream ended: insufficient_credits",
                true,
                OutOfCredits,
                true,
            ),
            (1001, "stream ended: lease_expired", true, StreamEnded, true),
            (
                1000,
                "stream ended: client_requested",
                true,
                StreamEnded,
                true,
            ),
            (1001, "going away", true, Network, false),
            (1000, "", true, Network, false),
            (1011, "key store is down", false, Network, false),
        ] {
            let error = error_from_close(code, reason, accepted);
            assert_eq!(error.kind, kind, "{error}");
            assert_eq!(is_final(&error), ends, "{error}");
            assert_eq!(error.status_code, Some(code));
            let words = reason.trim_start_matches("stream ended: ");
            assert!(
                error.message.contains(words) || kind == OutOfCredits,
                "{error}"
            );
        }
    }
}
