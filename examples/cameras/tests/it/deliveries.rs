// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Events reach brokers and webhooks, are counted, and never block a camera.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overshoot_emulator::http_client;

use crate::support::brokers::Broker;
use crate::support::program::{WAIT, answers_of, command};
use crate::support::{Camera, LIVE, Program, Service, entry, file};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PASSWORD: &str = "correct-horse-9c1";
const TOKEN: &str = "battery-staple-7e2";

/// The events that one destination received.
type Received = mpsc::UnboundedReceiver<Value>;

async fn receive(received: &mut Received, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let next = timeout(WAIT, received.recv()).await;
        events.push(next.expect("events come").expect("the channel is open"));
    }
    events
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

async fn by_mqtt(port: u16) -> Received {
    let mut options = rumqttc::MqttOptions::new("tests", "127.0.0.1", port);
    options.set_credentials("cameras", PASSWORD);
    let (client, mut connection) = rumqttc::AsyncClient::new(options, 10);
    client
        .subscribe("site/gate/#", rumqttc::QoS::AtLeastOnce)
        .await
        .expect("subscribes");
    let (sender, received) = mpsc::unbounded_channel();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        // Dropping the client would end the subscription.
        let _client = client;
        let mut ready = Some(ready);
        loop {
            // The loop ends when the broker stops at the end of the test.
            let Ok(event) = connection.poll().await else {
                return;
            };
            match event {
                rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) => {
                    let _ = ready.take().expect("once").send(());
                }
                rumqttc::Event::Incoming(rumqttc::Packet::Publish(message)) => {
                    let event = parse(&message.payload);
                    let topic = match event["event"] == "status" {
                        true => "site/gate/status",
                        false => "site/gate",
                    };
                    assert_eq!(message.topic, topic);
                    if sender.send(event).is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    });
    is_ready.await.expect("subscribed");
    received
}

async fn by_nats(port: u16) -> Received {
    let client = async_nats::connect(format!("nats://127.0.0.1:{port}"))
        .await
        .expect("connects");
    let mut subscription = client
        .subscribe("overshoot.gate")
        .await
        .expect("subscribes");
    client.flush().await.expect("flushed");
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let _client = client;
        while let Some(message) = subscription.next().await {
            if sender.send(parse(&message.payload)).is_err() {
                return;
            }
        }
    });
    received
}

/// A server that fails the first two requests.
async fn by_webhook() -> (SocketAddr, Received) {
    type Shared = Arc<(Mutex<u32>, mpsc::UnboundedSender<Value>)>;
    async fn take(State(shared): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
        assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
        assert_eq!(headers["content-type"], "application/json");
        let mut requests = shared.0.lock().expect("no panic");
        *requests += 1;
        if *requests <= 2 {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        // The test may have ended.
        let _ = shared.1.send(parse(body.as_bytes()));
        StatusCode::NO_CONTENT
    }
    let (sender, received) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/hook", post(take))
        .with_state(Arc::new((Mutex::new(0), sender)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
    (address, received)
}

/// The samples of all metrics, by name and labels.
fn samples(text: &str) -> HashMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            (name, value.parse().expect("a number"))
        })
        .collect()
}

/// A runtime for the servers of the test.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn answers_reach_brokers_webhooks_and_metrics() {
    let service = Service::with(|config| {
        config.credits_cents = Some(1000.0);
        config.lease_ttl = Duration::from_secs(2);
    });
    runtime().block_on(check_all_destinations(&service));
}

