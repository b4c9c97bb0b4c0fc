//! How the element starts, commands and stops its controller.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Controller;
use super::inbox::{Command, ControllerChannels, LiveSettings};
use crate::session;
use crate::session::protocol::Feedback;
use crate::session::question::OneShotQuestion;
use crate::sink::config::plan::Plan;
use crate::sink::frames::feeder::Feeder;
use crate::sink::{CAT, OvershootSink};

/// Peer events and feedback that may wait; there are a handful in a stream's life.
const INBOX_CAPACITY: usize = 64;
/// Longest time that [`Handle::stop`] waits: for the session, and for webrtcbin to go down.
const STOP_TIMEOUT: Duration = session::CLOSE_TIMEOUT.saturating_add(Duration::from_millis(400));

/// A running controller.
pub struct Handle {
    stop: CancellationToken,
    end: CancellationToken,
    inbox: mpsc::Sender<Command>,
    done: std_mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Handle {
    /// Starts connecting.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        element: &OvershootSink,
        plan: Plan,
        video: Arc<Feeder>,
        live: LiveSettings,
    ) -> std::io::Result<Self> {
        let (inbox, received) = mpsc::channel(INBOX_CAPACITY);
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let channels = ControllerChannels {
            inbox: inbox.clone(),
            received,
            stop: stop.clone(),
            end: end.clone(),
        };
        let mut controller = Controller::new(element, plan, video, live, channels);
        let (finished, done) = std_mpsc::channel();
        let thread = thread::Builder::new()
            .name("overshoot-ctl".to_owned())
            .spawn(move || {
                controller.run();
                drop(controller);
                // Nobody waits any more where the bound was passed.
                let _ = finished.send(());
            })?;
        Ok(Self {
            stop,
            end,
            inbox,
            done,
            thread,
        })
    }

    /// The video has ended: the last answers are waited for, then EOS goes on.
    pub fn end(&self) {
        self.end.cancel();
    }

    /// # Errors
    /// Gives it back where too much waits already.
    pub fn give_feedback(&self, feedback: Feedback) -> Result<(), Feedback> {
        let sent = self.inbox.try_send(Command::Feedback(feedback));
        sent.map_err(|error| match error.into_inner() {
            Command::Feedback(feedback) => feedback,
            Command::Peer(..) | Command::Ask(_) => unreachable!("it was feedback"),
        })
    }

    /// Whether the question is on its way; it is not where too many wait already.
    pub fn ask(&self, ask: OneShotQuestion) -> bool {
        self.inbox.try_send(Command::Ask(ask)).is_ok()
    }

    /// Asks the controller to end everything; [`Handle::join`] waits for it.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits, with a bound, until the stream is deleted and everything is torn down.
    pub fn join(self) {
        self.stop();
        if self.thread.thread().id() == thread::current().id() {
            // From a signal handler: the controller ends as soon as the handler returns.
            gst::warning!(CAT, "stopped from within a signal handler");
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
                "closing takes longer than {STOP_TIMEOUT:?}; it goes on"
            ),
        }
    }
}
