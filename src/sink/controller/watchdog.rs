//! What is looked at once a second while video flows: whether it comes, arrives and is answered.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{Controller, Phase};
use crate::session::Api;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::OvershootSink;
use crate::sink::answers::{messages, stats};
use crate::sink::enums::State;

/// The first answer may take so long, and two intervals. Models that are not ready refuse the stream
/// at once, so this one is there.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The next ones may take so long, and two intervals, and twice the longest gap so far.
const NEXT_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Polls in a row at which video was sent and no packet came back, until the remote peer is given up: 12 s. Reports
/// come each second or so, by RFC 3550, 6.2 each 7.5 s at the latest.
const SILENCE_LIMIT: u32 = 12;

/// What is watched in one stream.
#[derive(Default)]
pub struct Watchdog {
    /// When the connection was made.
    since: Option<Instant>,
    /// When its first picture was seen to be sent.
    shown: Option<Instant>,
    /// When the last answer came.
    answered: Option<Instant>,
    /// The longest time from one to the next.
    longest_gap: Duration,
    /// The application was told that there is none.
    silence_told: bool,
    liveness: RemoteLiveness,
}

impl Watchdog {
    /// Of a stream whose video flows from now on.
    pub fn starts(&mut self) {
        *self = Self {
            since: Some(Instant::now()),
            ..Self::default()
        };
    }

    pub fn answered(&mut self) {
        let now = Instant::now();
        if let Some(before) = self.answered.replace(now) {
            self.longest_gap = self.longest_gap.max(now - before);
        }
        self.silence_told = false;
    }
}

/// Whether the far side is still there. webrtcbin (1.22, as tried) stays
/// connected whatever becomes of the connection: a cut, or an address of this machine that is gone.
#[derive(Default)]
struct RemoteLiveness {
    /// It reports about what it gets (RTCP). Of one that does not, silence means nothing.
    reports: bool,
    packets_received: u64,
    looked: Option<Instant>,
    /// Looks in a row.
    silent: u32,
}

impl RemoteLiveness {
    /// `sent`: when the last frame was. Whether the far side is gone.
    fn poll(&mut self, reports: bool, packets_received: u64, sent: Option<Instant>) -> bool {
        self.reports |= reports;
        let sends = self.looked.replace(Instant::now()) < sent;
        if std::mem::replace(&mut self.packets_received, packets_received) != packets_received {
            self.silent = 0;
        } else if sends {
            self.silent += 1;
        }
        self.reports && self.silent >= SILENCE_LIMIT
    }
}

impl Controller {
    pub(super) fn poll(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let attempt = match &self.phase {
            Phase::Streaming(attempt)
            | Phase::Flushing(attempt, _)
            | Phase::Draining(attempt, _) => attempt,
            Phase::Waiting(_) | Phase::Connecting(_) | Phase::Over => {
                self.stats_due = None;
                return Ok(());
            }
        };
        self.stats_due = Some(Instant::now() + stats::POLL_INTERVAL);
        self.stats.measure();
        let stats = self.stats.clone();
        attempt
            .peer
            .request_stats(move |report| stats.set_link_report(report));
        if matches!(self.phase, Phase::Streaming(_)) {
            let (packets_received, sent) = (
                attempt.peer.packets_received(),
                self.video.last_frame_sent(),
            );
            if self
                .watchdog
                .liveness
                .poll(self.stats.has_receiver_report(), packets_received, sent)
            {
                return Err(Error::new(
                    Kind::Media,
                    Stage::Media,
                    "Nothing has come back from the service for 12 s: the network is down, or this machine has another address now.",
                ));
            }
            self.check_input(element);
            self.check_answers(element)?;
        }
        Ok(())
    }

    /// A source that brings nothing while it should, and one that goes on.
    fn check_input(&mut self, element: &OvershootSink) {
        let silence = self.video.silence();
        let id = self.phase.stream_id();
        let tell = |reason: &str| {
            messages::post(element, messages::state(State::Streaming, id, Some(reason)));
        };
        // A pipeline that is paused brings nothing, either. Where live input is, the change to PAUSED
        // waits for a frame that does not come.
        let plays = element.current_state() == gst::State::Playing
            && element.pending_state() == gst::State::VoidPending;
        match silence {
            Some(silence) if plays && !self.stalled => {
                self.stalled = true;
                let error = Error::new(
                    Kind::Media,
                    Stage::Media,
                    format!(
                        "No video has come for {:.0} s: the source has stalled. Answers are about a still picture, and marked stale, until it goes on.",
                        silence.as_secs_f64()
                    ),
                );
                messages::post_failure(element, &error, false, true);
                tell("the input has stalled");
            }
            None if self.stalled => {
                self.stalled = false;
                tell("the input goes on");
            }
            _ => {}
        }
    }

