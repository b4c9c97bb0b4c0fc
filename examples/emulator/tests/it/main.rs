// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The emulator, tested with clients of several kinds.

mod cors;
mod rooms;
mod running_emulator;
mod signalling;
mod support;
mod v02;
mod v1;
