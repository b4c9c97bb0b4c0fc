// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The controller's inputs: events, commands, and values of which only the newest counts.

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::session::ask_window::AskWindow;
use crate::session::live_questions::LiveQuestions;
use crate::session::prompt::Prompt;
use crate::session::question::OneShotQuestion;
use crate::session::request::{StreamRequest, check_prompt};
use crate::session::{Api, StreamCall};
use crate::sink::evidence::keeper::Found;
use crate::sink::frames::source::Source;
use crate::sink::webrtc::event::PeerEvent;

/// A message to the controller from another thread.
pub enum Command {
    /// An event of the peer, with the serial of its attempt.
    Peer(u64, PeerEvent),
    /// Hardware encoders were probed for the attempt with this serial.
    HardwareProbed(u64),
    Call(StreamCall),
    Ask(OneShotQuestion),
    /// What the answer with this serial waits for.
    Evidence(u64, Found),
}

/// Values that change while the controller runs. Only the newest value counts.
pub struct LiveSettings {
    pub prompt: watch::Receiver<Prompt>,
    /// Maximum bitrate in bit/s.
    pub bitrate: watch::Receiver<u32>,
    /// The source's format and frame rate.
    pub source: watch::Receiver<Source>,
    /// The questions that have changed since the start.
    pub questions: watch::Receiver<LiveQuestions>,
    /// Set if questions wait for events.
    pub ask_window: Option<watch::Sender<AskWindow>>,
}

impl LiveSettings {
    pub fn has_prompt(&self) -> bool {
        check_prompt(&self.prompt.borrow().text).is_ok()
    }

    /// The request of a stream with the changes so far.
    pub fn apply_to(&self, mut request: StreamRequest, api: Api) -> StreamRequest {
        // The element locks the prompt first, then the questions.
        let serial = self.prompt.borrow().serial;
        self.questions.borrow().apply(&mut request, api, serial);
        request
    }
}

/// How far the video is. It can begin anew after its end, for example after a seek.
#[derive(Debug, Clone, Copy, Default)]
pub struct Playback {
    /// The number of times that it began anew.
    pub part: u64,
    /// This part has ended.
    pub ended: bool,
    /// A flush removed the end of the part before.
    pub flushed: bool,
}

/// The controller's ends of the channels and tokens that its [`Handle`](super::handle::Handle) holds.
pub struct ControllerChannels {
    pub inbox: mpsc::Sender<Command>,
    pub received: mpsc::Receiver<Command>,
    pub stop: CancellationToken,
    pub playback: watch::Receiver<Playback>,
}
