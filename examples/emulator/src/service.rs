//! What all calls share: the streams, the money, the feedback, the clips.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::ApiError;
use crate::event::Event;
use crate::live::Live;
use crate::room;
use crate::sight::Sight;
use crate::util::lock;

/// What a second of a stream costs.
const CENTS_PER_SECOND: f64 = 0.05;
/// How many ended streams are remembered: their feedback is still taken.
const ENDED_KEPT: usize = 64;
/// How many ratings are listed.
const FEEDBACK_KEPT: usize = 1_000;
/// How many results can be asked about again.
const CLIPS_KEPT: usize = 1_000;
/// How long a clip takes to be stored: 404 until then.
pub(crate) const CLIP_STORED_AFTER: Duration = Duration::from_millis(1_500);
/// How long the owner of too many streams is told to wait, in seconds.
const SLOT_RETRY: u32 = 2;

/// One running emulator.
pub(crate) struct App {
    pub config: Config,
    /// Every task that is not joined by its maker.
    pub tracker: TaskTracker,
    /// Cancelled when the emulator stops.
    pub stop: CancellationToken,
    /// What the tokens of its rooms are signed with.
    pub keys: room::Keys,
    streams: Mutex<Streams>,
    credits: Mutex<Option<f64>>,
    feedback: Mutex<VecDeque<(String, Value)>>,
    clips: Mutex<VecDeque<Clip>>,
}

#[derive(Default)]
struct Streams {
    by_id: HashMap<String, Arc<Live>>,
    /// Ids, the oldest first.
    order: VecDeque<String>,
    /// Streams being made, by key.
    pending: HashMap<String, usize>,
}

#[derive(Clone)]
struct Clip {
    result_id: String,
    owner: String,
    at: Instant,
    sight: Sight,
}

/// A place among a key's streams, while the stream is being made.
pub(crate) struct Slot {
    app: Arc<App>,
    owner: String,
}

/// What a renewal cost.
pub(crate) struct Charge {
    pub seconds: f64,
    pub cents: f64,
    pub left: f64,
}

impl App {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        Arc::new(App {
            credits: Mutex::new(config.credits_cents),
            config,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            keys: room::Keys::random(),
            streams: Mutex::new(Streams::default()),
            feedback: Mutex::new(VecDeque::new()),
            clips: Mutex::new(VecDeque::new()),
        })
    }

    pub(crate) fn tell(&self, event: &Event) {
        if let Some(sink) = &self.config.on_event {
            sink.tell(event);
        }
    }

    /// Whether a key is good.
    pub(crate) fn knows(&self, key: &str) -> bool {
        let keys = &self.config.api_keys;
        !key.is_empty() && (keys.is_empty() || keys.iter().any(|known| known == key))
    }

    /// A place for one more stream of that key.
    pub(crate) fn reserve(self: &Arc<Self>, owner: &str) -> Result<Slot, ApiError> {
        let mut streams = lock(&self.streams);
        let alive = streams
            .by_id
            .values()
            .filter(|live| live.owner == owner && !live.over.is_cancelled())
            .count();
        let pending = streams.pending.entry(owner.to_owned()).or_default();
        let most = self.config.max_streams_per_key;
        if alive + *pending >= most {
            return Err(ApiError::busy(
                format!("this key has {most} streams already: end one first"),
                SLOT_RETRY,
            ));
        }
        *pending += 1;
        Ok(Slot {
            app: self.clone(),
            owner: owner.to_owned(),
        })
    }

    /// A stream was made; the slot turns into it.
    pub(crate) fn insert(&self, live: &Arc<Live>, slot: Slot) {
        {
            let mut streams = lock(&self.streams);
            streams.by_id.insert(live.id.clone(), live.clone());
            streams.order.push_back(live.id.clone());
            let Streams { by_id, order, .. } = &mut *streams;
            let over = |id: &String| by_id.get(id).is_none_or(|live| live.over.is_cancelled());
            let ended = order.iter().filter(|id| over(id)).count();
            if ended > ENDED_KEPT
                && let Some(at) = order.iter().position(over)
                && let Some(id) = order.remove(at)
            {
                by_id.remove(&id);
            }
        }
        drop(slot);
    }

    /// The stream of that id, ended or not, that `owner` may see; without an owner: by its route alone.
    pub(crate) fn find(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Arc<Live>, ApiError> {
        let live = lock(&self.streams).by_id.get(id).cloned();
        live.filter(|live| live.visible_to(owner, self.config.sticky, headers))
            .ok_or_else(|| ApiError::not_found(format!("no stream {id} here")))
    }

    /// The same, and it must be alive.
    pub(crate) fn find_alive(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Arc<Live>, ApiError> {
        let live = self.find(id, owner, headers)?;
        if !live.over.is_cancelled() {
            return Ok(live);
        }
        let why = live.ended().map_or("server stops", |reason| reason.name());
        Err(ApiError::not_found(format!("stream {id} ended: {why}")))
    }

    /// The door of a room: those of streams that are alive and have one.
    pub(crate) fn door(&self, room: &str) -> Option<room::Door> {
        let streams = lock(&self.streams);
        let live = streams.by_id.get(room)?;
        (!live.over.is_cancelled())
            .then(|| live.room.get().cloned().flatten())
            .flatten()
    }

    pub(crate) fn has_credits(&self) -> bool {
        lock(&self.credits).is_none_or(|left| left > 0.0)
    }

    /// Takes the money for the time since the last charge. `None`: nobody counts.
    pub(crate) fn charge(&self, live: &Live) -> Option<Charge> {
        let mut credits = lock(&self.credits);
        let left = credits.as_mut()?;
        let seconds = live.uncharged_seconds();
        let cents = seconds * CENTS_PER_SECOND;
        *left = (*left - cents).max(0.0);
        Some(Charge {
            seconds,
            cents,
            left: *left,
        })
    }

    pub(crate) fn add_feedback(&self, owner: &str, feedback: Value) {
        let mut all = lock(&self.feedback);
        if all.len() >= FEEDBACK_KEPT {
            all.pop_front();
        }
        all.push_back((owner.to_owned(), feedback));
    }

    pub(crate) fn feedback_of(&self, owner: &str) -> Vec<Value> {
        lock(&self.feedback)
            .iter()
            .filter(|(of, _)| of == owner)
            .map(|(_, feedback)| feedback.clone())
            .collect()
    }

    /// Keeps what a result was about.
    pub(crate) fn keep_clip(&self, result_id: String, owner: String, sight: Sight) {
        let mut clips = lock(&self.clips);
        if clips.len() >= CLIPS_KEPT {
            clips.pop_front();
        }
        clips.push_back(Clip {
            result_id,
            owner,
            at: Instant::now(),
            sight,
        });
    }

    pub(crate) fn clip(&self, result_id: &str, owner: &str) -> Result<Sight, ApiError> {
        let clips = lock(&self.clips);
        let clip = clips
            .iter()
            .rev()
            .find(|clip| clip.result_id == result_id && clip.owner == owner)
            .ok_or_else(|| ApiError::not_found(format!("no result {result_id} is known")))?;
        if clip.at.elapsed() < CLIP_STORED_AFTER {
            return Err(ApiError::not_found(format!(
                "the clip of result {result_id} is not stored yet: try again in a second"
            )));
        }
        Ok(clip.sight.clone())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut streams = lock(&self.app.streams);
        if let Some(pending) = streams.pending.get_mut(&self.owner) {
            *pending = pending.saturating_sub(1);
            if *pending == 0 {
                streams.pending.remove(&self.owner);
            }
        }
    }
}
