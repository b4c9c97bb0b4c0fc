// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Handles that all cameras of this process share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::config::Settings;
use crate::event::{Event, MAX_QUEUED_EVENTS};
use crate::log::Log;
use crate::service::{Address, Service, StreamSlots};
use crate::status::Board;

/// A clone refers to the same service, slots, board, log and events.
#[derive(Clone, Debug)]
pub struct Shared {
    pub address: Address,
    pub slots: Arc<StreamSlots>,
    /// How long a camera keeps its slot while others wait.
    pub turn_length: Duration,
    pub board: Arc<Board>,
    pub log: Arc<Log>,
    pub events: broadcast::Sender<Event>,
}

impl Shared {
    pub fn new(settings: &Settings, service: &Service, log: Arc<Log>) -> Self {
        Self {
            address: service.address(),
            slots: StreamSlots::new(service.keys()),
            turn_length: settings.turn_length(),
            board: Arc::new(Board::new()),
            log,
            events: broadcast::Sender::new(MAX_QUEUED_EVENTS),
        }
    }
}
