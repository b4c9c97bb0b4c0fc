// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The application: its sessions, and the slots that limit them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Service};
use crate::count::count;
use crate::error::AppError;
use crate::login::Login;
use crate::models::Models;
use crate::session::{Asked, Session, Shared, Snapshot, Source, Task, needs_models};
use crate::store::Store;
use crate::upload_folder::UploadFolder;

pub(crate) struct App {
    pub shared: Arc<Shared>,
    pub folder: UploadFolder,
    pub login: Login,
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
        folder: UploadFolder,
        store: Store,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            folder,
            login: Login::default(),
            instance: random_id(),
            tasks: TaskTracker::new(),
            slots: Arc::new(Semaphore::new(config.max_sessions)),
            sessions: Mutex::default(),
            models: Models::default(),
            shared: Arc::new(Shared {
                streams: Arc::new(Semaphore::new(config.max_streams)),
                answers_from: config.answerer.answers_from(),
                config,
                service,
                store,
                stop,
            }),
        })
    }

    /// Takes the slot for one more session.
    pub(crate) fn take_slot(&self) -> Result<OwnedSemaphorePermit, AppError> {
        self.slots.clone().try_acquire_owned().map_err(|_| {
            AppError::busy(format!(
                "This server allows {} at the same time. Close one, or try again later.",
                count(self.shared.config.max_sessions, "session")
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

    /// All sessions, the oldest first.
    pub(crate) fn sessions(&self) -> Vec<Snapshot> {
        let sessions: Vec<_> = self.lock().values().cloned().collect();
        let mut known: Vec<_> = sessions
            .iter()
            .map(|session| session.events.peek())
            .collect();
        known.sort_by(|one, other| one.info.since.cmp(&other.info.since));
        known
    }

    /// The error of a start while as many streams run as possible, with the sessions that have them.
    pub(crate) fn all_streams_run(&self) -> AppError {
        let mut running = self.sessions();
        running.retain(|session| session.state.is_running());
        let names: Vec<_> = running.iter().map(|session| session.info.name()).collect();
        AppError::busy(format!(
            "Only {} can be asked about at the same time with one API key. Running now: {}. Stop {}, or try again later.",
            count(self.shared.config.max_streams, "video"),
            names.join(", "),
            if names.len() == 1 { "it" } else { "one of them" }
        ))
        .sessions(running.iter().map(Snapshot::brief).collect())
    }

    pub(crate) fn session_count(&self) -> usize {
        self.lock().len()
    }

    /// Who is asked, as far as it is needed to adapt these settings.
    pub(crate) async fn asked(
        &self,
        session: &Session,
        settings: &Map<String, Value>,
    ) -> Result<Asked, AppError> {
        let api = self.shared.answers_from.api.configured();
        let needs_models = needs_models(settings, api);
        let mut asked = Asked {
            api,
            models: Vec::new(),
            is_file: session.events.peek().info.file_size.is_some(),
        };
        if needs_models || api.is_none() {
            match self.models.list(&self.shared).await {
                Ok(list) => (asked.api, asked.models) = (Some(list.api), list.models),
                Err(error) if needs_models => return Err(error),
                // The start itself will say what is wrong with the service.
                Err(_) => {}
            }
        }
        Ok(asked)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id that cannot be guessed.
fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
