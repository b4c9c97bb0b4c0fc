// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Stream slots: the service allows five streams per API key. Cameras queue for slots, first come, first
//! served. A key that the service refused is blocked for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::ApiKey;
use crate::lock::lock;

/// How many streams the service allows per API key.
pub const STREAMS_PER_KEY: usize = 5;

#[derive(Debug)]
pub struct StreamSlots {
    state: Mutex<SlotState>,
    /// How many cameras wait. A change notifies them: a slot may be free now.
    waiting: watch::Sender<usize>,
}

#[derive(Debug)]
struct SlotState {
    keys: Vec<Key>,
    queue: VecDeque<u64>,
    /// How many slots their holders will soon give back to waiting cameras.
    promised: usize,
    next_ticket: u64,
}

struct Key {
    api_key: Arc<ApiKey>,
    taken: usize,
    blocked_until: Option<Instant>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// A slot. Dropping it gives it back.
#[derive(Debug)]
pub struct StreamSlot {
    slots: Arc<StreamSlots>,
    key: usize,
    api_key: Arc<ApiKey>,
    promised: AtomicBool,
}

impl StreamSlots {
    pub fn new(keys: impl IntoIterator<Item = ApiKey>) -> Arc<Self> {
        let keys = keys.into_iter().map(|api_key| Key {
            api_key: api_key.into(),
            taken: 0,
            blocked_until: None,
        });
        Arc::new(Self {
            state: Mutex::new(SlotState {
                keys: keys.collect(),
                queue: VecDeque::new(),
                promised: 0,
                next_ticket: 0,
            }),
            waiting: watch::Sender::new(0),
        })
    }

    /// The number of slots, free or taken.
    pub fn count(&self) -> usize {
        lock(&self.state).keys.len() * STREAMS_PER_KEY
    }

    /// Waits for a slot. A dropped future leaves the queue.
    pub async fn take(self: &Arc<Self>) -> StreamSlot {
        let ticket = Ticket::new(self);
        let mut changed = self.waiting.subscribe();
        loop {
            changed.mark_unchanged();
            let unblocked = match self.try_take(ticket.number) {
                Ok(slot) => return slot,
                Err(unblocked) => unblocked,
            };
            tokio::select! {
                // It cannot fail: the sender is in `self`.
                _ = changed.changed() => {}
                () = sleep_until_some(unblocked) => {}
            }
        }
    }

    /// A slot, or else the time at which the next key is unblocked.
    fn try_take(self: &Arc<Self>, ticket: u64) -> Result<StreamSlot, Option<Instant>> {
        let mut state = lock(&self.state);
        if state.queue.front() != Some(&ticket) {
            return Err(None);
        }
        let now = Instant::now();
        let still_blocked = |key: &Key| key.blocked_until.filter(|until| *until > now);
        // The least used key: if a key fails, fewer cameras are affected.
        let free = state
            .keys
            .iter_mut()
            .enumerate()
            .filter(|(_, key)| key.taken < STREAMS_PER_KEY && still_blocked(key).is_none())
            .min_by_key(|(_, key)| key.taken);
        let Some((index, key)) = free else {
            return Err(state.keys.iter().filter_map(still_blocked).min());
        };
        key.taken += 1;
        Ok(StreamSlot {
            slots: self.clone(),
            key: index,
            api_key: key.api_key.clone(),
            promised: AtomicBool::new(false),
        })
    }
}

impl StreamSlot {
    pub fn key(&self) -> &str {
        &self.api_key.secret
    }

    /// The environment variable that holds the key.
    pub fn key_variable(&self) -> &str {
        &self.api_key.variable
    }

    /// Waits until a camera needs this slot: one waits and no other holder has promised its slot.
    /// From then on this slot is promised.
    pub async fn until_needed(&self) {
        let mut waiting = self.slots.waiting.subscribe();
        let try_promise = |waiting: &usize| {
            let mut state = lock(&self.slots.state);
            let needed = *waiting > state.promised;
            state.promised += usize::from(needed);
            needed
        };
        // It cannot fail: the sender is in `self`.
        let _ = waiting.wait_for(try_promise).await;
        self.promised.store(true, Ordering::Relaxed);
    }

