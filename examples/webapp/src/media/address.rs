// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which hosts the server may connect to for a user. A user's URL must not reach what only the server can reach:
//! itself, its own network, and the metadata service of a cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use axum::http::StatusCode;
use url::{Host, Url};

use crate::config::SourceHosts;
use crate::error::AppError;

/// Public addresses by their numbers, but services of the cloud that the server runs in.
const CLOUD_ADDRESSES: [Ipv4Addr; 1] = [Ipv4Addr::new(168, 63, 129, 16)];

/// The address to connect to for this URL. Connect to it and not to the name, whose address may change. Blocks
/// while the name is resolved.
pub(crate) fn resolve(
    url: &Url,
    default_port: u16,
    hosts: &SourceHosts,
) -> Result<SocketAddr, AppError> {
    let host = url.host().ok_or_else(|| refuse("has no host"))?;
    let name = host.to_string();
    let is_listed = hosts.is_listed(&name);
    if !is_listed && !hosts.public {
        return Err(refuse(
            "is not in the list of hosts that this server may use",
        ));
    }
    let port = url.port().unwrap_or(default_port);
    let found: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![(address, port).into()],
        Host::Ipv6(address) => vec![(address, port).into()],
        Host::Domain(name) => (name, port)
            .to_socket_addrs()
            .map_err(|_| unknown_host(name))?
            .collect(),
    };
    let usable =
        |address: &&SocketAddr| is_listed || (is_public(address.ip()) && !is_own(**address));
    match found.iter().find(usable) {
        Some(address) => Ok(*address),
        None if found.is_empty() => Err(unknown_host(&name)),
        None => Err(refuse("is in this server's own network")),
    }
}

fn unknown_host(name: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown-source",
        format!("There is no host with the name {name}. Check the URL."),
    )
    .field("url")
}

fn refuse(why: &str) -> AppError {
    AppError::new(
        StatusCode::FORBIDDEN,
        "url-not-allowed",
        format!("The host of the URL {why}. The operator of this server can allow it in BACKEND_SOURCE_HOSTS."),
    )
    .field("url")
}

/// Whether this machine itself has the address. A socket that is connected to an own address has it at both ends.
fn is_own(address: SocketAddr) -> bool {
    let unspecified: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a UDP socket sends nothing.
    let local = UdpSocket::bind((unspecified, 0)).and_then(|socket| {
        socket.connect((address.ip(), 9))?;
        socket.local_addr()
    });
    local.is_ok_and(|local| local.ip() == address.ip())
}

/// Whether the address belongs to a host of the Internet, by the registries of IANA.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let special = match octets {
        // This network, shared (carrier NAT), protocol assignments, benchmarks, reserved.
        [0, ..] | [192, 0, 0, _] | [240..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [198, 18 | 19, ..] => true,
        // Relays of 6to4.
        [192, 88, 99, _] => true,
        _ => false,
    };
    !(special
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || CLOUD_ADDRESSES.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match segments {
        // Addresses that contain one of IPv4, which a gateway extracts.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let bits = u32::from(high) << 16 | u32::from(low);
            is_public_v4(bits.into())
        }
        // Protocol assignments (Teredo among them), documentation, 6to4.
        [0x2001, 0x0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, ..] => false,
        // All others are global unicast only here.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_internet_are_public() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "198.18.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "100::1",
            "fec0::1",
        ] {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "1.1.1.1",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn this_machine_has_its_addresses() {
        assert!(is_own("127.0.0.1:80".parse().expect("an address")));
        assert!(!is_own("192.0.2.1:80".parse().expect("an address")));
    }

    fn refused(url: &str, hosts: &[&str], public: bool) -> Option<String> {
        let listed = hosts.iter().map(|host| (*host).to_owned()).collect();
        let url = Url::parse(url).expect("a URL");
        let hosts = SourceHosts { listed, public };
        let error = resolve(&url, 554, &hosts).err()?;
        Some(error.message().to_owned())
    }

    #[test]
    fn the_own_network_is_refused_unless_it_is_listed() {
        for url in [
            "rtsp://127.0.0.1/a",
            "rtsp://localhost/a",
            "http://[::1]/a",
            "http://169.254.169.254/latest",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            let why = refused(url, &[], true).unwrap_or_default();
            assert!(why.contains("own network"), "{url}: {why}");
        }
        assert_eq!(
            refused("rtsp://127.0.0.1:99/a", &["127.0.0.1"], false),
            None
        );
        assert_eq!(refused("http://LOCALHOST/a", &["localhost"], true), None);
        // Another name of a listed address is not listed.
        assert!(refused("rtsp://localhost/a", &["127.0.0.1"], true).is_some());
        let why = refused("http://8.8.8.8/a", &["127.0.0.1"], false);
        assert!(why.is_some_and(|why| why.contains("not in the list")));
        assert_eq!(refused("http://8.8.8.8/a", &[], true), None);
    }
}
