// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use serde_json::json;

use super::*;
use crate::session::costs::budget::Limit;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;
const MODELS: [&str; 2] = ["a/b", "a/b-1"];
/// The cost of [`usage`], in microcents.
const COST: u64 = 1000;

fn budget(limits: &[(&str, f64)]) -> Budget {
    let limits = limits.iter().map(|(name, amount)| {
        let field = Field::ALL.into_iter().find(|field| field.name() == *name);
        Limit::new(field.expect(name), *amount).expect(name)
    });
    Budget {
        limits: limits.collect(),
    }
}

fn books(limits: &[(&str, f64)], now: Instant) -> Books {
    let mut books = Books::default();
    books.set_budget(budget(limits), now);
    books
}

fn prices() -> Option<Prices> {
    Prices::read(&json!([
        {"model": "a/b", "input_microcents_per_token": 10, "output_microcents_per_token": 100}
    ]))
}

fn usage() -> Option<Usage> {
    Some(Usage {
        prompt_tokens: 50,
        completion_tokens: 5,
        ..Usage::default()
    })
}

/// Asks until the budget is used up, with this many requests at a time. Returns how many were answered.
fn ask_until_used_up(books: &mut Books, parallel: usize, now: Instant) -> u32 {
    let mut open = Vec::new();
    for answers in 0..10_000 {
        while open.len() < parallel
            && let Some(ticket) = books.open(Some(open.len()), now)
        {
            open.push(ticket);
        }
        let Some(ticket) = open.pop() else {
            return answers;
        };
        books.add_usage(ticket, MODELS, usage(), now);
        books.add_answer(now);
        books.close(ticket, now);
    }
    panic!("there is no end");
}

#[test]
fn cents_are_held_with_many_requests_at_a_time() {
    let now = Instant::now();
    for parallel in [1, 2, 7, 32] {
        // 100.5 answers.
        let mut books = books(&[("cents", 0.1005)], now);
        books.set_prices(prices(), now);
        assert_eq!(ask_until_used_up(&mut books, parallel, now), 100);
        assert_eq!(books.sums(now).cost_microcents, Some(100 * COST));
        let used_up = books.take_news().expect("it is used up");
        assert_eq!(used_up.name(), "cents");
        assert_eq!(books.take_news(), None, "only one report");
        // Raised, it goes on.
        books.set_budget(budget(&[("cents", 0.15)]), now);
        assert_eq!(books.used_up(), None);
        assert_eq!(ask_until_used_up(&mut books, parallel, now), 50);
        assert!(books.take_news().is_some());
        books.set_budget(Budget::default(), now);
        assert!(books.open(None, now).is_some());
        // Lowered, it ends once nothing is under way.
        books.set_budget(budget(&[("cents", 0.01)]), now);
        assert_eq!((books.open(None, now), books.used_up()), (None, None));
    }
}

#[test]
fn answers_are_exact() {
    let now = Instant::now();
    for parallel in [1, 5] {
        let mut books = books(&[("answers", 12.0)], now);
        assert_eq!(ask_until_used_up(&mut books, parallel, now), 12);
        assert_eq!(books.used_up().map(Field::name), Some("answers"));
        let sums = books.sums(now);
        assert_eq!((sums.answers, sums.cost_microcents), (12, None));
    }
    // A request that brings no answer does not count.
    let mut books = books(&[("answers", 1.0)], now);
    let first = books.open(None, now).expect("room");
    assert_eq!(books.open(None, now), None);
    assert_eq!(books.used_up(), None, "the first one may fail");
    books.close(first, now);
    assert!(books.open(None, now).is_some());
}

#[test]
fn until_a_cost_is_known_there_is_one_request_at_a_time() {
    let now = Instant::now();
    let mut books = books(&[("cents", 5.0)], now);
    books.set_prices(prices(), now);
    let first = books.open(Some(0), now).expect("room");
    assert!(!books.can_decide(Some(1), now));
    assert_eq!(books.open(Some(1), now), None);
    assert_eq!(books.add_usage(first, MODELS, usage(), now), Some(COST));
    books.close(first, now);
    assert!(books.open(Some(0), now).is_some() && books.open(Some(1), now).is_some());
}

#[test]
fn without_prices_cents_are_not_held_and_that_is_reported_once() {
    let now = Instant::now();
    let mut books = books(&[("cents", 0.001), ("answers", 20.0)], now);
    books.set_prices(None, now);
    assert!(!books.take_unknown());
    assert_eq!(ask_until_used_up(&mut books, 3, now), 20);
    assert_eq!(books.used_up().map(Field::name), Some("answers"));
    assert!(books.take_unknown() && !books.take_unknown());
    assert_eq!(books.sums(now).cost_microcents, None);
    // The list has them later: the costs are counted then.
    books.set_prices(prices(), now);
    assert_eq!(books.sums(now).cost_microcents, Some(20 * COST));
}

#[test]
fn prices_are_fetched_hourly_and_for_an_unknown_model_with_pauses() {
    let start = Instant::now();
    let mut books = Books::default();
    assert_eq!(books.prices_due(start), start);
    books.set_prices(prices(), start);
    assert_eq!(books.prices_due(start), start + SECONDS(3600));
    let ticket = books.open(None, start).expect("room");
    assert_eq!(
        books.add_usage(ticket, ["new", "newer"], usage(), start),
        None
    );
    let mut now = start;
    for pause in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        assert_eq!(books.prices_due(now), now + SECONDS(pause));
        now += SECONDS(pause);
        books.set_prices(None, now);
    }
}

