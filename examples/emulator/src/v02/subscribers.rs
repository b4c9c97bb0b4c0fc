// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The authenticated sockets of a stream, which receive its answers.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::mpsc;

use crate::faults::injected::SocketMessage;
use crate::lock::lock;

/// How many answers wait for the first socket; then the oldest is dropped.
const MAX_HELD_ANSWERS: usize = 64;
/// How many messages wait for a slow socket; further messages are dropped for that socket.
const MAX_QUEUED_MESSAGES: usize = 2 * MAX_HELD_ANSWERS;

/// What a socket writes.
#[derive(Clone, Debug)]
pub(crate) enum SocketWrite {
    Answer { id: String, text: String },
    Injected(SocketMessage),
}

#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sockets: Vec<(u64, mpsc::Sender<SocketWrite>)>,
    /// The answers from before the first socket.
    held: VecDeque<SocketWrite>,
    opened: u64,
}

impl Subscribers {
    /// Adds a socket. The first one receives the held answers.
    pub(crate) fn open(&self) -> (u64, mpsc::Receiver<SocketWrite>) {
        let mut inner = lock(&self.inner);
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_MESSAGES);
        for out in inner.held.drain(..) {
            // The queue is longer than the number of held answers.
            let _ = sender.try_send(out);
        }
        inner.opened += 1;
        let number = inner.opened;
        inner.sockets.push((number, sender));
        (number, receiver)
    }

    pub(crate) fn close(&self, number: u64) {
        lock(&self.inner).sockets.retain(|(n, _)| *n != number);
    }

    /// Sends an answer to all sockets, and returns how many took it.
    pub(crate) fn answer(&self, id: String, text: String) -> usize {
        let mut inner = lock(&self.inner);
        let out = SocketWrite::Answer { id, text };
        if inner.opened == 0 {
            if inner.held.len() == MAX_HELD_ANSWERS {
                inner.held.pop_front();
            }
            inner.held.push_back(out);
            return 0;
        }
        inner.send(&out)
    }

    pub(crate) fn inject(&self, message: SocketMessage) -> bool {
        lock(&self.inner).send(&SocketWrite::Injected(message)) > 0
    }
}

impl Inner {
    fn send(&self, out: &SocketWrite) -> usize {
        self.sockets
            .iter()
            .filter(|(_, socket)| socket.try_send(out.clone()).is_ok())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(subscribers: &Subscribers, id: usize) -> usize {
        subscribers.answer(id.to_string(), String::new())
    }

    fn ids(receiver: &mut mpsc::Receiver<SocketWrite>) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|out| match out {
                SocketWrite::Answer { id, .. } => id,
                SocketWrite::Injected(message) => format!("{message:?}"),
            })
            .collect()
    }

    #[test]
    fn answers_are_held_for_the_first_socket_only() {
        let subscribers = Subscribers::default();
        for id in 0..MAX_HELD_ANSWERS + 2 {
            assert_eq!(answer(&subscribers, id), 0);
        }
        let (first, mut receiver) = subscribers.open();
        assert_eq!(answer(&subscribers, 900), 1);
        let got = ids(&mut receiver);
        assert_eq!(got.len(), MAX_HELD_ANSWERS + 1);
        assert_eq!(got.first().map(String::as_str), Some("2"));
        subscribers.close(first);
        assert_eq!(answer(&subscribers, 901), 0);
        assert!(!subscribers.inject(SocketMessage::Reset));
        let (_, mut second) = subscribers.open();
        assert!(ids(&mut second).is_empty());
        assert!(subscribers.inject(SocketMessage::Text("x".to_owned())));
        assert_eq!(ids(&mut second).len(), 1);
    }
}
