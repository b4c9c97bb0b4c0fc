// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What happened: the records that a test reads through `Control`, and the events that the program prints.
//! Only data, and no keys or tokens.
//!
//! Records are bounded: if a list is full, its oldest quarter is dropped.

pub(crate) mod event;
pub(crate) mod snapshot;
