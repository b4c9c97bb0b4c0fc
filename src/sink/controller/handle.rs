// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! How the element starts, commands and stops its controller.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Controller;
use super::inbox::{Command, ControllerChannels, LiveSettings, Playback};
use crate::at_exit::{self, Work};
use crate::session::question::OneShotQuestion;
use crate::session::{self, StreamCall};
use crate::sink::config::plan::Plan;
use crate::sink::frames::feeder::Feeder;
use crate::sink::{CAT, OvershootSink};

/// Number of commands that may wait: peer events, feedback and questions. There are only a few in a stream's life.
const INBOX_CAPACITY: usize = 64;
const THREAD_NAME: &str = "overshoot-ctl";
/// Longest time that [`Handle::join`] waits: for the session, and for webrtcbin to shut down.
const STOP_TIMEOUT: Duration = session::CLOSE_TIMEOUT.saturating_add(Duration::from_millis(400));

/// A running controller.
pub struct Handle {
    stop: CancellationToken,
    playback: watch::Sender<Playback>,
    inbox: mpsc::Sender<Command>,
    done: std_mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts connecting.
    ///
    /// # Errors
    /// The operating system cannot start a thread.
    pub fn start(
        element: &OvershootSink,
        plan: Plan,
        video: Arc<Feeder>,
        live: LiveSettings,
    ) -> std::io::Result<Self> {
        let (inbox, received) = mpsc::channel(INBOX_CAPACITY);
        let (stop, playback) = (at_exit::token(), watch::Sender::new(Playback::default()));
        let channels = ControllerChannels {
            inbox: inbox.clone(),
            received,
            stop: stop.clone(),
            playback: playback.subscribe(),
        };
        let mut controller = Controller::new(element, plan, video, live, channels);
        let (finished, done) = std_mpsc::channel();
        let work = Work::begin();
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                work.is_done_here();
                controller.run();
                drop(controller);
                // Sending fails if `join` has given up after its timeout.
                let _ = finished.send(());
                drop(work);
            })?;
        Ok(Self {
            stop,
            playback,
            inbox,
            done,
            thread,
        })
    }

    /// Whether the calling thread is this controller's.
    pub fn runs_here(&self) -> bool {
        self.thread.thread().id() == thread::current().id()
    }

    /// Whether the calling thread is the controller of another run, or of another element.
    pub fn another_runs_here(&self) -> bool {
        thread::current().name() == Some(THREAD_NAME) && !self.runs_here()
    }

    /// Reports the end of the video. The controller waits for the last answers and then forwards EOS.
    pub fn end(&self) {
        self.playback.send_modify(|playback| playback.ended = true);
    }

    /// Reports that video comes after its end. If a flush has removed this end, its last answers are not awaited.
    pub fn resume(&self, flushed: bool) {
        self.playback.send_modify(|playback| {
            *playback = Playback {
                part: playback.part + 1,
                ended: false,
                flushed,
            };
        });
    }

    /// The number of times that the video began anew.
    pub fn part(&self) -> u64 {
        self.playback.borrow().part
    }

    /// Makes a call on the current stream. Returns `false` if the inbox is full.
    pub fn call(&self, call: StreamCall) -> bool {
        self.inbox.try_send(Command::Call(call)).is_ok()
    }

    /// Sends a question. Returns `false` if the inbox is full.
    pub fn ask(&self, question: OneShotQuestion) -> bool {
        self.inbox.try_send(Command::Ask(question)).is_ok()
    }

    /// Requests that the controller ends the stream and its thread; [`Handle::join`] waits for that.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops the controller and waits, at most [`STOP_TIMEOUT`], until the stream is deleted and the connection is
    /// torn down.
    pub fn join(self) {
        self.stop();
        if self.runs_here() {
            // A signal handler stops the element: the controller ends as soon as the handler returns.
            gst::warning!(
                CAT,
                "a signal handler stopped the element: the stream ends after the handler returns"
            );
            return;
        }
        match self.done.recv_timeout(STOP_TIMEOUT) {
            Ok(()) => {
                if self.thread.join().is_err() {
                    gst::error!(CAT, "the controller panicked");
                }
            }
            Err(_) => gst::error!(
                CAT,
                "closing the stream takes longer than {STOP_TIMEOUT:?}; it continues in the background"
            ),
        }
    }
}
