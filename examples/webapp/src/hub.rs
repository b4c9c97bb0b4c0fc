//! What a session tells those who watch it. Each gets what holds when it comes, then every change;
//! one who reads too slowly loses the oldest messages and is told how many.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::broadcast;

use crate::error::AppError;

/// Messages that wait for a reader.
const WAITING: usize = 128;
/// Answers that one who comes late gets.
const KEPT: usize = 20;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// There is video, and nothing is asked about it.
    Ready,
    Connecting,
    Streaming,
    Reconnecting,
    Stopping,
    /// The video has come to its end.
    Ended,
    /// Something went wrong; it can be started again.
    Failed,
    /// The session is gone.
    Closed,
}

/// A message, as JSON with its `type`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Event {
    State {
        state: State,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An answer.
    Result(Map<String, Value>),
    /// The service took a prompt.
    Prompt {
        prompt: String,
    },
    Warning {
        message: String,
    },
    Error(AppError),
}

/// What holds now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    /// Of the session; it never changes.
    #[serde(flatten)]
    pub about: About,
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of the last start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AppError>,
    /// The newest answers.
    pub results: VecDeque<Map<String, Value>>,
}

/// Which session it is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub session_id: String,
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
}

pub(crate) struct Hub {
    now: Mutex<Snapshot>,
    /// Since when nobody has looked or asked for anything.
    quiet_since: Mutex<Instant>,
    sender: broadcast::Sender<Utf8Bytes>,
}

impl Hub {
    pub(crate) fn new(about: About) -> Self {
        let now = Snapshot {
            about,
            state: State::Ready,
            reason: None,
            settings: None,
            error: None,
            results: VecDeque::new(),
        };
        Self {
            now: Mutex::new(now),
            quiet_since: Mutex::new(Instant::now()),
            sender: broadcast::Sender::new(WAITING),
        }
    }

    /// What holds, and every change after that.
    pub(crate) fn watch(&self) -> (Snapshot, broadcast::Receiver<Utf8Bytes>) {
        let now = self.now();
        (now.clone(), self.sender.subscribe())
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.used();
        self.now().clone()
    }

    /// Somebody is there.
    pub(crate) fn used(&self) {
        *self.quiet_since() = Instant::now();
    }

    /// For how long nobody has been there.
    pub(crate) fn quiet(&self) -> Duration {
        if self.sender.receiver_count() > 0 {
            self.used();
        }
        self.quiet_since().elapsed()
    }

    /// A new start: what the one before brought is no longer told.
    pub(crate) fn begin(&self, settings: Map<String, Value>) {
        let mut now = self.now();
        now.settings = Some(settings);
        now.error = None;
        now.results.clear();
    }

    pub(crate) fn state(&self, state: State, reason: Option<String>) {
        self.tell(Event::State { state, reason });
    }

    pub(crate) fn tell(&self, event: Event) {
        let text = match serde_json::to_string(&event) {
            Ok(text) => text,
            Err(error) => unreachable!("maps of texts and numbers become JSON: {error}"),
        };
        let mut now = self.now();
        match event {
            // The element tells its state for each stream, and so again.
            Event::State { state, reason } if (state, &reason) == (now.state, &now.reason) => {
                return;
            }
            Event::State { state, reason } => {
                now.state = state;
                now.reason = reason;
            }
            Event::Result(result) => {
                if now.results.len() == KEPT {
                    now.results.pop_front();
                }
                now.results.push_back(result);
            }
            Event::Prompt { prompt } => {
                if let Some(settings) = &mut now.settings {
                    settings.insert("prompt".to_owned(), prompt.into());
                }
            }
            Event::Error(error) => now.error = Some(error),
            Event::Warning { .. } => {}
        }
        // With the lock, so that nobody gets it both ways. Nobody may be listening.
        let _ = self.sender.send(text.into());
    }

    fn quiet_since(&self) -> MutexGuard<'_, Instant> {
        self.quiet_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> MutexGuard<'_, Snapshot> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::RecvError;

    use super::*;

    fn hub() -> Hub {
        Hub::new(About {
            session_id: "it".to_owned(),
            source: "file",
            filename: None,
            file_size: None,
        })
    }

    fn result(number: usize) -> Event {
        let mut map = Map::new();
        map.insert("result".to_owned(), number.to_string().into());
        Event::Result(map)
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_and_learns_how_many() {
        let hub = hub();
        let (_, mut changes) = hub.watch();
        for number in 0..WAITING + 3 {
            hub.tell(result(number));
        }
        assert_eq!(changes.recv().await, Err(RecvError::Lagged(3)));
        let next = changes.recv().await.expect("the others wait");
        assert_eq!(next.as_str(), r#"{"type":"result","result":"3"}"#);
    }

    #[test]
    fn one_who_comes_late_gets_the_newest_answers() {
        let hub = hub();
        for number in 0..KEPT + 5 {
            hub.tell(result(number));
        }
        hub.state(State::Ended, Some("It is over.".to_owned()));
        let (now, _) = hub.watch();
        assert_eq!(now.results.len(), KEPT);
        assert_eq!(now.results[0]["result"], "5");
        assert_eq!(
            (now.state, now.reason.as_deref()),
            (State::Ended, Some("It is over."))
        );
    }

    #[test]
    fn a_new_start_forgets_the_one_before() {
        let hub = hub();
        hub.tell(result(1));
        hub.tell(Event::Error(AppError::gone()));
        hub.begin(Map::new());
        let now = hub.snapshot();
        assert!(now.results.is_empty() && now.error.is_none());
    }
}
