// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The current status of every camera of this process: what the table shows and the metrics count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::State;
use super::metrics::{CameraMetrics, Metrics};
use crate::event::Event;
use crate::lock::lock;

/// All cameras of this process.
#[derive(Debug)]
pub struct Board {
    pub metrics: Metrics,
    cameras: Mutex<BTreeMap<String, Arc<CameraStatus>>>,
    /// The names in the order of the file.
    order: Mutex<Vec<String>>,
}

/// One camera.
#[derive(Debug)]
pub struct CameraStatus {
    pub name: Arc<str>,
    pub metrics: CameraMetrics,
    current: Mutex<Current>,
    /// The last status event.
    presence: Mutex<Option<Event>>,
}

/// What the table shows besides the metrics.
#[derive(Clone, Debug)]
pub struct Current {
    pub state: State,
    /// The last answer or the last problem.
    pub note: String,
    pub latency_ms: Option<f64>,
}

impl Board {
    pub fn new() -> Self {
        Self {
            metrics: Metrics::new(),
            cameras: Mutex::default(),
            order: Mutex::default(),
        }
    }

    /// Adds a camera that starts to run in this process.
    pub fn add(&self, name: &str) -> Arc<CameraStatus> {
        let camera = Arc::new(CameraStatus {
            name: name.into(),
            metrics: self.metrics.add_camera(name),
            current: Mutex::new(Current {
                state: State::Waiting,
                note: String::new(),
                latency_ms: None,
            }),
            presence: Mutex::default(),
        });
        camera.set_state(State::Waiting);
        lock(&self.cameras).insert(name.to_owned(), camera.clone());
        camera
    }

    /// Removes a camera that this process does not run any more.
    pub fn remove(&self, name: &str) {
        lock(&self.cameras).remove(name);
        self.metrics.remove_camera(name);
    }

    pub fn find(&self, name: &str) -> Option<Arc<CameraStatus>> {
        lock(&self.cameras).get(name).cloned()
    }

    /// From now on the cameras are in this order.
    pub fn set_order(&self, names: Vec<String>) {
        *lock(&self.order) = names;
    }

    /// In the order that was set. Others follow by name.
    pub fn cameras(&self) -> Vec<Arc<CameraStatus>> {
        let mut others = lock(&self.cameras).clone();
        let order = lock(&self.order);
        let mut cameras: Vec<_> = order
            .iter()
            .filter_map(|name| others.remove(name))
            .collect();
        cameras.extend(others.into_values());
        cameras
    }
}

impl CameraStatus {
    pub fn set_state(&self, state: State) {
        lock(&self.current).state = state;
        self.metrics.set_state(state);
    }

    pub fn set_answer(&self, text: &str, latency_ms: Option<f64>) {
        let mut current = lock(&self.current);
        text.clone_into(&mut current.note);
        current.latency_ms = latency_ms;
    }

    pub fn set_problem(&self, text: &str) {
        text.clone_into(&mut lock(&self.current).note);
    }

    pub fn set_presence(&self, event: Event) {
        *lock(&self.presence) = Some(event);
    }

    /// The last status event, for destinations that missed it.
    pub fn presence(&self) -> Option<Event> {
        lock(&self.presence).clone()
    }

    pub fn current(&self) -> Current {
        lock(&self.current).clone()
    }
}