    /// Gives the slot back, and blocks its key for this long.
    pub fn block_key(self, time: Duration) {
        let until = Instant::now() + time;
        lock(&self.slots.state).keys[self.key].blocked_until = Some(until);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let promised = *self.promised.get_mut();
        let mut state = lock(&self.slots.state);
        state.keys[self.key].taken -= 1;
        state.promised -= usize::from(promised);
        drop(state);
        self.slots.waiting.send_modify(|_| {});
    }
}

/// A position in the queue.
struct Ticket<'a> {
    slots: &'a StreamSlots,
    number: u64,
}

impl<'a> Ticket<'a> {
    fn new(slots: &'a StreamSlots) -> Self {
        let number = {
            let mut state = lock(&slots.state);
            let number = state.next_ticket;
            state.next_ticket += 1;
            state.queue.push_back(number);
            number
        };
        slots.waiting.send_modify(|waiting| *waiting += 1);
        Self { slots, number }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        lock(&self.slots.state)
            .queue
            .retain(|number| *number != self.number);
        self.slots.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

async fn sleep_until_some(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots_of_keys(count: usize) -> Arc<StreamSlots> {
        StreamSlots::new((0..count).map(|n| ApiKey {
            variable: format!("KEY_{n}"),
            secret: format!("key {n}"),
        }))
    }

    async fn is_full(slots: &Arc<StreamSlots>) -> bool {
        let tried = tokio::time::timeout(Duration::from_millis(50), slots.take());
        tried.await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_has_five_places_and_two_have_ten() {
        for (count, most) in [(1, 5), (2, 10)] {
            let slots = slots_of_keys(count);
            let mut taken = Vec::new();
            for _ in 0..most {
                taken.push(slots.take().await);
            }
            assert!(is_full(&slots).await);
            let of_first = taken.iter().filter(|slot| slot.key() == "key 0").count();
            assert_eq!(of_first, 5);
            taken.pop();
            slots.take().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_given_in_the_order_of_the_queue() {
        let slots = slots_of_keys(1);
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            taken.push(slots.take().await);
        }
        let (order, mut served) = tokio::sync::mpsc::channel(3);
        let mut waiting = Vec::new();
        for number in 0..3 {
            let (slots, order) = (slots.clone(), order.clone());
            waiting.push(tokio::spawn(async move {
                let slot = slots.take().await;
                order.send(number).await.expect("awaited");
                drop(slot);
            }));
            tokio::task::yield_now().await;
        }
        // A camera that stops waiting leaves the queue.
        waiting.remove(0).abort();
        tokio::time::sleep(Duration::from_millis(1)).await;
        taken.pop();
        assert_eq!(served.recv().await, Some(1));
        assert_eq!(served.recv().await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_learns_that_a_camera_waits() {
        let slots = slots_of_keys(1);
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            taken.push(slots.take().await);
        }
        let patience = Duration::from_millis(50);
        let wanted = tokio::time::timeout(patience, taken[4].until_needed());
        assert!(wanted.await.is_err());
        let waiter = tokio::spawn({
            let slots = slots.clone();
            async move { slots.take().await }
        });
        taken[4].until_needed().await;
        // One camera waits, and one slot is promised.
        let wanted = tokio::time::timeout(patience, taken[3].until_needed());
        assert!(wanted.await.is_err());
        taken.pop();
        drop(waiter.await.expect("served"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_key_is_not_used() {
        let slots = slots_of_keys(2);
        let first = slots.take().await;
        let refused = first.key().to_owned();
        first.block_key(Duration::from_secs(60));
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            let slot = slots.take().await;
            assert_ne!(slot.key(), refused);
            taken.push(slot);
        }
        let after = slots.take().await;
        assert_eq!(after.key(), refused);
        assert!(start.elapsed() >= Duration::from_secs(60));
    }
}
