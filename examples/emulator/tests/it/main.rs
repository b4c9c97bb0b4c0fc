// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The emulator, tested with clients of several kinds.

mod http;
mod rooms;
mod running;
mod signalling;
mod support;
mod v1;
