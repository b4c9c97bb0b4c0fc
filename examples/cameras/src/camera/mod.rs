//! One camera, for as long as it is wanted: a place at the service, a connection to the camera, until
//! that is lost or others want the place; then again.

mod answer;
mod backoff;
mod feed;
mod said;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Settings};
use crate::deliver::EVENTS_WAITING;
use crate::event::Event;
use crate::log::Log;
use crate::places::Places;
use crate::service::Service;
use crate::status::{self, Board, State};
use crate::trigger::Trigger;
use backoff::Backoff;
pub use feed::Api;
use turn::Turn;

/// How long a key rests that was refused, or has no credits left: somebody has to do something.
const REFUSED_KEY_RESTS: Duration = Duration::from_secs(60);
/// How long a key rests that others use, too.
const BUSY_KEY_RESTS: Duration = Duration::from_secs(10);

/// What cameras share.
#[derive(Clone, Debug)]
pub struct Shared {
    pub api: Api,
    pub places: Arc<Places>,
    /// How long a place is kept while others wait.
    pub turn: Duration,
    pub board: Arc<Board>,
    pub log: Arc<Log>,
    pub events: broadcast::Sender<Event>,
}

impl Shared {
    pub fn new(settings: &Settings, service: &Service, log: Arc<Log>) -> Self {
        Self {
            api: service.api(),
            places: Places::new(service.keys()),
            turn: settings.turn(),
            board: Arc::new(Board::new()),
            log,
            events: broadcast::Sender::new(EVENTS_WAITING),
        }
    }
}

/// Why a camera is not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    /// Its settings have to be changed.
    Refused,
}

/// Why a turn ended.
#[derive(Debug)]
enum End {
    Stopped,
    /// Others wait.
    Over,
    CameraLost(String),
    /// The service, or the way there.
    Failed(String),
    KeyBusy(String),
    KeyRefused(String),
    SettingsRefused(String),
}

/// Of all its turns.
struct Camera {
    config: config::Camera,
    shared: Shared,
    status: Arc<status::Camera>,
    trigger: Option<Trigger>,
}

/// Runs a camera until it is to stop.
pub async fn run(config: config::Camera, shared: Shared, stop: CancellationToken) -> Ended {
    let mut camera = Camera::new(config, shared);
    let mut backoff = Backoff::default();
    loop {
        camera.status.is(State::Waiting);
        let place = tokio::select! {
            place = camera.shared.places.take() => place,
            () = stop.cancelled() => return Ended::Stopped,
        };
        let (end, worked) = match Turn::new(&mut camera, &place) {
            Ok(mut turn) => {
                let end = turn.play(&place, &stop).await;
                let worked = turn.worked();
                turn.close().await;
                (end, worked)
            }
            Err(error) => (End::Failed(error.to_string()), false),
        };
        if worked {
            backoff.reset();
        }
        let why = match end {
            End::Stopped => return Ended::Stopped,
            End::Over => continue,
            End::SettingsRefused(why) => {
                camera.trouble(&format!("{why} It is not tried again."));
                camera.status.is(State::Refused);
                return Ended::Refused;
            }
            End::KeyBusy(why) => {
                camera.trouble(&format!("{why} Waiting for a place."));
                place.rest(BUSY_KEY_RESTS);
                continue;
            }
            End::KeyRefused(why) => {
                camera.trouble(&format!("{why} This key rests for a minute."));
                place.rest(REFUSED_KEY_RESTS);
                continue;
            }
            End::CameraLost(why) => {
                camera.status.camera_losses.inc();
                format!("no video from {}: {why}", camera.config.url)
            }
            End::Failed(why) => why,
        };
        // Others may have the place meanwhile.
        drop(place);
        let pause = backoff.next();
        camera.trouble(&format!("{why}; next try in {:.0} s", pause.as_secs_f64()));
        camera.status.is(State::Pausing);
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => return Ended::Stopped,
        }
    }
}

impl Camera {
    fn new(config: config::Camera, shared: Shared) -> Self {
        Self {
            status: shared.board.add(&config.name),
            trigger: config.trigger.as_ref().map(Trigger::new),
            config,
            shared,
        }
    }

    fn trouble(&self, text: &str) {
        self.status.trouble(text);
        self.shared.log.of(&self.config.name, text);
    }

    fn tell(&self, event: Event) {
        // Refused only where nobody listens any more.
        let _ = self.shared.events.send(event);
    }
}
