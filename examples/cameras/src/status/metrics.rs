// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The Prometheus metrics: one family for each metric, with one sample for each camera.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::State;

/// Upper bounds of the latency histogram's buckets.
const LATENCY_BUCKETS_SECONDS: [f64; 10] = [0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0];

type FloatCounter = Counter<f64, AtomicU64>;
type FloatGauge = Gauge<f64, AtomicU64>;
type Histograms = Family<CameraLabel, Histogram, fn() -> Histogram>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CameraLabel {
    camera: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    camera: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DestinationLabel {
    to: &'static str,
}

/// The metrics of all cameras of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
}

#[derive(Clone, Debug)]
struct Families {
    state: Family<StateLabels, Gauge>,
    fps: Family<CameraLabel, FloatGauge>,
    frames_sent: Family<CameraLabel, Counter>,
    answers: Family<CameraLabel, Counter>,
    answers_failed: Family<CameraLabel, Counter>,
    latency: Histograms,
    camera_losses: Family<CameraLabel, Counter>,
    reconnects: Family<CameraLabel, Counter>,
    recordings: Family<CameraLabel, Counter>,
    recordings_failed: Family<CameraLabel, Counter>,
    streamed: Family<CameraLabel, FloatCounter>,
    cost: Family<CameraLabel, FloatCounter>,
    delivered: Family<DestinationLabel, Counter>,
    dropped: Family<DestinationLabel, Counter>,
}

/// The metrics of one camera.
#[derive(Debug)]
pub struct CameraMetrics {
    name: String,
    states: Family<StateLabels, Gauge>,
    pub fps: FloatGauge,
    pub frames_sent: Counter,
    pub answers: Counter,
    pub answers_failed: Counter,
    pub latency: Histogram,
    /// How often the connection to the camera was lost or could not be made.
    pub camera_losses: Counter,
    /// How often the element looked for a new stream at the service.
    pub reconnects: Counter,
    pub recordings: Counter,
    pub recordings_failed: Counter,
    /// Seconds with a stream at the service. The service bills this time.
    pub streamed: FloatCounter,
    /// In cents, if the service reports families.
    pub cost: FloatCounter,
}

impl Metrics {
    pub fn new() -> Self {
        let families = Families::new();
        Self {
            registry: families.registry(),
            families,
        }
    }

    pub fn add_camera(&self, name: &str) -> CameraMetrics {
        self.families.camera(name)
    }

    pub fn remove_camera(&self, name: &str) {
        self.families.remove(name);
    }

    /// Two counters for a destination: the delivered events, and the dropped ones.
    pub fn deliveries(&self, to: &'static str) -> (Counter, Counter) {
        let label = DestinationLabel { to };
        (
            self.families.delivered.get_or_create_owned(&label),
            self.families.dropped.get_or_create_owned(&label),
        )
    }

    /// In the OpenMetrics text format, which Prometheus scrapes.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Families {
    fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(LATENCY_BUCKETS_SECONDS);
        Self {
            state: Family::default(),
            fps: Family::default(),
            frames_sent: Family::default(),
            answers: Family::default(),
            answers_failed: Family::default(),
            latency: Histograms::new_with_constructor(histogram),
            camera_losses: Family::default(),
            reconnects: Family::default(),
            recordings: Family::default(),
            recordings_failed: Family::default(),
            streamed: Family::default(),
            cost: Family::default(),
            delivered: Family::default(),
            dropped: Family::default(),
        }
    }

    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("overshoot_cameras");
        let families = self.clone();
        all.register(
            "state",
            "1 for the current state of a camera, 0 for the other states",
            families.state,
        );
        all.register(
            "fps",
            "Frames per second received from a camera",
            families.fps,
        );
        all.register(
            "frames_sent",
            "Frames sent to the service",
            families.frames_sent,
        );
        all.register("answers", "Successful answers", families.answers);
        all.register(
            "answers_failed",
            "Answers that the model reported as failed",
            families.answers_failed,
        );
        all.register(
            "latency_seconds",
            "Time from the capture of a frame to its answer",
            families.latency,
        );
        all.register(
            "camera_losses",
            "Connections to a camera that were lost or could not be made",
            families.camera_losses,
        );
        all.register(
            "reconnects",
            "New streams at the service after a failure",
            families.reconnects,
        );
        all.register("recordings", "Complete recordings", families.recordings);
        all.register(
            "recordings_failed",
            "Recordings that could not be written",
            families.recordings_failed,
        );
        all.register(
            "streamed_seconds",
            "Time with a stream at the service, which bills it",
            families.streamed,
        );
        all.register(
            "cost_cents",
            "Amount that the service charged, if it reports it",
            families.cost,
        );
        all.register(
            "delivered",
            "Events (answers and recordings) that were delivered",
            families.delivered,
        );
        all.register(
            "dropped",
            "Events that were not delivered: the destination was too slow or refused them",
            families.dropped,
        );
        all
    }

    fn camera(&self, name: &str) -> CameraMetrics {
        let label = CameraLabel {
            camera: name.to_owned(),
        };
        CameraMetrics {
            name: name.to_owned(),
            states: self.state.clone(),
            fps: self.fps.get_or_create_owned(&label),
            frames_sent: self.frames_sent.get_or_create_owned(&label),
            answers: self.answers.get_or_create_owned(&label),
            answers_failed: self.answers_failed.get_or_create_owned(&label),
            latency: self.latency.get_or_create_owned(&label),
            camera_losses: self.camera_losses.get_or_create_owned(&label),
            reconnects: self.reconnects.get_or_create_owned(&label),
            recordings: self.recordings.get_or_create_owned(&label),
            recordings_failed: self.recordings_failed.get_or_create_owned(&label),
            streamed: self.streamed.get_or_create_owned(&label),
            cost: self.cost.get_or_create_owned(&label),
        }
    }

    fn remove(&self, name: &str) {
        let label = CameraLabel {
            camera: name.to_owned(),
        };
        for state in State::ALL {
            self.state.remove(&StateLabels {
                camera: name.to_owned(),
                state: state.name(),
            });
        }
        self.fps.remove(&label);
        self.frames_sent.remove(&label);
        self.answers.remove(&label);
        self.answers_failed.remove(&label);
        self.latency.remove(&label);
        self.camera_losses.remove(&label);
        self.reconnects.remove(&label);
        self.recordings.remove(&label);
        self.recordings_failed.remove(&label);
        self.streamed.remove(&label);
        self.cost.remove(&label);
    }
}

impl CameraMetrics {
    pub fn set_state(&self, state: State) {
        for other in State::ALL {
            let labels = StateLabels {
                camera: self.name.clone(),
                state: other.name(),
            };
            let gauge = self.states.get_or_create(&labels);
            gauge.set(i64::from(other == state));
        }
    }
}
