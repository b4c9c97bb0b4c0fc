//! Where a stream's answers leave it: the authenticated sockets (rule 9).

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::mpsc;

use crate::faults::messages::SocketMessage;
use crate::lock::lock;

/// How many answers wait for the first socket; the oldest goes when it is full.
const HELD: usize = 64;
/// How many messages a slow socket may have waiting; what comes then is lost to that socket.
const QUEUED: usize = 2 * HELD;

/// What a socket task writes.
#[derive(Clone, Debug)]
pub(crate) enum Out {
    Answer { id: String, text: String },
    Injected(SocketMessage),
}

#[derive(Debug, Default)]
pub(crate) struct Outlet {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sockets: Vec<(u64, mpsc::Sender<Out>)>,
    /// Until the first socket comes.
    held: VecDeque<Out>,
    opened: u64,
}

impl Outlet {
    /// Adds a socket; the first one gets what was held.
    pub(crate) fn open(&self) -> (u64, mpsc::Receiver<Out>) {
        let mut inner = lock(&self.inner);
        let (sender, receiver) = mpsc::channel(QUEUED);
        for out in inner.held.drain(..) {
            // There is room: the queue is longer than what is held.
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

    /// Hands out an answer; says how many sockets take it.
    pub(crate) fn answer(&self, id: String, text: String) -> usize {
        let mut inner = lock(&self.inner);
        let out = Out::Answer { id, text };
        if inner.opened == 0 {
            if inner.held.len() == HELD {
                inner.held.pop_front();
            }
            inner.held.push_back(out);
            return 0;
        }
        inner.send(&out)
    }

    pub(crate) fn inject(&self, message: SocketMessage) -> bool {
        lock(&self.inner).send(&Out::Injected(message)) > 0
    }
}

impl Inner {
    fn send(&self, out: &Out) -> usize {
        self.sockets
            .iter()
            .filter(|(_, socket)| socket.try_send(out.clone()).is_ok())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outlet: &Outlet, id: usize) -> usize {
        outlet.answer(id.to_string(), String::new())
    }

    fn ids(receiver: &mut mpsc::Receiver<Out>) -> Vec<String> {
        std::iter::from_fn(|| receiver.try_recv().ok())
            .map(|out| match out {
                Out::Answer { id, .. } => id,
                Out::Injected(message) => format!("{message:?}"),
            })
            .collect()
    }

    #[test]
    fn answers_wait_for_the_first_socket_only() {
        let outlet = Outlet::default();
        for id in 0..HELD + 2 {
            assert_eq!(answer(&outlet, id), 0);
        }
        let (first, mut receiver) = outlet.open();
        assert_eq!(answer(&outlet, 900), 1);
        let got = ids(&mut receiver);
        assert_eq!(got.len(), HELD + 1);
        assert_eq!(got.first().map(String::as_str), Some("2"));
        outlet.close(first);
        assert_eq!(answer(&outlet, 901), 0);
        assert!(!outlet.inject(SocketMessage::Reset));
        let (_, mut second) = outlet.open();
        assert!(ids(&mut second).is_empty());
        assert!(outlet.inject(SocketMessage::Text("x".to_owned())));
        assert_eq!(ids(&mut second).len(), 1);
    }
}
