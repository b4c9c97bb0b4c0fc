// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks once a second, while video flows: the source delivers video, the service receives it, and answers arrive.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{Controller, Phase};
use crate::session::Api;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::OvershootSink;
use crate::sink::answers::{messages, stats};
use crate::sink::enums::State;

/// The first answer may take this long plus two intervals. A model that is not ready makes the service refuse the
/// stream at once, so the model of a running stream is ready.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Each later answer may take this long, or twice the longest gap so far if that is longer, plus two intervals.
const NEXT_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// After this many polls in a row in which video was sent and no packet came back, the connection counts as lost: 12
/// s. Reports arrive about once a second, and by RFC 3550, 6.2, every 7.5 s at the latest.
const SILENCE_LIMIT: u32 = 12;

/// The observations about one stream.
#[derive(Default)]
pub struct Watchdog {
    /// When the connection was made.
    since: Option<Instant>,
    /// When a poll first found that a frame had been sent.
    first_frame_seen: Option<Instant>,
    /// When the last answer arrived.
    last_answer: Option<Instant>,
    /// The longest time from one answer to the next.
    longest_gap: Duration,
    /// The application has been warned that no answer arrives.
    silence_reported: bool,
    liveness: RemoteLiveness,
}

impl Watchdog {
    /// Starts again for a stream whose video flows from now on.
    pub fn restart(&mut self) {
        *self = Self {
            since: Some(Instant::now()),
            ..Self::default()
        };
    }

    pub fn answer_arrived(&mut self) {
        let now = Instant::now();
        if let Some(previous) = self.last_answer.replace(now) {
            self.longest_gap = self.longest_gap.max(now - previous);
        }
        self.silence_reported = false;
    }
}

/// Whether the remote peer can still be reached. webrtcbin (1.22, as tested) stays connected even if the network is
/// cut or this machine loses its address.
#[derive(Default)]
struct RemoteLiveness {
    /// The remote peer has sent receiver reports (RTCP). Without reports, silence means nothing.
    has_reports: bool,
    packets_received: u64,
    last_poll: Option<Instant>,
    /// The number of polls since a packet came back, of those in which video was sent.
    silent_polls: u32,
}

impl RemoteLiveness {
    /// Returns `true` if the remote peer can no longer be reached. `last_sent`: when the last frame was sent.
    fn poll(
        &mut self,
        has_reports: bool,
        packets_received: u64,
        last_sent: Option<Instant>,
    ) -> bool {
        self.has_reports |= has_reports;
        let video_sent = self.last_poll.replace(Instant::now()) < last_sent;
        if std::mem::replace(&mut self.packets_received, packets_received) != packets_received {
            self.silent_polls = 0;
        } else if video_sent {
            self.silent_polls += 1;
        }
        self.has_reports && self.silent_polls >= SILENCE_LIMIT
    }
}

impl Controller {
    /// Checks the stream, and updates the statistics.
    pub(super) fn poll(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let attempt = match &self.phase {
            Phase::Streaming(attempt)
            | Phase::Flushing(attempt, _)
            | Phase::Draining(attempt, _) => attempt,
            Phase::Waiting(_) | Phase::Connecting(_) | Phase::Over => {
                self.next_poll = None;
                return Ok(());
            }
        };
        self.next_poll = Some(Instant::now() + stats::POLL_INTERVAL);
        self.stats.measure();
        let stats = self.stats.clone();
        attempt
            .peer
            .request_stats(move |report| stats.set_link_report(report));
        if matches!(self.phase, Phase::Streaming(_)) {
            let (packets_received, last_sent) = (
                attempt.peer.packets_received(),
                self.video.last_frame_sent(),
            );
            if self.watchdog.liveness.poll(
                self.stats.has_receiver_report(),
                packets_received,
                last_sent,
            ) {
                return Err(Error::new(
                    Kind::Media,
                    Stage::Media,
                    "No packet has come back from the service for 12 s: the network is down, or this machine's address has changed. Check the network.",
                ));
            }
            self.check_input(element);
            self.check_answers(element)?;
        }
        Ok(())
    }

