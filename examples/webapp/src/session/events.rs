// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The events of a session. A watcher gets a snapshot first, then every change. A slow watcher loses the
//! oldest events and learns how many it lost.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use super::progress::{Progress, VideoInfo};
use crate::config::AnswersFrom;
use crate::error::AppError;
use crate::store::Recorder;
use crate::time::rfc3339;

/// How many messages may wait for a watcher.
const MAX_QUEUED_MESSAGES: usize = 128;
/// How many answers a snapshot has.
const MAX_KEPT_RESULTS: usize = 20;

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// There is video, but no stream is running.
    Ready,
    Connecting,
    Streaming,
    Reconnecting,
    Stopping,
    /// The video has ended.
    Ended,
    /// Something went wrong. The stream can be started again.
    Failed,
    /// The session is gone.
    Closed,
}

impl State {
    /// Whether there is a stream.
    pub(crate) fn is_running(self) -> bool {
        matches!(
            self,
            Self::Connecting | Self::Streaming | Self::Reconnecting | Self::Stopping
        )
    }
}

/// An event. As JSON it has a `type`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Event {
    State {
        state: State,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An answer. Published, it gets its `id` and `received_at`.
    Result(Map<String, Value>),
    /// An answer has raised or ended an alert.
    Alert(Map<String, Value>),
    /// The beginning of an answer that is still arriving.
    Partial {
        text: String,
    },
    /// The service accepted a new prompt.
    Prompt {
        prompt: String,
    },
    Warning {
        message: String,
        /// Names a warning that lasts until `over` says otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<&'static str>,
    },
    /// The cause of a warning is over.
    Over {
        about: &'static str,
    },
    Error(AppError),
}

/// Everything that is known about a session at one moment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    /// This part never changes, except what is known of the service.
    #[serde(flatten)]
    pub info: SessionInfo,
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The question that is asked, or was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The settings of the last start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// What was changed in them so that the service accepts them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The error, if the last stream failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AppError>,
    /// Why answers are not stored at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_warning: Option<String>,
    #[serde(flatten)]
    pub progress: Progress,
    /// How many answers there were since the session began.
    pub answers: u64,
    /// The newest of them.
    pub results: VecDeque<Map<String, Value>>,
}

impl Snapshot {
    /// What a list says about the session.
    pub(crate) fn brief(&self) -> Value {
        json!({
            "session_id": self.info.session_id,
            "source": self.info.source,
            "filename": self.info.filename,
            "state": self.state,
            "prompt": self.prompt,
            "since": self.info.since,
            "answers": self.answers,
            "usage": self.progress.usage,
        })
    }
}

/// The warning that answers are not stored.
pub(crate) const STORE_WARNING: &str = "answers-store";

/// The identity of a session and of its video.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SessionInfo {
    pub session_id: String,
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Who answers.
    pub answers_from: AnswersFrom,
    /// When the session began.
    pub since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoInfo>,
}

impl SessionInfo {
    /// What users call the video.
    pub(crate) fn name(&self) -> &str {
        self.filename.as_deref().unwrap_or(self.source)
    }

    /// What is stored in front of the session's answers.
    pub(super) fn to_header(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(header)) => header,
            other => unreachable!("a structure becomes a JSON object: {other:?}"),
        }
    }
}

pub(crate) struct EventHub {
    current: Mutex<Snapshot>,
    /// When somebody last watched or made a call.
    last_use: Mutex<Instant>,
    sender: broadcast::Sender<Utf8Bytes>,
    recorder: Recorder,
}

impl EventHub {
    pub(crate) fn new(info: SessionInfo, recorder: Recorder) -> Self {
        let current = Snapshot {
            info,
            state: State::Ready,
            reason: None,
            prompt: None,
            settings: None,
            error: None,
            warnings: Vec::new(),
            store_warning: None,
            progress: Progress::default(),
            answers: 0,
            results: VecDeque::new(),
        };
        Self {
            current: Mutex::new(current),
            last_use: Mutex::new(Instant::now()),
            sender: broadcast::Sender::new(MAX_QUEUED_MESSAGES),
            recorder,
        }
    }

    /// A snapshot, and a receiver of every event after it.
    pub(crate) fn watch(&self) -> (Snapshot, broadcast::Receiver<Utf8Bytes>) {
        let current = self.current();
        (current.clone(), self.sender.subscribe())
    }

    /// A snapshot that does not count as use.
    pub(crate) fn peek(&self) -> Snapshot {
        self.current().clone()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.mark_used();
        self.current().clone()
    }

    /// Records that somebody uses the session.
    pub(crate) fn mark_used(&self) {
        *self.last_use() = Instant::now();
    }

    /// For how long nobody has used the session.
    pub(crate) fn idle_time(&self) -> Duration {
        if self.sender.receiver_count() > 0 {
            self.mark_used();
        }
        self.last_use().elapsed()
    }

