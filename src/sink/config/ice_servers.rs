// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! STUN and TURN servers: those of the properties, the service's own, and those in its responses. Also the
//! local addresses to offer as candidates.

use std::net::IpAddr;

use gst_webrtc::WebRTCICETransportPolicy;
use url::Url;

use crate::session::error::Error;
use crate::session::protocol::TurnServer;

/// The ICE settings of a connection. (No `Debug`: TURN addresses contain passwords.)
#[derive(Clone)]
pub struct IceConfig {
    /// `stun://host:port`
    pub stun_server: Option<String>,
    /// `turn(s)://user:password@host:port?transport=…`
    pub turn_servers: Vec<String>,
    pub policy: WebRTCICETransportPolicy,
    /// Local addresses to offer. Empty: libnice chooses, which means all except loopback addresses.
    pub local_addresses: Vec<IpAddr>,
}

/// The service's own TURN servers, as they are built into its SDKs. (The SDKs also list
/// `turns:…?transport=udp`, TURN over DTLS, which libnice does not support.)
const SERVICE_TURN_SERVERS: [&str; 3] = [
    "turn://overshoot:overshoot@turn.overshoot.ai:3478?transport=udp",
    "turn://overshoot:overshoot@turn.overshoot.ai:3478?transport=tcp",
    "turns://overshoot:overshoot@turn.overshoot.ai:443?transport=tcp",
];

/// The TURN servers to use: those of the property `turn-servers`; if it is empty and the address is the
/// service's, the service's own.
///
/// # Errors
/// If a value of the property is not a TURN address.
pub fn turn_servers(set: &gst::Array, api_url: &Url) -> Result<Vec<String>, Error> {
    let servers: Vec<String> = set
        .iter()
        .map(|value| value.get::<String>().ok())
        .collect::<Option<_>>()
        .ok_or_else(|| Error::settings("turn-servers must contain only strings."))?;
    if servers.iter().any(|server| !is_turn(server)) {
        // The message does not repeat the value, because it may contain a password.
        return Err(Error::settings(
            "turn-servers contains a value that is not a TURN address: use addresses that look like turn://user:password@host:3478?transport=udp.",
        ));
    }
    if servers.is_empty() && is_service(api_url) {
        return Ok(SERVICE_TURN_SERVERS.map(str::to_owned).into());
    }
    Ok(servers)
}

/// The readable value of `turn-servers`. Dot files and debug logs contain every readable property, so
/// passwords are replaced.
pub fn without_passwords(servers: &gst::Array) -> gst::Array {
    let shown = servers.iter().filter_map(|value| {
        let server = value.get::<String>().ok()?;
        let url = Url::parse(&server).ok().filter(|_| is_turn(&server));
        let shown = url.and_then(|mut url| {
            if url.password().is_some() {
                url.set_password(Some("xxx")).ok()?;
            }
            Some(url.to_string())
        });
        // A value in any other form may contain a password too.
        Some(shown.unwrap_or_else(|| "xxx".to_owned()))
    });
    gst::Array::new(shown.collect::<Vec<_>>())
}

/// Whether the address has exactly the form of RFC 7065. GStreamer (tried with 1.22) crashes on a query
/// whose names it cannot decode.
fn is_turn(server: &str) -> bool {
    Url::parse(server).is_ok_and(|url| {
        matches!(url.scheme(), "turn" | "turns")
            && url.host_str().is_some_and(|host| !host.contains('%'))
            && matches!(url.query(), None | Some("transport=udp" | "transport=tcp"))
    })
}

fn is_service(api_url: &Url) -> bool {
    api_url
        .host_str()
        .is_some_and(|host| host == "overshoot.ai" || host.ends_with(".overshoot.ai"))
}

/// Whether the host of the address is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback()),
        None => false,
    }
}

/// The local addresses to offer if the service runs on this machine. Libnice omits loopback addresses, and
/// it binds each socket to its interface (`IP_UNICAST_IF`), so that the sockets of the other interfaces
/// cannot reach 127.0.0.1. For a service elsewhere the list is empty, and libnice chooses.
pub fn local_addresses(api_url: &Url) -> Vec<IpAddr> {
    if !is_loopback(api_url) {
        return Vec::new();
    }
    if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect()
}

/// The TURN servers of a response, in the form that webrtcbin takes. Servers that it cannot use are left
/// out: STUN servers, and TURN over DTLS.
pub fn from_response(servers: &[TurnServer]) -> Vec<String> {
    servers
        .iter()
        .flat_map(|server| {
            server
                .urls
                .as_slice()
                .iter()
                .filter_map(|url| webrtcbin_form(url, server))
        })
        .collect()
}

/// Inserts the credentials into an address of the form `turn:host:port?transport=udp` (RFC 7065).
fn webrtcbin_form(url: &str, server: &TurnServer) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    if !matches!(scheme, "turn" | "turns") || (scheme == "turns" && rest.contains("transport=udp"))
    {
        return None;
    }
    let mut address = Url::parse(&format!("{scheme}://{rest}")).ok()?;
    // The setters percent-encode special characters. They fail only if the address has no host.
    address
        .set_username(server.username.as_deref().unwrap_or_default())
        .ok()?;
    address.set_password(server.credential.as_deref()).ok()?;
    Some(String::from(address)).filter(|address| is_turn(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_services_own_servers_are_used_only_with_the_service() {
        gst::init().expect("GStreamer");
        let servers = |url: &str| {
            turn_servers(&gst::Array::default(), &Url::parse(url).expect("url")).expect("servers")
        };
        assert_eq!(servers("https://api.overshoot.ai/v0.2").len(), 3);
        assert!(servers("http://127.0.0.1:1/v0.2").is_empty());
        assert!(servers("https://notovershoot.ai/v0.2").is_empty());
        let own = gst::Array::new(["turn://u:p@example.org:3478"]);
        let url = Url::parse("https://api.overshoot.ai/v0.2").expect("url");
        assert_eq!(turn_servers(&own, &url).expect("own").len(), 1);
        for bad in [
            "",
            "turn:host",
            "stun://example.org",
            "host:3478",
            "turn://u:p@host?transp%ort=udp",
            "turn://u:p@ho%zzst",
        ] {
            let bad = gst::Array::new([bad]);
            assert!(turn_servers(&bad, &url).is_err());
        }
    }

    #[test]
    fn loopback_is_offered_only_to_a_service_on_this_machine() {
        let addresses = |url: &str| local_addresses(&Url::parse(url).expect("url"));
        for url in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            let loopback = addresses(url).iter().any(IpAddr::is_loopback);
            assert!(loopback, "{url}");
        }
        assert!(addresses("http://192.0.2.1:1").is_empty());
        assert!(addresses("https://api.overshoot.ai/v0.2").is_empty());
    }

    #[test]
    fn servers_of_a_response_are_converted_for_webrtcbin() {
        let servers: Vec<TurnServer> = serde_json::from_value(json!([
            {"urls": ["turn:a.example:3478?transport=udp", "turns:a.example:443?transport=udp", "stun:a.example"],
             "username": "1700:me", "credential": "p@ss/w"},
            {"urls": ["turns:b.example:443?transport=tcp", "turn:c.example?%00=1"]},
        ]))
        .expect("servers");
        assert_eq!(
            from_response(&servers),
            [
                "turn://1700%3Ame:p%40ss%2Fw@a.example:3478?transport=udp",
                "turns://b.example:443?transport=tcp",
            ]
        );
    }
}
