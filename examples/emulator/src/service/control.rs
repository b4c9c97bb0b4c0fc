// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The handle for tests: observe the emulator, wait for something, inject faults.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::{Duration, Instant};

use crate::faults::fault::{Call, Fault, FaultQueue, Times};
use crate::faults::injected::{FedFrame, SignalMessage, SocketMessage};
use crate::lock::lock;
use crate::records::snapshot::{self, EndReason, Question, Request, Snapshot, Stream};
use crate::service::live_stream::{LiveStream, StreamRoom};

/// A shared handle on an emulator, for any thread; usable before, while and after it runs.
#[derive(Clone, Debug, Default)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
    faults: Mutex<FaultQueue>,
    live: Mutex<HashMap<String, Weak<LiveStream>>>,
}

/// The snapshot is copied on write, and only while a caller holds one.
#[derive(Debug, Default)]
struct Log {
    snapshot: Arc<Snapshot>,
    version: u64,
    /// How many requests were dropped, so that the number of a request still finds it.
    requests_gone: usize,
}

/// The number of a request that is being served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestNumber(usize);

impl Control {
    /// All records so far.
    pub fn snapshot(&self) -> Snapshot {
        let snapshot = lock(&self.shared.log).snapshot.clone();
        Arc::unwrap_or_clone(snapshot)
    }

