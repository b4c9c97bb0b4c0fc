// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The application: its sessions, and the slots that limit them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Service};
use crate::error::AppError;
use crate::models::Models;
use crate::session::{Session, Shared, Source, Task};

pub(crate) struct App {
    pub shared: Arc<Shared>,
    /// The folder for uploads. Dropping it deletes the folder and its files.
    pub folder: TempDir,
    /// Identifies this run of the application.
    pub instance: String,
    /// All running tasks.
    pub tasks: TaskTracker,
    slots: Arc<Semaphore>,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    pub models: Models,
}

impl App {
    pub(crate) fn new(
        config: Config,
        service: Service,
        folder: TempDir,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            folder,
            instance: random_id(),
            tasks: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(config.max_sessions)),
            sessions: Mutex::default(),
            models: Models::default(),
            shared: Arc::new(Shared {
                streams: Arc::new(Semaphore::new(config.max_streams)),
                config,
                service,
                stop,
            }),
        })
    }

    /// Takes the slot for one more session.
    pub(crate) fn take_slot(&self) -> Result<OwnedSemaphorePermit, AppError> {
        self.slots.clone().try_acquire_owned().map_err(|_| {
            AppError::busy(format!(
                "There are {} sessions already. Close one of them, or try again later.",
                self.shared.config.max_sessions
            ))
        })
    }

    /// Creates a session and starts its task. Returns the id.
    pub(crate) fn open(
        self: &Arc<Self>,
        source: Source,
        slot: OwnedSemaphorePermit,
    ) -> Result<String, AppError> {
        if self.shared.stop.is_cancelled() {
            return Err(AppError::closing());
        }
        let id = random_id();
        let (session, task) = Task::new(&id, source, &self.shared, slot);
        self.lock().insert(id.clone(), session);
        let (app, closed) = (self.clone(), id.clone());
        self.tasks.spawn(async move {
            task.run().await;
            app.lock().remove(&closed);
        });
        Ok(id)
    }

    pub(crate) fn session(
        &self,
        id: Result<Path<String>, PathRejection>,
    ) -> Result<Arc<Session>, AppError> {
        let Path(id) = id.map_err(|_| AppError::gone())?;
        self.lock().get(&id).cloned().ok_or_else(AppError::gone)
    }

    pub(crate) fn session_count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id that cannot be guessed.
fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
