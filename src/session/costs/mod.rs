// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a run costs, and the budget that limits it. One [`account`] lasts for all streams of a run.
//!
//! | module | concern |
//! |---|---|
//! | [`pricing`] | the price list of API v1, and what an answer costs by it |
//! | [`charges`] | what API v0.2 says that a stream was charged |
//! | [`tally`] | sums of the whole run and of the last hour |
//! | [`budget`] | the limits |
//! | `books` | all sums of a run, and when its budget is used up; knows no clock |
//! | [`account`] | the books, shared by element and session; each request holds a ticket |

pub mod account;
mod books;
pub mod budget;
pub mod charges;
#[cfg(test)]
mod fuzz_tests;
pub mod pricing;
pub mod tally;
