// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The status of cameras by MQTT: it is kept by the broker, and right after a crash of either side.

use std::collections::HashMap;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use tokio::time::timeout;

use crate::support::brokers::Broker;
use crate::support::program::{WAIT, answers_of};
use crate::support::{Camera, LIVE, Program, Service, entry, file};

const PASSWORD: &str = "correct-horse-9c1";

/// What a new subscriber gets at once, and what comes later, by topic.
struct Subscriber {
    connection: rumqttc::EventLoop,
    _client: AsyncClient,
    newest: HashMap<String, (String, bool)>,
}

impl Subscriber {
    async fn of(port: u16) -> Self {
        let id = format!("tests-{:x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_credentials("cameras", PASSWORD);
        let (client, connection) = AsyncClient::new(options, 10);
        client
            .subscribe("#", QoS::AtLeastOnce)
            .await
            .expect("subscribes");
        Self {
            connection,
            _client: client,
            newest: HashMap::new(),
        }
    }

    /// Waits until the newest messages meet the condition.
    async fn wait(&mut self, why: &str, what: impl Fn(&HashMap<String, (String, bool)>) -> bool) {
        let found = timeout(WAIT, async {
            while !what(&self.newest) {
                // While the broker is away, each attempt fails.
                match self.connection.poll().await {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let text = String::from_utf8_lossy(&message.payload).into_owned();
                        let newest = (text, message.retain);
                        self.newest.insert(message.topic, newest);
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        assert!(found.await.is_ok(), "{why}: {:#?}", self.newest);
    }

    /// The retained message of a topic.
    fn retained(&self, topic: &str) -> &str {
        let (text, retained) = &self.newest[topic];
        assert!(retained, "{topic} is not retained: {text}");
        text
    }

    fn json(&self, topic: &str) -> Value {
        serde_json::from_str(self.retained(topic)).expect("JSON")
    }
}

/// The topic with the status of the program.
fn program_topic(newest: &HashMap<String, (String, bool)>) -> Option<&str> {
    let mut topics = newest.keys().map(String::as_str);
    topics.find(|topic| topic.starts_with("site/status/"))
}

#[test]
fn the_broker_keeps_the_status_and_publishes_the_last_will() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let service = Service::start();
    runtime.block_on(check(&service));
}

async fn check(service: &Service) {
    let rtsp = Camera::serve(0, LIVE);
    let mut broker = Broker::mosquitto("cameras", PASSWORD);
    let url = format!("mqtt://cameras:{PASSWORD}@127.0.0.1:{}", broker.port);
    let (_folder, list) = file(&format!(
        "[deliver.mqtt]\nurl = \"{url}\"\ntopic = \"site\"\nhome-assistant = true\n{}{}",
        entry("gate", &rtsp.url),
        entry("path", &rtsp.url.replace("camera", "other"))
    ));
    let program = Program::run(service, &list);
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    program.wait_for_log("path: no video");

    // A subscriber that comes later gets everything from the broker.
    const CONNECTION: &str = "homeassistant/binary_sensor/site_gate/connection/config";
    const ANSWER: &str = "homeassistant/sensor/site_gate/answer/config";
    let statuses = ["site/gate/status", "site/path/status"];
    let has = |newest: &HashMap<String, (String, bool)>, topics: &[&str]| {
        topics.iter().all(|topic| newest.contains_key(*topic))
    };
    let complete = |newest: &HashMap<String, (String, bool)>| {
        has(newest, &statuses)
            && has(newest, &[CONNECTION, ANSWER])
            && program_topic(newest).is_some()
    };
    let mut early = Subscriber::of(broker.port).await;
    early.wait("everything is published", complete).await;
    let mut late = Subscriber::of(broker.port).await;
    late.wait("what is retained", complete).await;
    assert_eq!(late.json("site/gate/status")["status"], "online");
    let status = late.json("site/path/status");
    assert_eq!(
        (&status["status"], &status["reason"]),
        (&"offline".into(), &"not-found".into())
    );
    let topic = program_topic(&late.newest).expect("published").to_owned();
    assert_eq!(late.retained(&topic), "online");
    let config = late.json(CONNECTION);
    assert_eq!(config["state_topic"], "site/gate/status");
    assert_eq!(config["availability"][0]["topic"], *topic);
    assert_eq!(config["device"]["name"], "gate");
    let config = late.json(ANSWER);
    assert_eq!(config["state_topic"], "site/gate");
    assert_eq!(config["availability"][1]["topic"], "site/gate/status");

    // A broker that has lost everything gets it again.
    broker.restart_mosquitto();
    program.wait_for_log("mqtt: connected again");
    let mut early = Subscriber::of(broker.port).await;
    early.wait("the same again", complete).await;
    let mut late = Subscriber::of(broker.port).await;
    late.wait("what is retained", complete).await;
    assert_eq!(late.json("site/gate/status")["status"], "online");
    late.wait("answers again", |newest| newest.contains_key("site/gate"))
        .await;

    // After a crash, the last will is there for everybody, also for later subscribers.
    program.signal("KILL");
    late.wait("the last will", |newest| newest[&topic].0 == "offline")
        .await;
    let mut later = Subscriber::of(broker.port).await;
    later
        .wait("the last will", |newest| newest.contains_key(&topic))
        .await;
    assert_eq!(later.retained(&topic), "offline");

    // The next start replaces it. At the end, cameras are offline, and nothing is left of the program.
    let program = Program::run(service, &list);
    later
        .wait("the program", |newest| newest[&topic].0 == "online")
        .await;
    program.wait("answers", |events| answers_of(events, "gate").len() >= 3);
    assert!(program.stop().status.success());
    later
        .wait("the end", |newest| newest[&topic].0.is_empty())
        .await;
    let status: Value = serde_json::from_str(&later.newest["site/gate/status"].0).expect("JSON");
    assert_eq!(status["reason"], "stopped", "{status}");
    let mut last = Subscriber::of(broker.port).await;
    last.wait("the retained statuses", |newest| has(newest, &statuses))
        .await;
    assert_eq!(last.json("site/gate/status")["reason"], "stopped");
    assert_eq!(program_topic(&last.newest), None);
}