    /// Reports a source that delivers no video although the pipeline plays, and one that resumes.
    fn check_input(&mut self, element: &OvershootSink) {
        let silence = self.video.silence();
        let id = self.phase.stream_id();
        let post_state = |reason: &str| {
            messages::post(element, messages::state(State::Streaming, id, Some(reason)));
        };
        // A paused pipeline delivers nothing either. With live input, the change to PAUSED stays pending: it waits
        // for a frame that does not come.
        let is_playing = element.current_state() == gst::State::Playing
            && element.pending_state() == gst::State::VoidPending;
        match silence {
            Some(silence) if is_playing && !self.stalled => {
                self.stalled = true;
                let error = Error::new(
                    Kind::Media,
                    Stage::Media,
                    format!(
                        "No video has arrived for {:.0} s: the source has stalled. Until it continues, answers are about a still picture and marked stale. Check the source in front of overshootsink.",
                        silence.as_secs_f64()
                    ),
                );
                messages::post_failure(element, &error, false, true);
                post_state("the input has stalled");
            }
            None if self.stalled => {
                self.stalled = false;
                post_state("the input goes on");
            }
            _ => {}
        }
    }

    /// Detects a connection that drops all video, and warns if the model does not answer.
    fn check_answers(&mut self, element: &OvershootSink) -> Result<(), Error> {
        let Watchdog {
            since: Some(since),
            last_answer,
            longest_gap,
            silence_reported,
            ..
        } = self.watchdog
        else {
            return Ok(());
        };
        // No answer can come before a frame was sent.
        let Some(last_sent) = self.video.last_frame_sent().filter(|sent| *sent > since) else {
            return Ok(());
        };
        let first_frame_seen = *self
            .watchdog
            .first_frame_seen
            .get_or_insert_with(Instant::now);
        let acknowledged = self.stats.has_receiver_report();
        let sending_time = last_sent.saturating_duration_since(first_frame_seen);
        if last_answer.is_none() && !acknowledged && sending_time > self.plan.timeout {
            return Err(Error::new(
                Kind::Media,
                Stage::Media,
                "The service has not acknowledged any video, although the connection is established: something in the network drops it. Open UDP in the firewall, or set turn-servers.",
            ));
        }
        // Only time in which video was sent counts: a paused pipeline gets no answers.
        let silence = last_sent.saturating_duration_since(last_answer.unwrap_or(first_frame_seen));
        let timeout = answer_timeout(last_answer.map(|_| longest_gap), self.interval);
        if !silence_reported && silence > timeout {
            self.watchdog.silence_reported = true;
            let cause = match acknowledged {
                true => {
                    "The video arrives, so the model may be slow or overloaded: set another model, a smaller clip-length-seconds or a smaller max-output-tokens."
                }
                false => {
                    "The service does not acknowledge the video either: a firewall may drop it. Open UDP in the firewall, or set turn-servers."
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

/// How long the next answer may take before a warning is posted. `longest_gap`: the longest time between two answers
/// so far, or `None` before the first answer.
fn answer_timeout(longest_gap: Option<Duration>, interval: Duration) -> Duration {
    let bound = match longest_gap {
        None => FIRST_ANSWER_TIMEOUT,
        Some(gap) => NEXT_ANSWER_TIMEOUT.max(gap * 2),
    };
    bound + interval * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the poll at which the connection counts as lost. `None` if there is none in a minute.
    /// `observe` gives for each poll: reports exist, packets received, video was sent.
    fn lost_at_poll(mut observe: impl FnMut(u64) -> (bool, u64, bool)) -> Option<u64> {
        let mut liveness = RemoteLiveness::default();
        (1..=60).find(|poll| {
            let (has_reports, packets_received, video_sent) = observe(*poll);
            liveness.poll(has_reports, packets_received, video_sent.then(Instant::now))
        })
    }

    #[test]
    fn the_timeout_grows_with_the_gaps() {
        let seconds = Duration::from_secs;
        assert_eq!(answer_timeout(None, seconds(1)), seconds(12));
        assert_eq!(
            answer_timeout(Some(Duration::ZERO), seconds(1)),
            seconds(32)
        );
        assert_eq!(answer_timeout(Some(seconds(10)), seconds(1)), seconds(32));
        // A model that needs half a minute for each answer causes one warning only.
        assert_eq!(answer_timeout(Some(seconds(33)), seconds(1)), seconds(68));
    }

    #[test]
    fn silence_counts_only_if_reports_came_and_video_is_sent() {
        // Packets come back in the first five polls only.
        assert_eq!(lost_at_poll(|poll| (true, poll.min(5), true)), Some(17));
        // A packet comes back every eight polls.
        assert_eq!(lost_at_poll(|poll| (true, poll / 8, true)), None);
        // No video is sent after poll 11.
        assert_eq!(lost_at_poll(|poll| (true, poll.min(5), poll < 12)), None);
        // The remote peer never sends reports.
        assert_eq!(lost_at_poll(|poll| (false, poll.min(5), true)), None);
        // webrtcbin shows a report only once.
        let once = lost_at_poll(|poll| (poll == 3, poll.min(5), true));
        assert_eq!(once, Some(17));
    }
}
