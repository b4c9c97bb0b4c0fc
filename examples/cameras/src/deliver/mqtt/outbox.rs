// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Messages on their way to the broker: those that wait, and those that it has not acknowledged. After a lost
//! connection, the latter are sent again.

use std::collections::VecDeque;
use std::sync::Arc;

use rumqttc::{AsyncClient, QoS};

/// Limit for messages without an acknowledgement.
pub const MAX_UNACKNOWLEDGED: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Arc<str>,
    /// The broker keeps it for later subscribers.
    pub retain: bool,
    /// Whether it is an event, which is counted.
    pub is_event: bool,
}

#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Message>,
    unacknowledged: VecDeque<Message>,
}

impl Outbox {
    pub fn push(&mut self, message: Message) {
        self.waiting.push_back(message);
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.unacknowledged.is_empty()
    }

    /// Whether another event may be added. The others wait in the channel.
    pub fn has_room(&self) -> bool {
        self.waiting.is_empty() && self.unacknowledged.len() < MAX_UNACKNOWLEDGED
    }

    /// Gives the client as many messages as may be on their way.
    pub fn send(&mut self, client: &AsyncClient) {
        while self.unacknowledged.len() < MAX_UNACKNOWLEDGED {
            let Some(message) = self.waiting.pop_front() else {
                return;
            };
            let (topic, payload) = (message.topic.clone(), message.payload.as_bytes());
            let sent = client.try_publish(topic, QoS::AtLeastOnce, message.retain, payload);
            match sent {
                Ok(()) => self.unacknowledged.push_back(message),
                // The client's channel is full. It holds as many as may be unacknowledged.
                Err(_) => return self.waiting.push_front(message),
            }
        }
    }

    /// The broker has taken the oldest message. Brokers acknowledge in order.
    pub fn acknowledge(&mut self) -> Option<Message> {
        self.unacknowledged.pop_front()
    }

    /// To call at a new connection: the client has forgotten what it had not delivered.
    pub fn requeue(&mut self) {
        while let Some(message) = self.unacknowledged.pop_back() {
            self.waiting.push_front(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize) -> Message {
        Message {
            topic: "overshoot/gate".to_owned(),
            payload: number.to_string().into(),
            retain: false,
            is_event: true,
        }
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_in_order() {
        let options = rumqttc::MqttOptions::new("test", "127.0.0.1", 1);
        let (client, _connection) = AsyncClient::new(options.clone(), MAX_UNACKNOWLEDGED);
        let mut outbox = Outbox::default();
        for number in 0..MAX_UNACKNOWLEDGED + 3 {
            outbox.push(message(number));
        }
        outbox.send(&client);
        assert_eq!(outbox.acknowledge(), Some(message(0)));
        assert!(!outbox.has_room());
        outbox.requeue();
        let (client, _connection) = AsyncClient::new(options, MAX_UNACKNOWLEDGED);
        for expected in 1..MAX_UNACKNOWLEDGED + 3 {
            outbox.send(&client);
            assert_eq!(outbox.acknowledge(), Some(message(expected)));
            if expected == 2 {
                // It was the last that the client had room for.
                break;
            }
        }
    }
}