async fn check_all_destinations(service: &Service) {
    let rtsp = Camera::serve(0, LIVE);
    let (mosquitto, nats) = (Broker::mosquitto("cameras", PASSWORD), Broker::nats());
    let mut mqtt = by_mqtt(mosquitto.port).await;
    let mut subject = by_nats(nats.port).await;
    let (address, mut hook) = by_webhook().await;
    let (_folder, file) = file(&format!(
        "metrics = \"127.0.0.1:0\"\n\
         [deliver.mqtt]\nurl = \"mqtt://cameras@127.0.0.1:{}\"\ntopic = \"site\"\npassword-env = \"MQTT_PASSWORD\"\n\
         [deliver.nats]\nurl = \"nats://127.0.0.1:{}\"\n\
         [deliver.webhook]\nurl = \"http://{address}/hook\"\ntoken-env = \"HOOK_TOKEN\"\n{}",
        mosquitto.port,
        nats.port,
        entry("gate", &rtsp.url)
    ));
    let program = Program::spawn(
        command(service)
            .env("MQTT_PASSWORD", PASSWORD)
            .env("HOOK_TOKEN", TOKEN)
            .arg("run")
            .arg(file),
    );
    for received in [&mut mqtt, &mut subject, &mut hook] {
        for event in receive(received, 6).await {
            assert_eq!(event["camera"], "gate");
            if event["event"] == "status" {
                assert_eq!(event["status"], "online");
                continue;
            }
            assert_eq!(event["event"], "answer");
            assert_eq!(event["ok"], true);
            assert!(
                event["result"]
                    .as_str()
                    .is_some_and(|text| text.contains("320x240")),
                "{event}"
            );
        }
    }

    let line = program.wait_for_log("metrics: ");
    let url = line.split("metrics: ").nth(1).expect("an address");
    let http = http_client().expect("TLS").build().expect("a client");
    let scrape = async || {
        http.get(url)
            .send()
            .await
            .expect("served")
            .text()
            .await
            .expect("text")
    };
    // The cost comes with the renewal of the lease.
    let text = timeout(WAIT, async {
        loop {
            let text = scrape().await;
            if samples(&text)["overshoot_cameras_cost_cents_total{camera=\"gate\"}"] > 0.0 {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the cost is reported");
    let all = samples(&text);
    let of = |metric: &str| all[format!("overshoot_cameras_{metric}{{camera=\"gate\"}}").as_str()];
    let count = answers_of(&program.events(), "gate").len() as f64;
    assert!(
        (count - of("answers_total")).abs() < 10.0 && count >= 5.0,
        "{text}"
    );
    assert_eq!(
        of("latency_seconds_count"),
        of("answers_total") + of("answers_failed_total")
    );
    assert!(of("frames_sent_total") > 5.0 && of("fps") > 5.0, "{text}");
    assert!(of("streamed_seconds_total") >= 1.0, "{text}");
    assert_eq!(
        all["overshoot_cameras_state{camera=\"gate\",state=\"streaming\"}"],
        1.0
    );
    assert_eq!(
        all["overshoot_cameras_state{camera=\"gate\",state=\"waiting\"}"],
        0.0
    );
    for to in ["stdout", "mqtt", "nats", "webhook"] {
        assert!(
            all[format!("overshoot_cameras_delivered_total{{to=\"{to}\"}}").as_str()] >= 4.0,
            "{text}"
        );
        assert_eq!(
            all[format!("overshoot_cameras_dropped_total{{to=\"{to}\"}}").as_str()],
            0.0
        );
    }
    assert!(text.ends_with("# EOF\n"));
    let health = http
        .get(url.replace("/metrics", "/healthz"))
        .send()
        .await
        .expect("served");
    assert!(health.status().is_success());

    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    service.assert_all_deleted();
    for secret in [PASSWORD, TOKEN, crate::support::KEY] {
        assert!(!finished.stderr.contains(secret) && !text.contains(secret));
        assert!(!format!("{:?}", finished.events).contains(secret));
    }
    // The last events arrived, too.
    let last = finished.events.last().expect("an event");
    for received in [&mut mqtt, &mut subject, &mut hook] {
        while receive(received, 1).await[0]["time"] != last["time"] {}
    }
}

#[test]
fn undeliverable_events_do_not_block_cameras() {
    let service = Service::start();
    let rtsp = Camera::serve(0, LIVE);
    // A port where nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let port = port.expect("a port").port();
    let (_folder, file) = file(&format!(
        "[deliver.mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n\
         [deliver.nats]\nurl = \"nats://127.0.0.1:{port}\"\n\
         [deliver.webhook]\nurl = \"http://127.0.0.1:{port}/5ecret\"\n{}",
        entry("gate", &rtsp.url)
    ));
    let program = Program::run(&service, &file);
    program.wait_for_log("mqtt: ");
    program.wait("answers", |events| answers_of(events, "gate").len() >= 20);
    program.wait_for_log("webhook: ");
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    assert!(finished.took < Duration::from_secs(15), "{finished:?}");
    assert!(!finished.stderr.contains("5ecret"), "{finished:?}");
    println!("{}", finished.stderr);
    service.assert_all_deleted();
}
