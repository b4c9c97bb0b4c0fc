//! Places at the service: five streams a key. Cameras queue for them, first come, first served; a key
//! that the service refused rests for a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::lock::lock;

/// What the service gives a key.
pub const STREAMS_PER_KEY: usize = 5;

#[derive(Debug)]
pub struct Places {
    inner: Mutex<Inner>,
    /// How many wait; changes whenever it is worth looking again.
    waiting: watch::Sender<usize>,
}

#[derive(Debug)]
struct Inner {
    keys: Vec<Key>,
    queue: VecDeque<u64>,
    /// How many places will be given back soon, as somebody waits.
    promised: usize,
    next_ticket: u64,
}

struct Key {
    secret: Arc<str>,
    taken: usize,
    rests_until: Option<Instant>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    key: usize,
    secret: Arc<str>,
    promised: AtomicBool,
}

impl Places {
    pub fn new(keys: impl IntoIterator<Item = String>) -> Arc<Self> {
        let keys = keys.into_iter().map(|secret| Key {
            secret: secret.into(),
            taken: 0,
            rests_until: None,
        });
        Arc::new(Self {
            inner: Mutex::new(Inner {
                keys: keys.collect(),
                queue: VecDeque::new(),
                promised: 0,
                next_ticket: 0,
            }),
            waiting: watch::Sender::new(0),
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        lock(&self.inner).keys.len() * STREAMS_PER_KEY
    }

    /// Waits for a place. Dropped half-way, it leaves the queue.
    pub async fn take(self: &Arc<Self>) -> Place {
        let ticket = Ticket::new(self);
        let mut changed = self.waiting.subscribe();
        loop {
            changed.mark_unchanged();
            let rest = match self.try_take(ticket.number) {
                Ok(place) => return place,
                Err(rest) => rest,
            };
            tokio::select! {
                // The sender is in `self`.
                _ = changed.changed() => {}
                () = until(rest) => {}
            }
        }
    }

    /// A place, or when the next key has rested.
    fn try_take(self: &Arc<Self>, ticket: u64) -> Result<Place, Option<Instant>> {
        let mut inner = lock(&self.inner);
        if inner.queue.front() != Some(&ticket) {
            return Err(None);
        }
        let now = Instant::now();
        let rests = |key: &Key| key.rests_until.filter(|until| *until > now);
        // The emptiest one: a key that fails then takes fewer cameras with it.
        let free = inner
            .keys
            .iter_mut()
            .enumerate()
            .filter(|(_, key)| key.taken < STREAMS_PER_KEY && rests(key).is_none())
            .min_by_key(|(_, key)| key.taken);
        let Some((index, key)) = free else {
            return Err(inner.keys.iter().filter_map(rests).min());
        };
        key.taken += 1;
        Ok(Place {
            places: self.clone(),
            key: index,
            secret: key.secret.clone(),
            promised: AtomicBool::new(false),
        })
    }
}

impl Place {
    pub fn key(&self) -> &str {
        &self.secret
    }

    /// Until somebody waits to whom no other place is promised; this one is, then.
    pub async fn wanted(&self) {
        let mut waiting = self.places.waiting.subscribe();
        let promised = |waiting: &usize| {
            let mut inner = lock(&self.places.inner);
            let wanted = *waiting > inner.promised;
            inner.promised += usize::from(wanted);
            wanted
        };
        // The sender is in `self`.
        let _ = waiting.wait_for(promised).await;
        self.promised.store(true, Ordering::Relaxed);
    }

    /// Gives it back; for that long nobody gets one of this key.
    pub fn rest(self, time: Duration) {
        let until = Instant::now() + time;
        lock(&self.places.inner).keys[self.key].rests_until = Some(until);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let promised = *self.promised.get_mut();
        let mut inner = lock(&self.places.inner);
        inner.keys[self.key].taken -= 1;
        inner.promised -= usize::from(promised);
        drop(inner);
        self.places.waiting.send_modify(|_| {});
    }
}

/// A turn in the queue.
struct Ticket<'a> {
    places: &'a Places,
    number: u64,
}

impl<'a> Ticket<'a> {
    fn new(places: &'a Places) -> Self {
        let number = {
            let mut inner = lock(&places.inner);
            let number = inner.next_ticket;
            inner.next_ticket += 1;
            inner.queue.push_back(number);
            number
        };
        places.waiting.send_modify(|waiting| *waiting += 1);
        Self { places, number }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        lock(&self.places.inner)
            .queue
            .retain(|number| *number != self.number);
        self.places.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Arc<Places> {
        Places::new((0..count).map(|n| format!("key {n}")))
    }

    async fn none(places: &Arc<Places>) -> bool {
        let tried = tokio::time::timeout(Duration::from_millis(50), places.take());
        tried.await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_has_five_places_and_two_have_ten() {
        for (count, most) in [(1, 5), (2, 10)] {
            let places = keys(count);
            let mut taken = Vec::new();
            for _ in 0..most {
                taken.push(places.take().await);
            }
            assert!(none(&places).await);
            let of_first = taken.iter().filter(|place| place.key() == "key 0").count();
            assert_eq!(of_first, 5);
            taken.pop();
            places.take().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_is_served_first() {
        let places = keys(1);
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            taken.push(places.take().await);
        }
        let (order, mut served) = tokio::sync::mpsc::channel(3);
        let mut waiting = Vec::new();
        for number in 0..3 {
            let (places, order) = (places.clone(), order.clone());
            waiting.push(tokio::spawn(async move {
                let place = places.take().await;
                order.send(number).await.expect("awaited");
                drop(place);
            }));
            tokio::task::yield_now().await;
        }
        // One that goes away leaves the queue.
        waiting.remove(0).abort();
        tokio::time::sleep(Duration::from_millis(1)).await;
        taken.pop();
        assert_eq!(served.recv().await, Some(1));
        assert_eq!(served.recv().await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_is_told_that_somebody_waits() {
        let places = keys(1);
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            taken.push(places.take().await);
        }
        let patience = Duration::from_millis(50);
        let wanted = tokio::time::timeout(patience, taken[4].wanted());
        assert!(wanted.await.is_err());
        let waiter = tokio::spawn({
            let places = places.clone();
            async move { places.take().await }
        });
        taken[4].wanted().await;
        // One waits, and one place is promised.
        let wanted = tokio::time::timeout(patience, taken[3].wanted());
        assert!(wanted.await.is_err());
        taken.pop();
        drop(waiter.await.expect("served"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_refused_rests() {
        let places = keys(2);
        let first = places.take().await;
        let refused = first.key().to_owned();
        first.rest(Duration::from_secs(60));
        let start = Instant::now();
        let mut taken = Vec::new();
        for _ in 0..STREAMS_PER_KEY {
            let place = places.take().await;
            assert_ne!(place.key(), refused);
            taken.push(place);
        }
        let after = places.take().await;
        assert_eq!(after.key(), refused);
        assert!(start.elapsed() >= Duration::from_secs(60));
    }
}
