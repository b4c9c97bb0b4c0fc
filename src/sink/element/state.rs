// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's state besides its settings: the current run, the values of the read-only properties, the
//! answer pads, and the elements in front of the appsink.

use std::sync::{Arc, Mutex};

use tokio::runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::preroll::Preroll;
use crate::RUNTIME;
use crate::lock::lock;
use crate::session::Api;
use crate::session::ask_window::AskWindow;
use crate::session::costs::account::Account;
use crate::session::live_questions::LiveQuestions;
use crate::session::question::Question;
use crate::sink::answers::answer_pad::AnswerPad;
use crate::sink::answers::stats::Stats;
use crate::sink::codec::passthrough::Passthrough;
use crate::sink::codec::video_codec::Codec;
use crate::sink::config::ask_when::AskWhen;
use crate::sink::controller::handle::Handle;
use crate::sink::enums::State;
use crate::sink::evidence::keeper::Keeper;
use crate::sink::frames::feeder::Feeder;
use crate::sink::frames::orientation::OrientationTags;
use crate::sink::frames::skipping::Skipping;
use crate::sink::frames::source::Source;

/// The current run. It exists while the element is in PAUSED or PLAYING.
pub struct Running {
    pub controller: Handle,
    pub video: Arc<Feeder>,
    pub source: watch::Sender<Source>,
    pub questions: watch::Sender<LiveQuestions>,
    /// Those of the properties, once they are needed.
    pub first_questions: Option<Arc<Vec<Arc<Question>>>>,
    pub ask_when: Option<AskWhen>,
    /// Set if questions wait for events.
    pub ask_window: Option<watch::Sender<AskWindow>>,
    /// Looks at the metadata of the buffers.
    pub objects_probe: Option<gst::PadProbeId>,
    pub preroll: Preroll,
    /// The running time since which frames wait for a new connection.
    pub held: Option<gst::ClockTime>,
    pub end: End,
}

/// The end of the video. Video can go on after it, for example after a seek.
#[derive(Default)]
pub struct End {
    reached: bool,
    /// EOS messages of the appsink. They are kept until the last answers have arrived.
    awaited: Vec<gst::Message>,
}

impl End {
    /// An EOS message has arrived. Returns whether the video has ended now: the appsink repeats its message when it
    /// plays again after the end.
    pub(super) fn arrived(&mut self, message: gst::Message) -> bool {
        let is_new = !std::mem::replace(&mut self.reached, true);
        if is_new {
            self.awaited.push(message);
        }
        is_new
    }

    /// Whether the last answers have not arrived yet.
    pub(super) fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Takes the messages, because the last answers have arrived.
    pub(super) fn take(&mut self) -> Vec<gst::Message> {
        std::mem::take(&mut self.awaited)
    }

    pub(super) fn is_reached(&self) -> bool {
        self.reached
    }

    /// Video goes on after its end. A flush also removes this end.
    pub(super) fn resume(&mut self, flushed: bool) {
        self.reached = false;
        if flushed {
            self.awaited.clear();
        }
    }
}

/// The values of the read-only properties.
#[derive(Default)]
pub struct PublicState {
    pub state: State,
    /// The API of the service that is used.
    pub api: Option<Api>,
    pub stream_id: Option<String>,
    pub last_result: Option<String>,
    pub answers: u64,
    pub answers_failed: u64,
    /// Answers to an earlier prompt that were not delivered, because of `drop-late-results`.
    pub answers_dropped: u64,
    /// Answers that said the same as the one before.
    pub answers_repeated: u64,
    pub video: Option<Arc<Feeder>>,
    pub stats: Arc<Stats>,
    /// If evidence is kept.
    pub evidence: Option<Arc<Keeper>>,
    /// What the run costs.
    pub account: Arc<Account>,
}

/// The request pads, if the application requested them.
#[derive(Default)]
pub struct AnswerPads {
    pub text: Option<AnswerPad>,
    pub json: Option<AnswerPad>,
    pub alert: Option<AnswerPad>,
}

impl AnswerPads {
    pub(super) fn slot(&mut self, template: &str) -> &mut Option<AnswerPad> {
        match template {
            "text_src" => &mut self.text,
            "json_src" => &mut self.json,
            _ => &mut self.alert,
        }
    }

    /// Those that were requested.
    pub(super) fn iter(&self) -> impl Iterator<Item = &AnswerPad> {
        let all = [&self.text, &self.json, &self.alert];
        all.into_iter().flatten()
    }
}

/// The pending request of `get-models`. It ends with the element.
#[derive(Default)]
pub struct PendingModelsRequest(pub(super) Mutex<Option<JoinHandle<()>>>);

impl PendingModelsRequest {
    /// Aborts the task and waits for its end, which takes no noticeable time. A thread of a tokio runtime
    /// must not block, so there it does not wait. This can happen: the task itself may drop the last
    /// reference to the element.
    pub fn end(&self) {
        let task = lock(&self.0).take();
        if let Some(task) = task {
            task.abort();
            if runtime::Handle::try_current().is_err() {
                // Usually the error says that the task was aborted.
                let _ = RUNTIME.block_on(task);
            }
        }
    }
}

/// The elements between the sink pad and the appsink.
#[derive(Default)]
pub struct InputChain {
    pub(super) parser: Option<Parser>,
    pub(super) decoder: Option<gst::Element>,
    /// The decoder has received nothing yet: frames are dropped until one at which it can begin.
    pub(super) decoder_needs_key_frame: bool,
    /// Set: a decoder must be inserted before the next frame, for this reason.
    pub(super) decode_reason: Option<String>,
    /// Which frames the decoder does not get.
    pub(super) skipping: Skipping,
    /// Of the frames that arrive at the appsink.
    pub(super) orientation: OrientationTags,
}

/// A parser for encoded input, with the capsfilter behind it.
pub(super) struct Parser {
    pub(super) codec: Codec,
    /// In the order of the data flow; the last element is the capsfilter.
    pub(super) elements: Vec<gst::Element>,
    /// The caps of the last passthrough check, and its result.
    pub(super) checked: Option<(gst::Caps, Passthrough)>,
    pub(super) last_pts: Option<gst::ClockTime>,
}

impl Parser {
    /// The capsfilter. A decoder can be inserted behind it.
    pub(super) fn filter(&self) -> Option<gst::Element> {
        self.elements.last().cloned()
    }
}
