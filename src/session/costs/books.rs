// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! All sums of a run, and when its budget is used up. Nothing here reads the clock: the caller passes the time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::budget::{Budget, Field, Limit, Unit};
use super::charges::StreamCharges;
use super::pricing::Prices;
use super::tally::{Span, StreamTime, Tally};
use crate::session::protocol::{LeaseRenewal, Usage};
use crate::session::retry::Backoff;

/// How old the price list may be.
const PRICES_LIFE: Duration = Duration::from_secs(3600);
/// Before the list is fetched again because a model is not in it.
const PRICES_PAUSES: Backoff = Backoff::new(Duration::from_secs(60), PRICES_LIFE);
/// Answers that wait for their price.
const MAX_UNPRICED: usize = 64;
/// Questions whose average cost is kept. Each question that an application adds is a new one.
const MAX_AVERAGES: usize = 64;
/// When a budget for an hour is looked at again.
const HOUR_STEP: Duration = Duration::from_secs(1);
/// A budget for an hour is in use again once this part of it is free: else it would end after every answer.
const FREE_PART: u64 = 10;

/// A question, as far as costs go: its index among those that are asked again and again, or `None` for the others.
pub type CostKey = Option<usize>;

/// The sums of a run. What is unknown is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    pub cost_microcents: Option<u64>,
    pub cost_last_hour_microcents: Option<u64>,
    pub answers: u64,
    /// For how long streams existed.
    pub seconds: f64,
}

/// An answer whose price is not known yet.
struct Unpriced {
    question: CostKey,
    models: [String; 2],
    usage: Usage,
}

/// The books of a run.
#[derive(Default)]
pub struct Books {
    budget: Budget,
    /// The limit that is used up. While there is one, nothing that costs is begun.
    used_up: Option<Field>,
    /// It was reported.
    is_reported: bool,
    cost: Tally,
    /// At least one cost is known.
    has_cost: bool,
    /// What requests may have cost of which that is not known. It counts for the budget only.
    estimated: Tally,
    answers: Tally,
    time: StreamTime,
    /// Of the streams that exist, the newest last (API v0.2).
    charges: Vec<StreamCharges>,
    /// The requests under way.
    open: BTreeMap<u64, CostKey>,
    last_ticket: u64,
    averages: BTreeMap<CostKey, u64>,
    /// Over all questions.
    average: Option<u64>,
    prices: Option<Prices>,
    /// When the price list was last asked for.
    prices_at: Option<Instant>,
    /// Fetches in a row that did not bring the price of a model that has answered.
    fruitless: u32,
    unpriced: VecDeque<Unpriced>,
    /// The cost of an answer or of a stream cannot be known.
    has_unknown_cost: bool,
    unknown_reported: bool,
}

impl Books {
    pub fn set_budget(&mut self, budget: Budget, now: Instant) {
        self.budget = budget;
        self.used_up = None;
        self.check(now);
    }

    pub fn used_up(&self) -> Option<Field> {
        self.used_up
    }

    /// The limit that is used up, once.
    pub fn take_news(&mut self) -> Option<Field> {
        let field = self.used_up?;
        (!std::mem::replace(&mut self.is_reported, true)).then_some(field)
    }

    /// Whether to warn that a budget in cents cannot be held: once.
    pub fn take_unknown(&mut self) -> bool {
        let is_wanted = self.has_unknown_cost && self.budget.has(Unit::Cents);
        is_wanted && !std::mem::replace(&mut self.unknown_reported, true)
    }

    /// Whether it is known if one more request fits the budget: those under way may cost less than assumed.
    pub fn can_decide(&mut self, question: CostKey, now: Instant) -> bool {
        let is_idle = self.used_up.is_some() || self.open.is_empty();
        is_idle || self.without_room(question, now).is_none()
    }

    /// Begins a request; `None` if it does not fit. If none is under way, the budget is used up then.
    pub fn open(&mut self, question: CostKey, now: Instant) -> Option<u64> {
        self.check(now);
        if self.used_up.is_some() {
            return None;
        }
        if let Some(field) = self.without_room(question, now) {
            if self.open.is_empty() {
                self.exhaust(field);
            }
            return None;
        }
        self.last_ticket += 1;
        self.open.insert(self.last_ticket, question);
        Some(self.last_ticket)
    }

    /// A request has ended.
    pub fn close(&mut self, ticket: u64, now: Instant) {
        self.open.remove(&ticket);
        self.check(now);
    }

    pub fn add_answer(&mut self, now: Instant) {
        self.answers.add(now, 1);
        self.check(now);
    }

