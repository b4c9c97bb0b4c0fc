// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Authentication of HTTP by digest (RFC 7616), which most cameras demand.

use std::collections::BTreeMap;

use gst::glib::{Checksum, ChecksumType};

/// What a name and a password are asked for with.
pub(super) struct Request<'a> {
    pub user: &'a str,
    pub password: &'a str,
    /// The path and the query.
    pub target: &'a str,
    /// Chosen by the client.
    pub nonce: &'a str,
}

/// The value of `Authorization` for a GET. `None`: the challenge is not one of digest, or of an unknown kind.
pub(super) fn authorize(challenge: &str, request: &Request<'_>) -> Option<String> {
    let fields = read(challenge)?;
    let field = |name: &str| fields.get(name).map(String::as_str);
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let algorithm = match field("algorithm").map(str::to_ascii_uppercase).as_deref() {
        None | Some("MD5") => ChecksumType::Md5,
        Some("SHA-256") => ChecksumType::Sha256,
        Some(_) => return None,
    };
    let hash = |text: String| {
        let mut checksum = Checksum::new(algorithm)?;
        checksum.update(text.as_bytes());
        checksum.string()
    };
    let Request {
        user,
        password,
        target,
        nonce: own_nonce,
    } = request;
    let secret = hash(format!("{user}:{realm}:{password}"))?;
    let asked = hash(format!("GET:{target}"))?;
    // Each challenge is answered once, so the count is always 1.
    let (proof, quality) = match field("qop") {
        None => (format!("{nonce}:{asked}"), String::new()),
        Some(offered) if offered.split(',').any(|one| one.trim() == "auth") => (
            format!("{nonce}:00000001:{own_nonce}:auth:{asked}"),
            format!(", qop=auth, nc=00000001, cnonce=\"{own_nonce}\""),
        ),
        Some(_) => return None,
    };
    let response = hash(format!("{secret}:{proof}"))?;
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{target}\", response=\"{response}\"{quality}",
        quote(user),
        quote(realm),
        quote(nonce)
    );
    if let Some(name) = field("algorithm") {
        value += &format!(", algorithm={name}");
    }
    if let Some(opaque) = field("opaque") {
        value += &format!(", opaque={}", quote(opaque));
    }
    Some(value)
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The fields of a challenge, by their names in lower case.
fn read(challenge: &str) -> Option<BTreeMap<String, String>> {
    let (scheme, mut rest) = challenge.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let mut fields = BTreeMap::new();
    while let Some((name, value)) = rest.split_once('=') {
        let name = name.trim_matches([',', ' ', '\t']).to_ascii_lowercase();
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, after) = value.split_once(',').unwrap_or((value, ""));
                (value.trim().to_owned(), after)
            }
        };
        fields.insert(name, value);
        rest = after;
    }
    Some(fields)
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            _ => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request<'_> = Request {
        user: "Mufasa",
        password: "Circle of Life",
        target: "/dir/index.html",
        nonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };
    const CHALLENGE: &str = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=NAME, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

    /// The example of RFC 7616, section 3.9.1.
    #[test]
    fn the_proof_is_the_one_of_the_standard() {
        for (name, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = format!("Digest {}", CHALLENGE.replace("NAME", name));
            let value = authorize(&challenge, &REQUEST).expect("it is supported");
            assert!(
                value.contains(&format!("response=\"{response}\"")),
                "{value}"
            );
            for part in [
                "username=\"Mufasa\"",
                "uri=\"/dir/index.html\"",
                "qop=auth, nc=00000001",
                "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
                &format!("algorithm={name}"),
            ] {
                assert!(value.contains(part), "{value}");
            }
        }
    }

    #[test]
    fn other_challenges_are_left_alone() {
        for challenge in [
            "Basic realm=\"a\"",
            "Digest",
            "Digest realm=\"a\"",
            "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-512-256",
            "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
        ] {
            assert_eq!(authorize(challenge, &REQUEST), None, "{challenge}");
        }
    }

    #[test]
    fn challenges_are_read_leniently() {
        let fields = read("digest REALM=\"a, \\\"b\\\"\",nonce = x ,, Stale=FALSE, opaque=\"")
            .expect("it is one");
        let wanted = [
            ("nonce", "x"),
            ("opaque", ""),
            ("realm", "a, \"b\""),
            ("stale", "FALSE"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields, BTreeMap::from(wanted));
        // The oldest form has no qop.
        let value = authorize("Digest realm=\"a\", nonce=\"b\"", &REQUEST).expect("supported");
        assert!(
            !value.contains("qop") && !value.contains("cnonce"),
            "{value}"
        );
    }
}
