// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example programs in Rust and in Python: what they print, show and record, and how they end.

mod answers;
mod overlay;
mod programs;
mod prompts;
mod read_screen;
mod recorder;
mod repetitions;
mod screen;
mod wrong_use;
