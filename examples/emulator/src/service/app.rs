// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The state that all calls share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::records::event::Event;
use crate::service::config::Config;
use crate::service::credits::Credits;
use crate::service::streams::Streams;
use crate::vision::engine::Engine;
use crate::vision::model::Model;

/// One running emulator.
pub(crate) struct App {
    pub config: Config,
    /// Tracks the tasks that nobody else joins.
    pub tracker: TaskTracker,
    /// Cancelled when the emulator stops.
    pub stop: CancellationToken,
    pub streams: Streams,
    pub credits: Credits,
}

impl App {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(App {
            streams: Streams::new(config.max_streams_per_key),
            credits: Credits::new(config.credits_cents),
            config,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    pub(crate) fn emit(&self, event: &Event) {
        if let Some(sink) = &self.config.on_event {
            sink.emit(event);
        }
    }

    /// The known models. `None`: every name is accepted, and the engine answers with its own model.
    pub(crate) fn known_models(&self) -> Option<&[Model]> {
        let known = !self.config.engine.takes_any_model();
        known.then_some(&self.config.models)
    }

    /// Reports, once at the start, if the model's endpoint does not answer.
    pub(crate) async fn check_model_endpoint(self: Arc<Self>) {
        let Engine::Vlm(vlm) = &self.config.engine else {
            return;
        };
        let listed = tokio::select! {
            () = self.stop.cancelled() => return,
            listed = vlm.list_models() => listed,
        };
        if let Err(error) = listed {
            self.emit(&Event::NoModel {
                message: error.to_string(),
            });
        }
    }

    /// Whether a key is accepted.
    pub(crate) fn accepts_key(&self, key: &str) -> bool {
        let keys = &self.config.api_keys;
        !key.is_empty() && (keys.is_empty() || keys.iter().any(|known| known == key))
    }
}