    /// Prepares a new start: forgets the error and the warnings of the last one. The answers stay.
    pub(crate) fn begin(&self, settings: Map<String, Value>, warnings: Vec<String>) {
        let mut current = self.current();
        let prompt = settings.get("prompt").and_then(Value::as_str);
        current.prompt = prompt.map(str::to_owned);
        current.warnings = warnings;
        current.settings = Some(settings);
        current.error = None;
    }

    pub(crate) fn set_progress(&self, progress: Progress) {
        self.current().progress = progress;
    }

    pub(crate) fn progress(&self) -> Progress {
        self.current().progress.clone()
    }

    pub(crate) fn set_state(&self, state: State, reason: Option<String>) {
        self.publish(Event::State { state, reason });
    }

    pub(crate) fn publish(&self, mut event: Event) {
        let mut current = self.current();
        if let Event::Result(result) = &mut event {
            number(result, current.answers + 1);
        }
        let text = match serde_json::to_string(&event) {
            Ok(text) => text,
            Err(error) => {
                unreachable!("maps of strings and numbers can be written as JSON: {error}")
            }
        };
        match event {
            // The element posts its state for each stream, so the same state may come again.
            Event::State { state, reason }
                if (state, &reason) == (current.state, &current.reason) =>
            {
                return;
            }
            Event::State { state, reason } => {
                current.state = state;
                current.reason = reason;
            }
            Event::Result(result) => {
                self.recorder
                    .record(Value::Object(result.clone()).to_string());
                current.answers += 1;
                if current.results.len() == MAX_KEPT_RESULTS {
                    current.results.pop_front();
                }
                current.results.push_back(result);
            }
            Event::Prompt { prompt } => {
                if let Some(settings) = &mut current.settings {
                    settings.insert("prompt".to_owned(), prompt.clone().into());
                }
                current.prompt = Some(prompt);
            }
            Event::Error(error) => current.error = Some(error),
            Event::Warning { message, about } if about == Some(STORE_WARNING) => {
                current.store_warning = Some(message);
            }
            Event::Over { about } if about == STORE_WARNING => current.store_warning = None,
            Event::Partial { .. }
            | Event::Warning { .. }
            | Event::Over { .. }
            | Event::Alert(_) => {}
        }
        // Still with the lock, so that no watcher gets an event twice. There may be no watcher.
        let _ = self.sender.send(text.into());
    }

    fn last_use(&self) -> MutexGuard<'_, Instant> {
        self.last_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> MutexGuard<'_, Snapshot> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers an answer within its session. The service's own name for it stays as `service_id`.
fn number(result: &mut Map<String, Value>, id: u64) {
    if let Some(name) = result.remove("id") {
        result.insert("service_id".to_owned(), name);
    }
    result.insert("id".to_owned(), id.into());
    result.insert("received_at".to_owned(), rfc3339(SystemTime::now()).into());
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::RecvError;

    use super::*;
    use crate::store::Store;

    /// A hub whose answers are stored in a folder that is removed at the end.
    fn hub() -> (EventHub, Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().to_owned(), 1 << 20).expect("a thread");
        let info = SessionInfo {
            session_id: "it".to_owned(),
            source: "file",
            filename: None,
            file_size: None,
            answers_from: crate::config::Answerer::Emulator.answers_from(),
            since: String::new(),
            video: None,
        };
        let (recorder, _) = store.recorder("it", &Map::new());
        (EventHub::new(info, recorder), store, folder)
    }

    fn result(number: usize) -> Event {
        let mut map = Map::new();
        map.insert("result".to_owned(), number.to_string().into());
        Event::Result(map)
    }

    #[tokio::test]
    async fn a_slow_watcher_loses_the_oldest_events_and_learns_how_many() {
        let (hub, _store, _folder) = hub();
        let (_, mut changes) = hub.watch();
        for number in 0..MAX_QUEUED_MESSAGES + 3 {
            hub.publish(result(number));
        }
        assert_eq!(changes.recv().await, Err(RecvError::Lagged(3)));
        let next = changes.recv().await.expect("the other events wait");
        let next: Value = serde_json::from_str(&next).expect("JSON");
        assert_eq!((&next["id"], &next["result"]), (&4.into(), &"3".into()));
    }

    #[test]
    fn a_late_watcher_gets_the_newest_answers() {
        let (hub, _store, _folder) = hub();
        for number in 0..MAX_KEPT_RESULTS + 5 {
            hub.publish(result(number));
        }
        hub.set_state(State::Ended, Some("It is over.".to_owned()));
        let (current, _) = hub.watch();
        assert_eq!(current.results.len(), MAX_KEPT_RESULTS);
        assert_eq!(current.results[0]["result"], "5");
        assert_eq!(
            (current.state, current.reason.as_deref()),
            (State::Ended, Some("It is over."))
        );
    }

    #[test]
    fn a_new_start_forgets_the_error_and_keeps_the_answers() {
        let (hub, _store, _folder) = hub();
        hub.publish(result(1));
        hub.publish(Event::Error(AppError::gone()));
        hub.begin(Map::new(), Vec::new());
        let current = hub.snapshot();
        assert_eq!((current.results.len(), current.answers), (1, 1));
        assert!(current.error.is_none());
    }
}
