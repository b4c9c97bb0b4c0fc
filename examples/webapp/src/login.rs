// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The optional password of the server: guesses are throttled for each client, and browsers get a random token
//! for a cookie.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use subtle::{Choice, ConstantTimeEq};

/// Passwords are compared in this many bytes.
const MAX_PASSWORD_BYTES: usize = 256;
/// More wrong guesses make a client wait.
const FREE_GUESSES: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(60);
/// For how many clients wrong guesses are remembered. Above it, clients without an entry wait too.
const MAX_CLIENTS: usize = 4096;
/// After this time a client's wrong guesses are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// The newest logins of browsers. Older ones have to log in again.
const MAX_TOKENS: usize = 256;
const TOKEN_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// The password of the server.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    const MIN_CHARS: usize = 8;

    /// # Errors
    /// If it is too short or too long. The text completes a sentence.
    pub fn new(text: String) -> Result<Self, String> {
        if text.chars().count() < Self::MIN_CHARS {
            return Err(format!("has fewer than {} characters", Self::MIN_CHARS));
        }
        if text.len() > MAX_PASSWORD_BYTES {
            return Err(format!("is longer than {MAX_PASSWORD_BYTES} bytes"));
        }
        Ok(Self(text))
    }

    /// Takes the same time for every text.
    fn matches(&self, guess: &str) -> bool {
        let mut bytes = [[0; MAX_PASSWORD_BYTES]; 2];
        for (bytes, text) in bytes.iter_mut().zip([&self.0, guess]) {
            let length = text.len().min(MAX_PASSWORD_BYTES);
            bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        }
        let same_length: Choice = (self.0.len() as u64).ct_eq(&(guess.len() as u64));
        (bytes[0].ct_eq(&bytes[1]) & same_length).into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Why a password was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Wrong,
    /// Too many wrong guesses: try again after this time.
    Wait(Duration),
}

#[derive(Default)]
pub(crate) struct Login {
    guesses: Mutex<HashMap<IpAddr, Guesses>>,
    tokens: Mutex<VecDeque<(String, Instant)>>,
}

struct Guesses {
    wrong: u32,
    last: Instant,
}

impl Guesses {
    /// For how long the client has to wait.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let over = self.wrong.checked_sub(FREE_GUESSES)?;
        let pause = Duration::from_secs(1 << over.min(6)).min(MAX_WAIT);
        let left = pause.checked_sub(now.duration_since(self.last))?;
        (!left.is_zero()).then_some(left)
    }
}

impl Login {
    /// Checks a guess of this client.
    pub(crate) fn check(
        &self,
        password: &Password,
        guess: &str,
        client: IpAddr,
        now: Instant,
    ) -> Result<(), Refusal> {
        let client = network_of(client);
        let right = password.matches(guess);
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if guesses.len() >= MAX_CLIENTS {
            guesses.retain(|_, of| now.duration_since(of.last) < FORGET_AFTER);
        }
        let is_full = guesses.len() >= MAX_CLIENTS;
        match guesses.get_mut(&client) {
            Some(of) => {
                if let Some(wait) = of.wait(now) {
                    return Err(Refusal::Wait(wait));
                }
                if now.duration_since(of.last) > FORGET_AFTER {
                    of.wrong = 0;
                }
                (of.wrong, of.last) = (of.wrong + 1, now);
            }
            None if right => {}
            None if is_full => return Err(Refusal::Wait(MAX_WAIT)),
            None => {
                let first = Guesses {
                    wrong: 1,
                    last: now,
                };
                guesses.insert(client, first);
            }
        }
        if !right {
            return Err(Refusal::Wrong);
        }
        guesses.remove(&client);
        Ok(())
    }

