//! What the element keeps beside its settings: the run that there is, and what is shown of it.

use std::sync::{Arc, Mutex};

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::RUNTIME;
use crate::sink::answers::answer_pad::AnswerPad;
use crate::sink::answers::stats::Stats;
use crate::sink::codec::passthrough::Passthrough;
use crate::sink::codec::video_codec::Codec;
use crate::sink::controller::handle::Handle;
use crate::sink::enums::State;
use crate::sink::frames::feeder::Feeder;
use crate::sink::frames::source::Source;
use crate::sink::lock::lock;

/// What there is while the element is in PAUSED or PLAYING.
pub struct Running {
    pub controller: Handle,
    pub video: Arc<Feeder>,
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
pub struct PublicState {
    pub state: State,
    pub stream_id: Option<String>,
    pub last_result: Option<String>,
    pub answers: u64,
    pub answers_failed: u64,
    /// Not delivered, as they answer an earlier prompt.
    pub answers_dropped: u64,
    pub video: Option<Arc<Feeder>>,
    pub stats: Arc<Stats>,
}

#[derive(Default)]
pub struct AnswerPads {
    pub text: Option<AnswerPad>,
    pub json: Option<AnswerPad>,
}

/// A question on its way, ended with the element.
#[derive(Default)]
pub struct PendingModelsRequest(pub(super) Mutex<Option<JoinHandle<()>>>);

impl PendingModelsRequest {
    /// Ends it, and waits for that: it holds nothing up. Not within a runtime, which can't wait; the
    /// task itself may be what lets go of the element last.
    pub fn end(&self) {
        let task = lock(&self.0).take();
        if let Some(task) = task {
            task.abort();
            if runtime::Handle::try_current().is_err() {
                // Aborted, most often.
                let _ = RUNTIME.block_on(task);
            }
        }
    }
}

#[derive(Default)]
pub struct InputChain {
    pub(super) parser: Option<Parser>,
    pub(super) decoder: Option<gst::Element>,
    /// Why the decoder is to be plugged before the next frame.
    pub(super) decode_reason: Option<String>,
}

pub(super) struct Parser {
    pub(super) codec: Codec,
    /// In the order of the flow; the last one is a capsfilter.
    pub(super) elements: Vec<gst::Element>,
    /// The caps that were checked last, and what came of it.
    pub(super) checked: Option<(gst::Caps, Passthrough)>,
    pub(super) last_pts: Option<gst::ClockTime>,
}

impl Parser {
    /// The last of it, behind which a decoder can be plugged.
    pub(super) fn filter(&self) -> Option<gst::Element> {
        self.elements.last().cloned()
    }
}
