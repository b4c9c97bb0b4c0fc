// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Proxies that the environment names: everything goes through them, WebSockets too, and their refusals are told apart from
//! the service's.

use std::time::Duration;

use crate::common::http_proxy::HttpProxy;
use crate::common::launch::{Finished, Launch, command};
use crate::common::{KEY, Service};

const TIMEOUT: Duration = Duration::from_secs(20);
/// `user:hush`
const AUTHORIZATION: &str = "Basic dXNlcjpodXNo";
const LINE: &str = "exec gst-launch-1.0 -m videotestsrc is-live=true ! video/x-raw,width=320,height=240 \
    ! overshootsink prompt=What? timeout=5000000000";

/// A `gst-launch-1.0` with these variables and no other proxy.
fn launch(service: &Service, variables: &[(&str, &str)]) -> Launch {
    let mut command = command(service);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    Launch::spawn(command.arg("-c").arg(LINE).envs(variables.iter().copied()))
}

/// What the pipeline prints if it fails at the start.
fn failure(service: &Service, variables: &[(&str, &str)]) -> String {
    let Finished {
        stdout,
        stderr,
        status,
    } = launch(service, variables).finish(TIMEOUT);
    assert!(!status.success());
    let printed = stdout + &stderr;
    assert!(
        !printed.contains("hush") && !printed.contains(KEY),
        "{printed}"
    );
    printed
}

fn answers_come(service: &Service, variables: &[(&str, &str)]) {
    let launch = launch(service, variables);
    launch.wait_for_output("overshoot-result", TIMEOUT);
    let snapshot = service.control.snapshot();
    assert_eq!(snapshot.streams.len(), 1, "{}", launch.printed());
    launch.interrupt();
    launch.finish(TIMEOUT);
}

#[test]
fn everything_goes_through_the_proxy() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let proxy = HttpProxy::start(Some(AUTHORIZATION));
        let address = format!("http://user:hush@{}", proxy.address);
        answers_come(&service, &[("HTTP_PROXY", &address)]);
        let requests = proxy.requests();
        let count = |start: &str| {
            requests
                .iter()
                .filter(|line| line.starts_with(start))
                .count()
        };
        // The results socket, or the room.
        assert_eq!(count("CONNECT 127.0.0.1:"), 1, "{requests:#?}");
        let create = format!("POST {}/streams ", service.url);
        assert_eq!(count(&create), 1, "{requests:#?}");
        assert_eq!(count("DELETE "), 1, "{requests:#?}");
        service.assert_all_deleted();
    }
}

#[test]
fn socks_is_supported() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let proxy = HttpProxy::start(None);
        answers_come(
            &service,
            &[("ALL_PROXY", &format!("socks5://{}", proxy.address))],
        );
        let requests = proxy.requests();
        assert!(
            requests.len() >= 2,
            "the calls and the socket: {requests:?}"
        );
        assert!(requests.iter().all(|line| line == "SOCKS"), "{requests:?}");
    }
}

#[test]
fn no_proxy_is_a_list_with_a_wildcard() {
    let service = Service::start();
    // Nothing listens there.
    let dead = ("http_proxy", "http://127.0.0.1:1");
    answers_come(&service, &[dead, ("NO_PROXY", "other.example, *")]);
}

#[test]
fn the_refusals_of_a_proxy_name_its_variable() {
    let mut service = Service::start();
    let proxy = HttpProxy::start(Some(AUTHORIZATION));
    let plain = format!("http://{}", proxy.address);
    let wrong = format!("http://me:hush@{}", proxy.address);
    let dead = "http://127.0.0.1:1";
    let expect = |service: &Service, variable: &str, value: &str, words: &[&str]| {
        let printed = failure(service, &[(variable, value)]);
        for word in words {
            assert!(printed.contains(word), "{variable}: {word} in {printed}");
        }
    };
    let host = proxy.address.to_string();
    expect(
        &service,
        "HTTP_PROXY",
        &plain,
        &[
            &format!("{host} (HTTP_PROXY) wants a user name"),
            "(HTTP 407)",
        ],
    );
    expect(
        &service,
        "ALL_PROXY",
        &wrong,
        &["(ALL_PROXY) refused the user name", "(HTTP 407)"],
    );
    expect(&service, "http_proxy", dead, &["127.0.0.1:1 (http_proxy)"]);
    assert!(service.control.snapshot().requests.is_empty());
    // Over TLS the tunnel is refused.
    let real = service.url.clone();
    service.url = real.replace("http:", "https:");
    expect(
        &service,
        "HTTPS_PROXY",
        &plain,
        &["(HTTPS_PROXY) wants a user name", "(HTTP 407)"],
    );
    expect(
        &service,
        "HTTPS_PROXY",
        "socks6://127.0.0.1:1",
        &["HTTPS_PROXY is not the address of a proxy", "socks5h://"],
    );
}
