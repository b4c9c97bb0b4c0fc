// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The public service, whose address need not be set: the element finds the API that is served there. Here its host leads
//! to an emulator with TLS, by a proxy. Video cannot flow, as it does not go through the proxy, and the element offers its
//! loopback addresses to local services only; so these tests end with the creation of the stream.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Api, Call, Config, Fault, Times};

use crate::common::http_proxy::HttpProxy;
use crate::common::launch::{Launch, command};
use crate::common::tls::{CERTIFICATES_VARIABLE, Tls, TlsFault, make_certificate};
use crate::common::{Pipeline, Service};

const HOST: &str = "api.overshoot.ai";
const OLD: &str = "https://api.overshoot.ai/v0.2";
const NEW: &str = "https://api.overshoot.ai/v1beta";
const TIMEOUT: Duration = Duration::from_secs(20);
const SOURCE: &str = "videotestsrc is-live=true ! video/x-raw,width=320,height=240";
/// Without this, the service's own TURN servers would be asked.
const TURN: &str = "turn-servers='<\"turn://u:p@127.0.0.1:9\">'";

struct PublicService {
    service: Service,
    proxy: HttpProxy,
    certificate: PathBuf,
    _tls: Tls,
}

impl PublicService {
    fn start(name: &str, change: impl FnOnce(&mut Config)) -> Self {
        let service = Service::with(change);
        let certificate = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        make_certificate(HOST, &certificate);
        let tls = Tls::in_front_of(&service.url, &certificate, TlsFault::NONE);
        let port = tls
            .url
            .split([':', '/'])
            .nth(4)
            .and_then(|port| port.parse().ok());
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("a port")));
        Self {
            service,
            proxy: HttpProxy::for_host(HOST, address),
            certificate,
            _tls: tls,
        }
    }

    /// The environment in which the public service is this one.
    fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        let proxy = format!("http://{}", self.proxy.address);
        command
            .env_remove("OVERSHOOT_API_URL")
            .env("HTTP_PROXY", &proxy)
            .env("HTTPS_PROXY", &proxy)
            .env("NO_PROXY", "127.0.0.1")
            .env(CERTIFICATES_VARIABLE, &self.certificate)
    }

    fn launch(&self, properties: &str) -> Launch {
        let line = format!(
            "exec gst-launch-1.0 -m {SOURCE} ! overshootsink prompt=What? timeout=5000000000 {TURN} {properties}"
        );
        Launch::spawn(self.lead(command(&self.service).arg("-c").arg(line)))
    }

    /// The paths of the creations so far.
    fn created_at(&self) -> Vec<String> {
        let seen = self.service.control.snapshot();
        seen.calls(Call::Create).map(|r| r.path.clone()).collect()
    }
}

/// Waits for a stream, ends the pipeline and returns what it printed.
fn created(launch: Launch) -> String {
    launch.wait_for_output("stream-id=(string)", TIMEOUT);
    launch.interrupt();
    let finished = launch.finish(TIMEOUT);
    assert!(finished.status.success(), "{finished:?}");
    finished.stdout + &finished.stderr
}

fn failed(launch: Launch) -> String {
    let finished = launch.finish(TIMEOUT);
    assert!(!finished.status.success(), "{finished:?}");
    finished.stdout + &finished.stderr
}

#[test]
fn an_address_that_is_not_served_any_more_leads_to_the_other() {
    for (status, fault) in [
        (404, None),
        (404, Some(Fault::page(404))),
        (405, Some(Fault::detail(405, "Method Not Allowed"))),
        (410, Some(Fault::empty(410))),
    ] {
        let public = PublicService::start("public-gone", |config| {
            config.only = fault.is_none().then_some(Api::V1);
        });
        if let Some(fault) = fault {
            let control = &public.service.control;
            control.inject(Call::Create, fault, Times::Once);
        }
        let printed = created(public.launch(""));
        let told = format!("{OLD} is not served any more (HTTP {status}): using {NEW} instead.");
        assert_eq!(printed.matches(&told).count(), 1, "{printed}");
        assert!(!printed.contains("WARNING"), "{printed}");
        assert_eq!(
            public.created_at().last().map(String::as_str),
            Some("/v1beta/streams")
        );
        public.service.assert_all_deleted();
    }
}

#[test]
fn the_address_that_worked_is_remembered() {
    const CHILD: &str = "OVERSHOOT_TEST_REMEMBERED";
    if std::env::var_os(CHILD).is_some() {
        for turn in 0..2 {
            let line = format!("{SOURCE} ! overshootsink name=o {}", TURN.replace('\'', ""));
            let pipeline = Pipeline::at("", &line);
            pipeline.play();
            pipeline.wait_for("a stream", TIMEOUT, |message| {
                let is_state = |s: &&gst::StructureRef| s.name() == "overshoot-state";
                message
                    .structure()
                    .filter(is_state)?
                    .get::<String>("stream-id")
                    .ok()
            });
            let stats = pipeline.sink.property::<gst::Structure>("stats");
            assert_eq!(stats.get::<&str>("api-url"), Ok(NEW));
            let infos = pipeline.messages();
            let infos = infos
                .iter()
                .filter(|(_, m)| m.type_() == gst::MessageType::Info);
            assert_eq!(infos.count(), usize::from(turn == 0));
            pipeline.stop();
        }
        return;
    }
    let public = PublicService::start("public-remembered", |config| config.only = Some(Api::V1));
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    let name = "public_service::the_address_that_worked_is_remembered";
    let status = public
        .lead(child.args(["--exact", name, "--nocapture"]).env(CHILD, "1"))
        .status();
    assert!(status.expect("it starts").success());
    // An address that is not served takes no request that counts.
    let connects = public.proxy.requests();
    assert_eq!(public.created_at(), ["/v1beta/streams"; 2], "{connects:?}");
    public.service.assert_all_deleted();
}

#[test]
fn a_property_of_one_api_chooses_its_address() {
    let public = PublicService::start("public-chosen", |_| {});
    for (properties, path) in [
        ("", "/v0.2/streams"),
        ("api-version=v1", "/v1beta/streams"),
        ("stream-partial=true", "/v1beta/streams"),
        ("delay-seconds=90", "/v1beta/streams"),
        ("backend=gemini", "/v0.2/streams"),
        ("transport=webrtc", "/v0.2/streams"),
    ] {
        let printed = created(public.launch(properties));
        assert!(!printed.contains("not served"), "{printed}");
        let created = public.created_at();
        assert_eq!(
            created.last().map(String::as_str),
            Some(path),
            "{properties}"
        );
    }
    assert_eq!(public.created_at().len(), 6);
    public.service.assert_all_deleted();
}

#[test]
fn an_address_that_was_set_is_never_left() {
    let public = PublicService::start("public-set", |config| config.only = Some(Api::V1));
    for properties in ["api-url=https://api.overshoot.ai/v0.2", "backend=gemini"] {
        let printed = failed(public.launch(properties));
        let told = "There is no API v0.2 at this address, or no longer (HTTP 404)";
        assert!(printed.contains(told), "{printed}");
        assert!(
            printed.contains(&format!("The public service is at {NEW}")),
            "{printed}"
        );
        assert_eq!(public.created_at(), [""; 0]);
    }
}