    /// A connection that carries nothing, and a model that says nothing.
    fn check_answers(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Watchdog {
            since: Some(since),
            answered,
            longest_gap,
            silence_told,
            ..
        } = self.watchdog
        else {
            return Ok(());
        };
        // No answer can be expected before there is a picture.
        let Some(sent) = self.video.last_frame_sent().filter(|sent| *sent > since) else {
            return Ok(());
        };
        let shown = *self.watchdog.shown.get_or_insert_with(Instant::now);
        let arrives = self.stats.has_receiver_report();
        let first = answered.is_none();
        if first && !arrives && sent.saturating_duration_since(shown) > self.plan.timeout {
            return Err(Error::new(
                Kind::Media,
                Stage::Media,
                "The service has not acknowledged any video, though the connection is there: something on the way drops it. Open UDP in the firewall, or set turn-servers.",
            ));
        }
        // About video that was sent: a pipeline that is paused gets no answers.
        let silence = sent.saturating_duration_since(answered.unwrap_or(shown));
        if !silence_told && silence > patience(answered.map(|_| longest_gap), self.interval) {
            self.watchdog.silence_told = true;
            let cause = match arrives {
                true => {
                    "The video arrives, so the model may be slow or overloaded: try another model, a shorter clip or fewer output tokens."
                }
                false => {
                    "The video is not acknowledged either: a firewall may drop it. Open UDP, or set turn-servers."
                }
            };
            let error = Error::new(
                Kind::Timeout,
                match self.plan.api {
                    Api::V02 => Stage::Socket,
                    Api::V1 => Stage::Ask,
                },
                format!(
                    "No answer has come for {:.0} s. {cause}",
                    silence.as_secs_f64()
                ),
            );
            messages::post_failure(element, &error, false, true);
        }
        Ok(())
    }
}

/// How long no answer is nothing to tell about, at this interval; with the longest gap between two
/// answers so far, where there was one.
fn patience(longest_gap: Option<Duration>, interval: Duration) -> Duration {
    let bound = match longest_gap {
        None => FIRST_ANSWER_TIMEOUT,
        Some(gap) => NEXT_ANSWER_TIMEOUT.max(gap * 2),
    };
    bound + interval * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many looks the far side is given up; none in a minute: `None`.
    fn given_up(mut at: impl FnMut(u64) -> (bool, u64, bool)) -> Option<u64> {
        let mut liveness = RemoteLiveness::default();
        (1..=60).find(|look| {
            let (reports, packets_received, sends) = at(*look);
            liveness.poll(reports, packets_received, sends.then(Instant::now))
        })
    }

    #[test]
    fn patience_grows_with_the_gaps() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(None, seconds(1)), seconds(12));
        assert_eq!(patience(Some(Duration::ZERO), seconds(1)), seconds(32));
        assert_eq!(patience(Some(seconds(10)), seconds(1)), seconds(32));
        // A model that takes half a minute is told about once.
        assert_eq!(patience(Some(seconds(33)), seconds(1)), seconds(68));
    }

    #[test]
    fn silence_counts_of_those_that_report_while_something_is_sent() {
        // Heard for five looks.
        assert_eq!(given_up(|look| (true, look.min(5), true)), Some(17));
        // A report each eight looks.
        assert_eq!(given_up(|look| (true, look / 8, true)), None);
        // Nothing is sent that could be reported about.
        assert_eq!(given_up(|look| (true, look.min(5), look < 12)), None);
        // It never reported.
        assert_eq!(given_up(|look| (false, look.min(5), true)), None);
        // Reported once, as far as webrtcbin could tell.
        let once = given_up(|look| (look == 3, look.min(5), true));
        assert_eq!(once, Some(17));
    }
}
