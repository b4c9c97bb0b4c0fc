// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The books of a run, shared by the element, its controller and its sessions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use tokio::sync::watch;

use super::books::Books;
pub use super::books::{CostKey, Sums};
use super::budget::{Budget, Field};
use super::pricing::Prices;
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::session::protocol::{LeaseRenewal, Usage};

/// The books of a run. They outlive its streams.
#[derive(Default)]
pub struct Account {
    books: Mutex<Books>,
    /// Something changed that may let a request go on, or end what costs.
    changed: watch::Sender<()>,
}

impl Account {
    fn change<T>(&self, change: impl FnOnce(&mut Books, Instant) -> T) -> T {
        let outcome = change(&mut self.books(), Instant::now());
        self.changed.send_replace(());
        outcome
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Receives every change.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub fn set_budget(&self, budget: Budget) {
        self.change(|books, now| books.set_budget(budget, now));
    }

    /// The limit that is used up: nothing that costs may begin.
    pub fn used_up(&self) -> Option<Field> {
        self.books().used_up()
    }

    /// The limit that is used up, the first time.
    pub fn take_news(&self) -> Option<Field> {
        self.books().take_news()
    }

    /// A warning, once, that a budget in cents cannot be held.
    pub fn take_warning(&self) -> Option<Error> {
        self.books().take_unknown().then(unknown_cost)
    }

    /// Looks at what has changed by time alone.
    pub fn check(&self) {
        let now = Instant::now();
        let mut books = self.books();
        let before = books.used_up();
        books.check(now);
        let has_changed = books.used_up() != before;
        drop(books);
        if has_changed {
            self.changed.send_replace(());
        }
    }

    /// When to [`check`](Account::check) next.
    pub fn next_check(&self) -> Option<Instant> {
        self.books().next_check(Instant::now())
    }

    pub fn sums(&self) -> Sums {
        self.books().sums(Instant::now())
    }

    pub fn prices_due(&self) -> Instant {
        self.books().prices_due(Instant::now())
    }

    pub fn set_prices(&self, prices: Option<Prices>) {
        self.change(|books, now| books.set_prices(prices, now));
    }

    /// An answer that the service pushed (API v0.2).
    pub fn add_answer(&self) {
        self.change(Books::add_answer);
    }

    /// A lease was renewed (API v0.2).
    pub fn add_charge(&self, renewed: &LeaseRenewal) {
        self.change(|books, now| books.add_charge(renewed, now));
    }

    /// Whether it is known if a request fits the budget: those under way may cost less than assumed.
    pub fn can_decide(&self, question: CostKey) -> bool {
        self.books().can_decide(question, Instant::now())
    }

    /// Begins a request; `None` if it does not fit the budget, or not yet.
    pub fn open(self: &Arc<Self>, question: CostKey) -> Option<Ticket> {
        let id = self.books().open(question, Instant::now())?;
        Some(Ticket {
            account: self.clone(),
            id,
            is_sent: AtomicBool::new(false),
        })
    }

    /// A stream exists from now on, until this is dropped.
    #[must_use]
    pub fn begin_stream(self: &Arc<Self>) -> StreamLife {
        let began = self.change(|books, now| {
            books.begin_stream(now);
            now
        });
        StreamLife {
            account: self.clone(),
            began,
        }
    }
}

/// The life of a stream.
pub struct StreamLife {
    account: Arc<Account>,
    began: Instant,
}

impl Drop for StreamLife {
    fn drop(&mut self) {
        let began = self.began;
        self.account
            .change(|books, now| books.end_stream(began, now));
    }
}

/// A request that the budget has room for, until this is dropped.
pub struct Ticket {
    account: Arc<Account>,
    id: u64,
    /// It is under way, so that it may cost something.
    is_sent: AtomicBool,
}

impl Ticket {
    /// The request is sent now, perhaps once more, to another model.
    pub fn send(&self) {
        self.is_sent.store(true, Relaxed);
    }

    /// A response came. `models`: the one that was asked, and the one that answered. Returns its cost, if that is
    /// known.
    pub fn take_usage(&self, models: [&str; 2], usage: Option<Usage>) -> Option<u64> {
        self.is_sent.store(false, Relaxed);
        self.account
            .change(|books, now| books.add_usage(self.id, models, usage, now))
    }

    /// The request failed.
    pub fn take_failure(&self, error: &Error) {
        // A response with an error status costs nothing.
        if error.status_code.is_some() || error.unreached {
            self.is_sent.store(false, Relaxed);
        } else {
            self.lose();
        }
    }

    /// The request ended with an answer.
    pub fn take_answer(&self) {
        self.account.change(Books::add_answer);
    }

    /// Nobody knows whether the request cost anything, if it was sent.
    fn lose(&self) {
        if self.is_sent.swap(false, Relaxed) {
            self.account
                .change(|books, now| books.add_lost(self.id, now));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.lose();
        self.account.change(|books, now| books.close(self.id, now));
    }
}

/// Why nothing is asked.
pub fn used_up(field: Option<Field>) -> Error {
    let name = field.map_or("cents", Field::name);
    Error::new(
        Kind::OutOfCredits,
        Stage::Ask,
        format!(
            "The budget is used up ({name}): raise {name} in the property budget, or unset budget."
        ),
    )
}

fn unknown_cost() -> Error {
    Error::new(
        Kind::InvalidSettings,
        Stage::Ask,
        "budget limits cents, but the service does not say what its answers cost, or not for every model: cents cannot be held for these. Set answers or seconds in budget as well.",
    )
}
