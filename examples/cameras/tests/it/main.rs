// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Tests of the program with real cameras, brokers, disks and terminals.

mod cameras;
mod deliveries;
mod faults;
mod mqtt;
mod needs;
mod queue;
mod recordings;
mod sound;
mod sources;
mod start;
mod support;
mod terminal;
