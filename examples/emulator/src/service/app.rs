//! What all calls share: the streams, the money, the feedback, the clips.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::livekit;
use crate::records::event::Event;
use crate::service::config::{Config, Model};
use crate::service::stream::Live;
use crate::util::lock;
use crate::v1::{Pull, Rate};
use crate::v02::error::ApiError;
use crate::v02::stream::Push;
use crate::vision::engine::Engine;
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::Sight;

/// What a second of a stream costs.
const CENTS_PER_SECOND: f64 = 0.05;
/// How many ended streams are remembered: their feedback is still taken.
const ENDED_KEPT: usize = 64;
/// How many ratings are listed.
const FEEDBACK_KEPT: usize = 1_000;
/// How many results can be asked about again.
const CLIPS_KEPT: usize = 1_000;
/// How many with pictures, which are up to 8 of some 100 kB each.
const SHOWN_CLIPS_KEPT: usize = 64;
/// How long a clip takes to be stored: 404 until then.
pub(crate) const CLIP_STORED_AFTER: Duration = Duration::from_millis(1_500);
/// How long the owner of too many streams is told to wait, in seconds.
pub(crate) const SLOT_RETRY: u32 = 2;

/// One running emulator.
pub(crate) struct App {
    pub config: Config,
    /// Every task that is not joined by its maker.
    pub tracker: TaskTracker,
    /// Cancelled when the emulator stops.
    pub stop: CancellationToken,
    /// What the tokens of its rooms are signed with.
    pub keys: livekit::Keys,
    /// How often keys ask.
    pub rate: Rate,
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
    /// What the engine was shown, where that is pictures.
    pictures: Vec<Jpeg>,
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
            keys: livekit::Keys::random(),
            rate: Rate::default(),
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

    /// The models that there are. `None`: whatever is asked for is answered by the engine's own.
    pub(crate) fn known_models(&self) -> Option<&[Model]> {
        let known = !self.config.engine.takes_any_model();
        known.then_some(&self.config.models)
    }

    /// Says so once where nobody answers at the model's endpoint.
    pub(crate) async fn look_for_the_model(self: Arc<Self>) {
        let Engine::Vlm(vlm) = &self.config.engine else {
            return;
        };
        let listed = tokio::select! {
            () = self.stop.cancelled() => return,
            listed = vlm.list() => listed,
        };
        if let Err(trouble) = listed {
            self.tell(&Event::NoModel {
                message: trouble.to_string(),
            });
        }
    }

    /// Whether a key is good.
    pub(crate) fn knows(&self, key: &str) -> bool {
        let keys = &self.config.api_keys;
        !key.is_empty() && (keys.is_empty() || keys.iter().any(|known| known == key))
    }

    /// A place for one more stream of that key, where there is one.
    pub(crate) fn reserve(self: &Arc<Self>, owner: &str) -> Option<Slot> {
        let mut streams = lock(&self.streams);
        let alive = streams
            .by_id
            .values()
            .filter(|live| live.owner == owner && !live.over.is_cancelled())
            .count();
        let pending = streams.pending.entry(owner.to_owned()).or_default();
        if alive + *pending >= self.config.max_streams_per_key {
            return None;
        }
        *pending += 1;
        Some(Slot {
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

    /// The v1 stream of that id, ended or not, whoever owns it.
    pub(crate) fn find_pull(&self, id: &str) -> Option<(Arc<Live>, Arc<Pull>)> {
        let live = lock(&self.streams).by_id.get(id).cloned()?;
        let pull = live.pull()?.clone();
        Some((live, pull))
    }

    /// The v0.2 stream of that id, ended or not, that `owner` may see; without an owner: by its
    /// route alone.
    pub(crate) fn find(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Arc<Live>, Arc<Push>), ApiError> {
        let nobody = || ApiError::not_found(format!("no stream {id} here"));
        let live = lock(&self.streams).by_id.get(id).cloned();
        let live = live.ok_or_else(nobody)?;
        let push = live.push().cloned().ok_or_else(nobody)?;
        let owned = owner.is_none_or(|owner| owner == live.owner);
        let routed = !self.config.sticky || push.route.found_by(headers);
        if owned && routed {
            Ok((live, push))
        } else {
            Err(nobody())
        }
    }

    /// The same, and it must be alive.
    pub(crate) fn find_alive(
        &self,
        id: &str,
        owner: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Arc<Live>, Arc<Push>), ApiError> {
        let (live, push) = self.find(id, owner, headers)?;
        if !live.over.is_cancelled() {
            return Ok((live, push));
        }
        let why = live.ended().map_or("server stops", |reason| reason.name());
        Err(ApiError::not_found(format!("stream {id} ended: {why}")))
    }

    /// The door of a room: those of streams that are alive and have one.
    pub(crate) fn door(&self, room: &str) -> Option<livekit::Door> {
        let streams = lock(&self.streams);
        let live = streams.by_id.get(room)?;
        (!live.over.is_cancelled())
            .then(|| live.room.get().cloned().flatten())
            .flatten()
    }

    pub(crate) fn has_credits(&self) -> bool {
        self.credits().is_none_or(|left| left > 0.0)
    }

    /// What is left to spend. `None`: nobody counts.
    pub(crate) fn credits(&self) -> Option<f64> {
        *lock(&self.credits)
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
    pub(crate) fn keep_clip(
        &self,
        result_id: String,
        owner: String,
        sight: Sight,
        pictures: Vec<Jpeg>,
    ) {
        let mut clips = lock(&self.clips);
        let most = match self.config.engine {
            Engine::Vlm(_) => SHOWN_CLIPS_KEPT,
            _ => CLIPS_KEPT,
        };
        if clips.len() >= most {
            clips.pop_front();
        }
        clips.push_back(Clip {
            result_id,
            owner,
            at: Instant::now(),
            sight,
            pictures,
        });
    }

    /// What a result was about, and what was shown of it.
    pub(crate) fn clip(
        &self,
        result_id: &str,
        owner: &str,
    ) -> Result<(Sight, Vec<Jpeg>), ApiError> {
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
        Ok((clip.sight.clone(), clip.pictures.clone()))
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