#[test]
fn a_request_that_was_lost_may_have_cost_as_much_as_others() {
    let now = Instant::now();
    let mut books = books(&[("cents", 0.0035)], now);
    books.set_prices(prices(), now);
    for _ in 0..2 {
        let ticket = books.open(None, now).expect("room");
        books.add_usage(ticket, MODELS, usage(), now);
        books.close(ticket, now);
    }
    let lost = books.open(None, now).expect("room");
    books.add_lost(lost, now);
    books.close(lost, now);
    assert_eq!(books.used_up().map(Field::name), Some("cents"));
    // It is no known cost.
    assert_eq!(books.sums(now).cost_microcents, Some(2 * COST));
}

#[test]
fn an_hours_budget_goes_on_by_itself() {
    let start = Instant::now();
    let mut books = books(&[("answers-per-hour", 20.0)], start);
    for second in 0..20 {
        let now = start + SECONDS(second * 60);
        let ticket = books.open(None, now).expect("room");
        books.add_answer(now);
        books.close(ticket, now);
    }
    let now = start + SECONDS(1200);
    assert_eq!(books.open(None, now), None);
    assert!(books.take_news().is_some());
    assert_eq!(books.next_check(now), Some(now + SECONDS(1)));
    // One answer has left the hour, then two: a tenth of the budget.
    books.check(start + SECONDS(3602));
    assert!(books.used_up().is_some());
    books.check(start + SECONDS(3662));
    assert_eq!(books.used_up(), None);
    let now = start + SECONDS(3662);
    for _ in 0..2 {
        let ticket = books.open(None, now).expect("room");
        books.add_answer(now);
        books.close(ticket, now);
    }
    assert_eq!(books.take_news().map(Field::name), Some("answers-per-hour"));
}

#[test]
fn seconds_count_while_streams_exist() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut books = books(&[("seconds", 5.0)], start);
    assert_eq!(books.next_check(start), None);
    books.begin_stream(start);
    assert_eq!(books.next_check(at(1000)), Some(at(5000)));
    books.end_stream(start, at(2000));
    assert_eq!(books.next_check(at(60_000)), None);
    books.begin_stream(at(60_000));
    books.check(at(62_999));
    assert_eq!(books.used_up(), None);
    assert_eq!(books.next_check(at(62_000)), Some(at(63_000)));
    // Also while a request is under way.
    let ticket = books.open(None, at(62_000));
    assert!(ticket.is_some());
    books.check(at(63_000));
    assert_eq!(books.used_up().map(Field::name), Some("seconds"));
    books.end_stream(at(60_000), at(63_010));
    assert!((books.sums(at(90_000)).seconds - 5.01).abs() < 1e-6);
}

#[test]
fn a_stream_that_costs_by_time_ends_before_the_service_tells_the_rest() {
    let start = Instant::now();
    let at = |seconds| start + SECONDS(seconds);
    let mut books = books(&[("cents", 3.0)], start);
    books.begin_stream(start);
    let renewed = |cents, seconds| LeaseRenewal {
        cost_cents: Some(cents),
        seconds_charged: Some(seconds),
        ..LeaseRenewal::default()
    };
    books.add_charge(&renewed(1.0, 10.0), at(10));
    assert_eq!(books.next_check(at(10)), Some(at(30)));
    books.add_charge(&renewed(2.0, 20.0), at(20));
    assert_eq!(books.sums(at(20)).cost_microcents, Some(2_000_000));
    books.end_stream(start, at(25));
    // Half a cent was not reported. The next stream has half a cent left.
    books.begin_stream(at(100));
    books.add_charge(&renewed(0.1, 1.0), at(101));
    assert_eq!(books.next_check(at(101)), Some(at(105)));
    books.check(at(105));
    assert_eq!(books.used_up().map(Field::name), Some("cents"));
    assert_eq!(books.sums(at(105)).cost_microcents, Some(2_100_000));
}

#[test]
fn a_stream_that_replaces_another_one_costs_beside_it() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut books = books(&[("cents", 9.0)], start);
    let renewed = LeaseRenewal {
        cost_cents: Some(1.0),
        seconds_charged: Some(10.0),
        ..LeaseRenewal::default()
    };
    books.begin_stream(start);
    books.add_charge(&renewed, at(10));
    books.begin_stream(at(20));
    books.add_charge(&renewed, at(30));
    // Both streams cost a tenth of a cent in a second. Of the first one, two cents are not reported.
    assert_eq!(books.next_check(at(30)), Some(at(55)));
    books.end_stream(start, at(40));
    // One of 10 s, and 30 s unreported, of the other one 10 s and 10 s.
    assert_eq!(books.next_check(at(40)), Some(at(70)));
    books.check(at(70));
    assert_eq!(books.used_up().map(Field::name), Some("cents"));
}

#[test]
fn questions_that_come_and_go_take_no_memory() {
    let now = Instant::now();
    let mut books = books(&[], now);
    books.set_prices(prices(), now);
    for question in 0..1_000 {
        let ticket = books.open(Some(question), now).expect("no limit");
        books.add_usage(ticket, MODELS, usage(), now);
        books.close(ticket, now);
    }
    assert!(books.averages.len() <= MAX_AVERAGES);
    assert_eq!(books.average_of(Some(2_000)), Some(COST));
}