    /// A response came. `models`: the one that was asked, and the one that answered. Returns its cost, if that is
    /// known.
    pub fn add_usage(
        &mut self,
        ticket: u64,
        models: [&str; 2],
        usage: Option<Usage>,
        now: Instant,
    ) -> Option<u64> {
        let question = self.open.get(&ticket).copied().flatten();
        let Some(usage) = usage else {
            self.has_unknown_cost = true;
            self.estimate(question, now);
            return None;
        };
        let cost = self.price(models, usage);
        match cost {
            Some(cost) => self.add_cost(question, cost, now),
            None => {
                // It is known that the list does not have it.
                self.has_unknown_cost |= self.prices_at.is_some();
                if self.unpriced.len() == MAX_UNPRICED
                    && let Some(oldest) = self.unpriced.pop_front()
                {
                    self.estimate(oldest.question, now);
                }
                self.unpriced.push_back(Unpriced {
                    question,
                    models: models.map(str::to_owned),
                    usage,
                });
            }
        }
        cost
    }

    /// Nobody knows whether this request cost anything.
    pub fn add_lost(&mut self, ticket: u64, now: Instant) {
        let question = self.open.get(&ticket).copied().flatten();
        self.estimate(question, now);
    }

    /// When the price list is fetched next.
    pub fn prices_due(&self, now: Instant) -> Instant {
        let Some(at) = self.prices_at else { return now };
        at + match self.unpriced.is_empty() {
            true => PRICES_LIFE,
            false => PRICES_PAUSES.pause(self.fruitless),
        }
    }

    /// The price list came; `None`: there is none.
    pub fn set_prices(&mut self, prices: Option<Prices>, now: Instant) {
        self.prices_at = Some(now);
        let was_wanted = !self.unpriced.is_empty();
        self.prices = prices.or(self.prices.take());
        for answer in std::mem::take(&mut self.unpriced) {
            let [asked, answered] = &answer.models;
            match self.price([asked, answered], answer.usage) {
                Some(cost) => self.add_cost(answer.question, cost, now),
                None => self.unpriced.push_back(answer),
            }
        }
        let is_wanted = !self.unpriced.is_empty();
        self.has_unknown_cost |= is_wanted;
        self.fruitless = match was_wanted && is_wanted {
            true => self.fruitless.saturating_add(1),
            false => 0,
        };
        self.check(now);
    }

    pub fn begin_stream(&mut self, now: Instant) {
        self.charges.push(StreamCharges::new(now));
        self.time.begin(now);
        self.check(now);
    }

    pub fn end_stream(&mut self, began: Instant, now: Instant) {
        self.time.end(began, now);
        let mut charges = self.charges.iter();
        if let Some(at) = charges.position(|charges| charges.began() == began) {
            let ended = self.charges.remove(at);
            self.estimated.add(now, ended.unreported(now));
        }
        self.check(now);
    }

    /// The lease of the newest stream was renewed (API v0.2).
    pub fn add_charge(&mut self, renewed: &LeaseRenewal, now: Instant) {
        let charges = self.charges.last_mut();
        match charges.and_then(|charges| charges.take(renewed, now)) {
            Some(cost) => {
                self.cost.add(now, cost);
                self.has_cost = true;
            }
            None => self.has_unknown_cost = true,
        }
        self.check(now);
    }

    pub fn sums(&mut self, now: Instant) -> Sums {
        let cost = |span, books: &mut Self| books.has_cost.then(|| books.cost.sum(span, now));
        Sums {
            cost_microcents: cost(Span::Run, self),
            cost_last_hour_microcents: cost(Span::Hour, self),
            answers: self.answers.sum(Span::Run, now),
            seconds: self.time.sum(Span::Run, now).as_secs_f64(),
        }
    }

    /// Whether a limit is used up, or no longer.
    pub fn check(&mut self, now: Instant) {
        if let Some(field) = self.used_up
            && field.span == Span::Hour
            && self.is_free_again(field, now)
        {
            self.used_up = None;
        }
        if self.used_up.is_some() {
            return;
        }
        let limits = self.budget.limits.clone();
        let used_up = limits.into_iter().find(|limit| {
            // The requests under way may cost less than assumed.
            let is_final = limit.field.unit == Unit::Seconds || self.open.is_empty();
            is_final && self.has_no_room(limit, self.step(limit.field.unit), now)
        });
        if let Some(limit) = used_up {
            self.exhaust(limit.field);
        }
    }

