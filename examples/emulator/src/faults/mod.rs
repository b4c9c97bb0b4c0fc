// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults: everything that goes wrong on purpose. What a fault is and which request gets it is decided here;
//! the room that serves the request applies it. Nothing here knows a stream or a request.
//!
//! A [`Fault`](fault::Fault) meets the next matching request, in the order of injection, before anything else
//! about that request is checked.

pub(crate) mod fault;
pub(crate) mod injected;
pub(crate) mod packet_loss;
