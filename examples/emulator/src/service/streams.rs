// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! All streams of the emulator, and the limit for each key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crate::service::live_stream::LiveStream;

/// How many ended streams are kept: their feedback is still accepted.
const MAX_ENDED_STREAMS: usize = 64;

/// The `retry-after` of a key that has too many streams, in seconds.
pub(crate) const SLOT_RETRY_SECONDS: u32 = 2;

/// The streams of one emulator, of both APIs.
pub(crate) struct Streams {
    max_per_key: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    by_id: HashMap<String, Arc<LiveStream>>,
    /// Ids, the oldest first.
    order: VecDeque<String>,
    /// How many streams each key is creating now.
    pending: HashMap<String, usize>,
}

/// Counts a stream while it is being created.
pub(crate) struct Slot {
    streams: Arc<Mutex<Inner>>,
    owner: String,
}

impl Streams {
    pub(crate) fn new(max_per_key: usize) -> Self {
        Streams {
            max_per_key,
            inner: Arc::default(),
        }
    }

    /// The stream with this id, alive or ended.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<LiveStream>> {
        lock(&self.inner).by_id.get(id).cloned()
    }

    /// Reserves one more stream for this key. `None`: it has as many as it may have.
    pub(crate) fn reserve(&self, owner: &str) -> Option<Slot> {
        let mut streams = lock(&self.inner);
        let alive = streams
            .by_id
            .values()
            .filter(|live| live.owner == owner && !live.end_token.is_cancelled())
            .count();
        let pending = streams.pending.entry(owner.to_owned()).or_default();
        if alive + *pending >= self.max_per_key {
            return None;
        }
        *pending += 1;
        Some(Slot {
            streams: self.inner.clone(),
            owner: owner.to_owned(),
        })
    }

    /// Adds the stream that a slot was reserved for.
    pub(crate) fn insert(&self, live: &Arc<LiveStream>, slot: Slot) {
        {
            let mut streams = lock(&self.inner);
            streams.by_id.insert(live.id.clone(), live.clone());
            streams.order.push_back(live.id.clone());
            let Inner { by_id, order, .. } = &mut *streams;
            let over = |id: &String| {
                by_id
                    .get(id)
                    .is_none_or(|live| live.end_token.is_cancelled())
            };
            let ended = order.iter().filter(|id| over(id)).count();
            if ended > MAX_ENDED_STREAMS
                && let Some(at) = order.iter().position(over)
                && let Some(id) = order.remove(at)
            {
                by_id.remove(&id);
            }
        }
        drop(slot);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = lock(&self.streams);
        if let Some(pending) = streams.pending.get_mut(&self.owner) {
            *pending = pending.saturating_sub(1);
            if *pending == 0 {
                streams.pending.remove(&self.owner);
            }
        }
    }
}