    /// A new token for a cookie.
    pub(crate) fn issue(&self, now: Instant) -> String {
        let token = format!(
            "{:032x}{:032x}",
            rand::random::<u128>(),
            rand::random::<u128>()
        );
        let mut tokens = self.tokens();
        if tokens.len() == MAX_TOKENS {
            tokens.pop_front();
        }
        tokens.push_back((token.clone(), now));
        token
    }

    pub(crate) fn is_issued(&self, token: &str, now: Instant) -> bool {
        let mut tokens = self.tokens();
        tokens.retain(|(_, since)| now.duration_since(*since) < TOKEN_LIFETIME);
        let found = tokens.iter().fold(Choice::from(0), |found, (issued, _)| {
            found | issued.as_bytes().ct_eq(token.as_bytes())
        });
        found.into()
    }

    pub(crate) fn withdraw(&self, token: &str) {
        self.tokens().retain(|(issued, _)| issued != token);
    }

    fn tokens(&self) -> MutexGuard<'_, VecDeque<(String, Instant)>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client with IPv6 usually has a whole network of addresses.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn password() -> Password {
        Password::new("right password".to_owned()).expect("long enough")
    }

    #[test]
    fn only_the_whole_password_matches() {
        let password = password();
        assert!(password.matches("right password"));
        let long = "right password".to_owned() + &"\0".repeat(300);
        for wrong in ["", "right", "right password\0", "Right password", &long] {
            assert!(!password.matches(wrong), "{wrong}");
        }
        assert!(Password::new("short".to_owned()).is_err());
        assert!(Password::new("x".repeat(257)).is_err());
    }

    #[test]
    fn wrong_guesses_are_throttled_for_each_client() {
        let (login, password) = (Login::default(), password());
        let begin = Instant::now();
        let guess = |text, client, seconds| {
            login.check(
                &password,
                text,
                client,
                begin + Duration::from_secs(seconds),
            )
        };
        for _ in 0..FREE_GUESSES {
            assert_eq!(guess("wrong", CLIENT, 0), Err(Refusal::Wrong));
        }
        // The right password does not help before the time is over.
        let wait = Refusal::Wait(Duration::from_secs(1));
        assert_eq!(guess("right password", CLIENT, 0), Err(wait));
        assert_eq!(guess("right password", OTHER, 0), Ok(()));
        assert_eq!(guess("wrong", CLIENT, 1), Err(Refusal::Wrong));
        let wait = Refusal::Wait(Duration::from_secs(2));
        assert_eq!(guess("wrong", CLIENT, 1), Err(wait));
        assert_eq!(guess("right password", CLIENT, 3), Ok(()));
        assert_eq!(guess("wrong", CLIENT, 3), Err(Refusal::Wrong));
        assert_eq!(guess("wrong", CLIENT, 3), Err(Refusal::Wrong));
    }

    #[test]
    fn clients_with_ipv6_are_networks() {
        let (login, password) = (Login::default(), password());
        let now = Instant::now();
        for host in 0..FREE_GUESSES {
            let client = format!("2001:db8::{host}").parse().expect("an address");
            assert_eq!(
                login.check(&password, "wrong", client, now),
                Err(Refusal::Wrong)
            );
        }
        let client = "2001:db8::ffff".parse().expect("an address");
        let refused = login.check(&password, "wrong", client, now);
        assert!(matches!(refused, Err(Refusal::Wait(_))));
    }

    #[test]
    fn tokens_expire_and_are_withdrawn() {
        let (login, now) = (Login::default(), Instant::now());
        let (one, two) = (login.issue(now), login.issue(now));
        assert!(login.is_issued(&one, now) && login.is_issued(&two, now));
        assert!(!login.is_issued("", now));
        login.withdraw(&one);
        assert!(!login.is_issued(&one, now) && login.is_issued(&two, now));
        assert!(!login.is_issued(&two, now + TOKEN_LIFETIME));
        let first = login.issue(now);
        for _ in 0..MAX_TOKENS {
            login.issue(now);
        }
        assert!(!login.is_issued(&first, now));
    }
}
