// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! GStreamer only says that it failed to connect. This finds out why, after the failure: it looks the host up and
//! connects to it.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::fault::{Fault, Reason};
use crate::config::CameraUrl;

/// How long a lookup and a connection may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A better fault, if this one does not say why there is no video.
pub async fn look_closer(fault: Fault, url: &CameraUrl) -> Fault {
    let unclear = matches!(fault.reason, Reason::Failed | Reason::NoAnswer);
    match url.host_and_port() {
        Some((host, port)) if unclear => diagnose(host, port).await.unwrap_or(fault),
        _ => fault,
    }
}

/// What is wrong with the way to this host. `None`: it accepts connections.
async fn diagnose(host: &str, port: u16) -> Option<Fault> {
    // Brackets are for URLs only.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = match timeout(TIMEOUT, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if found.is_empty() {
        return Some(Fault::new(
            Reason::UnknownHost,
            "the name of the host is unknown: correct the url, or the DNS settings of this machine",
        ));
    }
    match timeout(TIMEOUT, TcpStream::connect(&*found)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Some(Fault::new(
            Reason::Refused,
            format!(
                "the host refuses connections to port {port}: correct the port in the url, or switch this service of the camera on"
            ),
        )),
        Ok(Err(error)) => Some(unreachable(&error.to_string())),
        Err(_) => Some(unreachable("no reply")),
    }
}

fn unreachable(why: &str) -> Fault {
    Fault::new(
        Reason::Unreachable,
        format!("the host cannot be reached ({why}): check its address, its power and the network"),
    )
}
