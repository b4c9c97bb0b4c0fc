// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command line: the options, how `--fault` is written, and the lines that are printed.
//!
//! It uses only the library's public items, so that everything it does can be done by any other program too.

mod durations;
mod fault_option;
pub(crate) mod options;
mod print;

#[cfg(test)]
#[path = "../../../common/man_pages.rs"]
mod man_pages;