    /// When [`Books::check`] can have another outcome without an event.
    pub fn next_check(&mut self, now: Instant) -> Option<Instant> {
        if let Some(field) = self.used_up {
            return (field.span == Span::Hour).then(|| now + HOUR_STEP);
        }
        let running = self.time.running();
        let limits = self.budget.limits.clone();
        let waits = limits.into_iter().filter_map(|limit| {
            let left = limit.most.saturating_sub(self.used(limit.field, now)) as f64;
            let in_a_second = match limit.field.unit {
                Unit::Seconds => f64::from(running) * 1e6,
                Unit::Cents => self.charges.iter().filter_map(StreamCharges::rate).sum(),
                Unit::Answers => return None,
            };
            Duration::try_from_secs_f64(left / in_a_second).ok()
        });
        // Not again and again within a moment.
        let wait = waits.min()?.max(Duration::from_millis(1));
        now.checked_add(wait)
    }

    fn exhaust(&mut self, field: Field) {
        self.used_up = Some(field);
        self.is_reported = false;
    }

    /// How much of a limit is used, in its own unit.
    fn used(&mut self, field: Field, now: Instant) -> u64 {
        match field.unit {
            Unit::Answers => self.answers.sum(field.span, now),
            Unit::Seconds => {
                let time = self.time.sum(field.span, now).as_micros();
                u64::try_from(time).unwrap_or(u64::MAX)
            }
            Unit::Cents => {
                let unpriced = self.unpriced.iter();
                let unpriced = unpriced.filter_map(|answer| self.average_of(answer.question));
                let unpriced = unpriced.fold(0, u64::saturating_add);
                let unreported = self.charges.iter().map(|charges| charges.unreported(now));
                let unreported = unreported.fold(0, u64::saturating_add);
                let known = self.cost.sum(field.span, now);
                known
                    .saturating_add(self.estimated.sum(field.span, now))
                    .saturating_add(unpriced)
                    .saturating_add(unreported)
            }
        }
    }

    /// What one more answer takes of a limit.
    fn step(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Answers => 1,
            Unit::Cents => self.average.unwrap_or(0),
            Unit::Seconds => 0,
        }
    }

    fn has_no_room(&mut self, limit: &Limit, more: u64, now: Instant) -> bool {
        let used = self.used(limit.field, now);
        used >= limit.most || used.saturating_add(more) > limit.most
    }

    /// The limit that one more request, beside those under way, would go past.
    fn without_room(&mut self, question: CostKey, now: Instant) -> Option<Field> {
        let under_way = self.open.len() as u64;
        let limits = self.budget.limits.clone();
        let limit = limits.into_iter().find(|limit| {
            let more = match (limit.field.unit, self.average_of(question)) {
                (Unit::Answers, _) => under_way + 1,
                (Unit::Cents, Some(cost)) => {
                    let open = self.open.values();
                    let open = open.filter_map(|question| self.average_of(*question));
                    open.fold(cost, u64::saturating_add)
                }
                // One after the other, until the first one shows what an answer costs.
                (Unit::Cents, None) if under_way > 0 && !self.has_unknown_cost => return true,
                (Unit::Cents, None) | (Unit::Seconds, _) => 0,
            };
            self.has_no_room(limit, more, now)
        })?;
        Some(limit.field)
    }

    /// Whether enough of a limit for an hour is free again.
    fn is_free_again(&mut self, field: Field, now: Instant) -> bool {
        let mut limits = self.budget.limits.iter();
        let Some(limit) = limits.find(|limit| limit.field == field).copied() else {
            return true;
        };
        let more = self.step(field.unit).max(limit.most / FREE_PART);
        !self.has_no_room(&limit, more, now)
    }

    fn price(&self, [asked, answered]: [&str; 2], usage: Usage) -> Option<u64> {
        let price = self.prices.as_ref()?.of(&[asked, answered])?;
        Some(price.cost(usage))
    }

    fn add_cost(&mut self, question: CostKey, cost: u64, now: Instant) {
        self.cost.add(now, cost);
        self.has_cost = true;
        let newer = |average: u64| average - average / 4 + cost / 4;
        self.average = Some(self.average.map_or(cost, newer));
        if self.averages.len() >= MAX_AVERAGES && !self.averages.contains_key(&question) {
            // The average over all questions stays.
            self.averages.clear();
        }
        let of_question = self.averages.entry(question).or_insert(cost);
        *of_question = newer(*of_question);
    }

    fn average_of(&self, question: CostKey) -> Option<u64> {
        self.averages.get(&question).copied().or(self.average)
    }

    fn estimate(&mut self, question: CostKey, now: Instant) {
        let cost = self.average_of(question).unwrap_or(0);
        self.estimated.add(now, cost);
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
