//! What the element keeps beside its settings: the run that there is, and what is shown of it.

use std::sync::Arc;

use tokio::sync::watch;

use super::State;
use super::controller::Handle;
use super::entry::Source;
use super::stats::Stats;
use super::text_pad::TextPad;
use super::video_in::VideoIn;

/// What there is while the element is in PAUSED or PLAYING.
pub struct Running {
    pub controller: Handle,
    pub video: Arc<VideoIn>,
    pub source: watch::Sender<Source>,
    pub preroll: Preroll,
    /// The EOS message of the inner sink, until the last answers are here.
    pub eos: Option<gst::Message>,
}

/// Holds input that is not live back until video can flow.
#[derive(Default)]
pub struct Preroll {
    /// Meets the first frame; `None` once it is gone.
    pub probe: Option<gst::PadProbeId>,
    /// A frame waits in the probe.
    pub waiting: bool,
    /// Video can flow, or never will.
    pub open: bool,
}

/// What the read-only properties show.
#[derive(Default)]
pub struct Shown {
    pub state: State,
    pub stream_id: Option<String>,
    pub last_result: Option<String>,
    pub answers: u64,
    pub answers_failed: u64,
    /// Not delivered, as they answer an earlier prompt.
    pub answers_dropped: u64,
    pub video: Option<Arc<VideoIn>>,
    pub stats: Arc<Stats>,
}

#[derive(Default)]
pub struct TextPads {
    pub text: Option<TextPad>,
    pub json: Option<TextPad>,
}