    /// Waits until `what` holds, and checks it after each change. Blocks the thread.
    ///
    /// If that takes longer than `timeout`, the error is the last snapshot.
    pub fn wait(
        &self,
        timeout: Duration,
        mut what: impl FnMut(&Snapshot) -> bool,
    ) -> Result<Snapshot, Snapshot> {
        let deadline = Instant::now() + timeout;
        loop {
            let (snapshot, version) = {
                let log = lock(&self.shared.log);
                (log.snapshot.clone(), log.version)
            };
            // Without the lock: the caller may use the control in `what`.
            if what(&snapshot) {
                return Ok(Arc::unwrap_or_clone(snapshot));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Arc::unwrap_or_clone(snapshot));
            }
            drop(snapshot);
            let log = lock(&self.shared.log);
            let _woken = self
                .shared
                .changed
                .wait_timeout_while(log, left, |log| log.version == version);
        }
    }

    /// Queues a fault for the next requests of this call.
    pub fn inject(&self, call: Call, fault: Fault, times: Times) {
        lock(&self.shared.faults).push(call, fault, times);
    }

    /// Drops the faults that are still queued.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Sends a message on every authenticated socket of a stream. False: there is none.
    pub fn send_on_socket(&self, stream_id: &str, message: SocketMessage) -> bool {
        self.live(stream_id)
            .is_some_and(|live| live.api.send_on_sockets(message))
    }

    /// Injects a message into the signalling of a stream's room. False: there is no such room.
    pub fn send_on_signal(&self, stream_id: &str, message: SignalMessage) -> bool {
        let live = self.live(stream_id);
        let room = live.as_ref().and_then(|live| live.room.get());
        matches!(room, Some(StreamRoom::Here(inject)) if inject(message))
    }

    /// Ends a stream from the server's side. False: it was not alive.
    pub fn end_stream(&self, stream_id: &str, reason: EndReason) -> bool {
        self.live(stream_id).is_some_and(|live| live.end(reason))
    }

    /// Silently drops the stream's UDP packets in both directions for a while. False: the stream is not
    /// known.
    pub fn cut_media(&self, stream_id: &str, for_: Duration) -> bool {
        self.live(stream_id).is_some_and(|live| {
            live.cut_media(for_);
            true
        })
    }

    /// Does not touch the stream's UDP socket for a while: nothing is read, no RTCP is sent, packets queue in
    /// the system's buffer and are lost when it is full. False: the stream is not known.
    pub fn stall_media(&self, stream_id: &str, for_: Duration) -> bool {
        self.live(stream_id).is_some_and(|live| {
            live.stall_media(for_);
            true
        })
    }

    /// Passes an encoded frame to a v1 stream as if it had arrived in its room, so that tests of the calls
    /// alone have pictures. False: the stream cannot take it now.
    #[doc(hidden)]
    pub fn feed(&self, stream_id: &str, frame: FedFrame) -> bool {
        self.live(stream_id)
            .is_some_and(|live| live.api.feed(frame))
    }

    fn live(&self, stream_id: &str) -> Option<Arc<LiveStream>> {
        lock(&self.shared.live).get(stream_id)?.upgrade()
    }

    pub(crate) fn register(&self, live: &Arc<LiveStream>, record: Stream) {
        {
            let mut all = lock(&self.shared.live);
            all.retain(|_, live| live.strong_count() > 0);
            all.insert(live.id.clone(), Arc::downgrade(live));
        }
        self.change(|log| {
            snapshot::push_bounded(
                &mut Arc::make_mut(&mut log.snapshot).streams,
                snapshot::STREAMS_KEPT,
                record,
            );
        });
    }

    pub(crate) fn take_fault(&self, call: Call) -> Option<Fault> {
        lock(&self.shared.faults).take(call)
    }

    pub(crate) fn request(&self, request: Request) -> RequestNumber {
        let mut number = 0;
        self.change(|log| {
            let requests = &mut Arc::make_mut(&mut log.snapshot).requests;
            let before = requests.len() + 1;
            snapshot::push_bounded(requests, snapshot::REQUESTS_KEPT, request);
            log.requests_gone += before - requests.len();
            number = log.requests_gone + requests.len() - 1;
        });
        RequestNumber(number)
    }

    pub(crate) fn responded(&self, number: RequestNumber, status: u16, stream_id: Option<String>) {
        self.change(|log| {
            let Some(at) = number.0.checked_sub(log.requests_gone) else {
                return;
            };
            if let Some(request) = Arc::make_mut(&mut log.snapshot).requests.get_mut(at) {
                request.status = status;
                if stream_id.is_some() {
                    request.stream_id = stream_id;
                }
            }
        });
    }

    pub(crate) fn stream(&self, id: &str, update: impl FnOnce(&mut Stream)) {
        self.change(|log| {
            let streams = &mut Arc::make_mut(&mut log.snapshot).streams;
            if let Some(stream) = streams.iter_mut().rev().find(|stream| stream.id == id) {
                update(stream);
            }
        });
    }

    pub(crate) fn question(&self, question: Question) {
        self.change(|log| {
            let snapshot = Arc::make_mut(&mut log.snapshot);
            snapshot.spent_microcents += question.cost_microcents;
            let questions = &mut snapshot.questions;
            snapshot::push_bounded(questions, snapshot::QUESTIONS_KEPT, question);
        });
    }

    fn change(&self, update: impl FnOnce(&mut Log)) {
        let mut log = lock(&self.shared.log);
        update(&mut log);
        log.version += 1;
        drop(log);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(call: Call) -> Request {
        Request {
            at: Instant::now(),
            call,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            cookie: None,
            region: None,
            body: None,
            status: 0,
            stream_id: None,
        }
    }

    #[test]
    fn waiting_wakes_on_a_change_and_ends_on_time() {
        let control = Control::default();
        let other = control.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            let number = other.request(request(Call::Health));
            other.responded(number, 200, None);
        });
        let log = control.wait(Duration::from_secs(5), |log| {
            log.calls(Call::Health).any(|request| request.status == 200)
        });
        assert!(log.is_ok());
        assert!(thread.join().is_ok());
        assert!(control.wait(Duration::ZERO, |_| false).is_err());
    }

    #[test]
    fn a_response_finds_its_request_after_old_ones_were_dropped() {
        let control = Control::default();
        let first = control.request(request(Call::Models));
        for _ in 0..snapshot::REQUESTS_KEPT - 1 {
            control.request(request(Call::Health));
        }
        let last = control.request(request(Call::Clip));
        control.responded(first, 500, None);
        control.responded(last, 201, None);
        let log = control.snapshot();
        assert!(log.requests.len() < snapshot::REQUESTS_KEPT);
        assert_eq!(log.calls(Call::Clip).map(|r| r.status).max(), Some(201));
        assert_eq!(log.calls(Call::Health).map(|r| r.status).max(), Some(0));
    }
}
