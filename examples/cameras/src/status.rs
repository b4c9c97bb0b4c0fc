//! How the cameras are: what the table shows and the metrics count, of one making.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::lock::lock;

/// Upper bounds of the histogram of latencies, in seconds.
const LATENCIES: [f64; 10] = [0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0];

/// What a camera is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For a place at the service.
    Waiting,
    /// To the camera.
    Connecting,
    /// Video comes, and the service is not there yet.
    Starting,
    Streaming,
    /// The service is lost, and the element looks for it.
    Reconnecting,
    /// The camera or the service did not work; until the next try.
    Pausing,
    /// Its settings are refused.
    Refused,
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Connecting,
        Self::Starting,
        Self::Streaming,
        Self::Reconnecting,
        Self::Pausing,
        Self::Refused,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::Streaming => "streaming",
            Self::Reconnecting => "reconnecting",
            Self::Pausing => "pausing",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCamera {
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    camera: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct To {
    to: &'static str,
}

type Seconds = Counter<f64, AtomicU64>;
type Fps = Gauge<f64, AtomicU64>;
type Latencies = Family<OfCamera, Histogram, fn() -> Histogram>;

/// All cameras of this process.
#[derive(Debug)]
pub struct Board {
    registry: Registry,
    families: Families,
    cameras: Mutex<BTreeMap<String, Arc<Camera>>>,
}

#[derive(Clone, Debug)]
struct Families {
    state: Family<InState, Gauge>,
    fps: Family<OfCamera, Fps>,
    frames_sent: Family<OfCamera, Counter>,
    answers: Family<OfCamera, Counter>,
    answers_failed: Family<OfCamera, Counter>,
    latency: Latencies,
    camera_losses: Family<OfCamera, Counter>,
    reconnects: Family<OfCamera, Counter>,
    recordings: Family<OfCamera, Counter>,
    recordings_failed: Family<OfCamera, Counter>,
    streamed: Family<OfCamera, Seconds>,
    cost: Family<OfCamera, Seconds>,
    delivered: Family<To, Counter>,
    dropped: Family<To, Counter>,
}

/// One of them.
#[derive(Debug)]
pub struct Camera {
    pub name: Arc<str>,
    pub fps: Fps,
    pub frames_sent: Counter,
    pub answers: Counter,
    pub answers_failed: Counter,
    pub latency: Histogram,
    /// How often the camera's own connection was lost or not made.
    pub camera_losses: Counter,
    /// How often the element looked for a new stream at the service.
    pub reconnects: Counter,
    pub recordings: Counter,
    pub recordings_failed: Counter,
    /// With a stream at the service, which is what is billed.
    pub streamed: Seconds,
    /// In cents, where the service tells.
    pub cost: Seconds,
    states: Family<InState, Gauge>,
    shown: Mutex<Shown>,
}

/// What is not counted.
#[derive(Clone, Debug)]
pub struct Shown {
    pub state: State,
    /// The last answer, or the last trouble.
    pub note: String,
    pub latency_ms: Option<f64>,
}

impl Board {
    pub fn new() -> Self {
        let latency: fn() -> Histogram = || Histogram::new(LATENCIES);
        let families = Families {
            state: Family::default(),
            fps: Family::default(),
            frames_sent: Family::default(),
            answers: Family::default(),
            answers_failed: Family::default(),
            latency: Latencies::new_with_constructor(latency),
            camera_losses: Family::default(),
            reconnects: Family::default(),
            recordings: Family::default(),
            recordings_failed: Family::default(),
            streamed: Family::default(),
            cost: Family::default(),
            delivered: Family::default(),
            dropped: Family::default(),
        };
        Self {
            registry: families.registry(),
            families,
            cameras: Mutex::default(),
        }
    }

    /// A camera that is run from now on.
    pub fn add(&self, name: &str) -> Arc<Camera> {
        let camera = Arc::new(self.families.camera(name));
        camera.is(State::Waiting);
        lock(&self.cameras).insert(name.to_owned(), camera.clone());
        camera
    }

    /// Another one runs it now.
    pub fn remove(&self, name: &str) {
        lock(&self.cameras).remove(name);
        self.families.remove(name);
    }

    pub fn cameras(&self) -> Vec<Arc<Camera>> {
        lock(&self.cameras).values().cloned().collect()
    }

    /// Of what was delivered, and what was dropped as it did not get away in time.
    pub fn deliveries(&self, to: &'static str) -> (Counter, Counter) {
        let to = To { to };
        (
            self.families.delivered.get_or_create_owned(&to),
            self.families.dropped.get_or_create_owned(&to),
        )
    }

    /// As Prometheus scrapes it.
    pub fn metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Families {
    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("overshoot_cameras");
        let it = self.clone();
        all.register(
            "state",
            "1 for what a camera is about, 0 for the rest",
            it.state,
        );
        all.register(
            "fps",
            "Frames that came from a camera within a second",
            it.fps,
        );
        all.register("frames_sent", "Frames sent to the service", it.frames_sent);
        all.register("answers", "Answers", it.answers);
        all.register(
            "answers_failed",
            "Answers that the model failed to give",
            it.answers_failed,
        );
        all.register(
            "latency_seconds",
            "From the capture to the answer",
            it.latency,
        );
        all.register(
            "camera_losses",
            "Connections to a camera that were lost or not made",
            it.camera_losses,
        );
        all.register(
            "reconnects",
            "New streams at the service after a failure",
            it.reconnects,
        );
        all.register("recordings", "Recordings that are complete", it.recordings);
        all.register(
            "recordings_failed",
            "Recordings that could not be written",
            it.recordings_failed,
        );
        all.register(
            "streamed_seconds",
            "Time with a stream at the service",
            it.streamed,
        );
        all.register(
            "cost_cents",
            "What the service charged, where it tells",
            it.cost,
        );
        all.register("delivered", "Answers and recordings told", it.delivered);
        all.register(
            "dropped",
            "Answers and recordings not told, as the way there was too slow",
            it.dropped,
        );
        all
    }

    fn camera(&self, name: &str) -> Camera {
        let of = OfCamera {
            camera: name.to_owned(),
        };
        Camera {
            name: name.into(),
            fps: self.fps.get_or_create_owned(&of),
            frames_sent: self.frames_sent.get_or_create_owned(&of),
            answers: self.answers.get_or_create_owned(&of),
            answers_failed: self.answers_failed.get_or_create_owned(&of),
            latency: self.latency.get_or_create_owned(&of),
            camera_losses: self.camera_losses.get_or_create_owned(&of),
            reconnects: self.reconnects.get_or_create_owned(&of),
            recordings: self.recordings.get_or_create_owned(&of),
            recordings_failed: self.recordings_failed.get_or_create_owned(&of),
            streamed: self.streamed.get_or_create_owned(&of),
            cost: self.cost.get_or_create_owned(&of),
            states: self.state.clone(),
            shown: Mutex::new(Shown {
                state: State::Waiting,
                note: String::new(),
                latency_ms: None,
            }),
        }
    }

    fn remove(&self, name: &str) {
        let of = OfCamera {
            camera: name.to_owned(),
        };
        for state in State::ALL {
            self.state.remove(&InState {
                camera: name.to_owned(),
                state: state.name(),
            });
        }
        self.fps.remove(&of);
        self.frames_sent.remove(&of);
        self.answers.remove(&of);
        self.answers_failed.remove(&of);
        self.latency.remove(&of);
        self.camera_losses.remove(&of);
        self.reconnects.remove(&of);
        self.recordings.remove(&of);
        self.recordings_failed.remove(&of);
        self.streamed.remove(&of);
        self.cost.remove(&of);
    }
}

impl Camera {
    pub fn is(&self, state: State) {
        lock(&self.shown).state = state;
        for other in State::ALL {
            let of = InState {
                camera: self.name.to_string(),
                state: other.name(),
            };
            let gauge = self.states.get_or_create(&of);
            gauge.set(i64::from(other == state));
        }
    }

    pub fn answered(&self, text: &str, latency_ms: Option<f64>) {
        let mut shown = lock(&self.shown);
        text.clone_into(&mut shown.note);
        shown.latency_ms = latency_ms;
    }

    pub fn trouble(&self, text: &str) {
        text.clone_into(&mut lock(&self.shown).note);
    }

    pub fn shown(&self) -> Shown {
        lock(&self.shown).clone()
    }
}
