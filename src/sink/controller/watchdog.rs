// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Checks once a second, while video flows: the source delivers video, the service receives it, and answers arrive.

use std::time::{Duration, Instant};

use gst::prelude::*;

use super::report;
use super::{Controller, Phase};
use crate::session::Api;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::OvershootSink;
use crate::sink::answers::{messages, stats};
use crate::sink::enums::State;
use crate::sink::frames::scene::Still;

/// The first answer may take this long plus two intervals. A model that is not ready makes the service refuse the
/// stream at once, so the model of a running stream is ready.
pub(super) const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The first frame of a source may take this long. Files wait for the connection, and the pipeline with them.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);

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
    last_poll: Option<Instant>,
    /// When the pipeline was last found paused.
    paused: Option<Instant>,
    /// Only time in which video came in counts: a paused pipeline gets no answers.
    awaited: AwaitedAnswers,
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
        self.awaited.answer_arrived();
        self.silence_reported = false;
    }

    /// When the connection was made.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    fn set_playing(&mut self, is_playing: bool, now: Instant) {
        if !is_playing {
            self.paused = Some(now);
        }
    }

    /// Counts the time since the last poll if the pipeline plays and video comes.
    fn count_time(&mut self, video_comes: bool, now: Instant) {
        let since_poll = self.last_poll.replace(now).map(|poll| now - poll);
        if let Some(time) = since_poll.filter(|_| video_comes) {
            self.awaited.time += time;
        }
    }
}

/// For how long video came in without an answer.
#[derive(Default)]
struct AwaitedAnswers {
    /// The time since the connection was made, or since the last answer.
    time: Duration,
    /// The longest time from one answer to the next; `None` before the first answer.
    longest_gap: Option<Duration>,
}

impl AwaitedAnswers {
    fn answer_arrived(&mut self) {
        let time = std::mem::take(&mut self.time);
        self.longest_gap = Some(match self.longest_gap {
            Some(longest) => longest.max(time),
            None => Duration::ZERO,
        });
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
            Phase::Idle(_) => {
                self.next_poll = Some(Instant::now() + stats::POLL_INTERVAL);
                self.check_input(element);
                return Ok(());
            }
            Phase::Waiting(_) | Phase::Connecting(_) | Phase::Spent => {
                self.next_poll = Some(Instant::now() + stats::POLL_INTERVAL);
                self.check_first_frame(element);
                return Ok(());
            }
            Phase::Ended(_) | Phase::Over => {
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
            self.check_first_frame(element);
            self.check_input(element);
            self.check_answers(element)?;
            self.rest_if_idle(element);
        }
        Ok(())
    }

    /// Warns once of a source from which no frame has ever arrived, although the pipeline plays.
    fn check_first_frame(&mut self, element: &OvershootSink) {
        if self.video.newest_arrival().is_some() || !is_playing(element) {
            self.waiting_since = None;
            return;
        }
        let waited = self
            .waiting_since
            .get_or_insert_with(Instant::now)
            .elapsed();
        if waited >= FIRST_FRAME_TIMEOUT && !std::mem::replace(&mut self.no_frame_reported, true) {
            let error = Error::new(
                Kind::Media,
                Stage::Media,
                format!(
                    "No video has arrived for {:.0} s since the start: there are no answers until it does. Check the source in front of overshootsink, for example a camera that sends nothing or a valve that is shut.",
                    waited.as_secs_f64()
                ),
            );
            report::post_failure(element, &error, false, self.streamed);
        }
    }

    /// Reports a source that delivers no video although the pipeline plays, and one that resumes.
    fn check_input(&mut self, element: &OvershootSink) {
        let is_playing = is_playing(element);
        self.watchdog.set_playing(is_playing, Instant::now());
        let silence = self.video.silence(self.watchdog.paused);
        let video_comes = silence.is_none() && self.video.newest_arrival() > self.watchdog.since;
        self.watchdog
            .count_time(is_playing && video_comes, Instant::now());
        let id = self.phase.stream_id();
        let state = match self.phase {
            Phase::Idle(_) => State::Idle,
            _ => State::Streaming,
        };
        let post_state = |reason: &str| {
            report::post(element, messages::state(state, id, Some(reason)));
        };
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
                report::post_failure(element, &error, false, true);
                post_state("the input has stalled");
            }
            _ if self.stalled && self.video.silence(None).is_none() => {
                self.stalled = false;
                post_state("the input goes on");
            }
            _ => {}
        }
    }

    /// Detects a connection that drops all video, and warns if the model does not answer.
    fn check_answers(&mut self, element: &OvershootSink) -> Result<(), Error> {
        // Nothing is asked.
        if self.account.used_up().is_some() {
            self.watchdog.answer_arrived();
            return Ok(());
        }
        let waited = self.watchdog.awaited.time;
        let longest_gap = self.watchdog.awaited.longest_gap;
        let sent = self.video.last_frame_sent() > self.watchdog.since;
        let acknowledged = self.watchdog.liveness.has_reports;
        if longest_gap.is_none() && sent && !acknowledged && waited > self.plan.timeout {
            return Err(Error::new(
                Kind::Media,
                Stage::Media,
                "The service has not acknowledged any video, although the connection is established: something in the network drops it. Open UDP in the firewall, or set turn-servers.",
            ));
        }
        if self.is_on_demand() || (self.plan.awaits_events() && self.plan.api == Api::V1) {
            // No answer is awaited. Whether the video arrives still counts.
            if acknowledged {
                self.watchdog.awaited.time = Duration::ZERO;
            }
            return Ok(());
        }
        let still = self.plan.still().filter(|_| self.plan.api == Api::V1);
        let interval = match still {
            // Nothing is asked until the scene changes.
            Some(Still { every: None, .. }) if longest_gap.is_some() => {
                self.watchdog.awaited.time = Duration::ZERO;
                return Ok(());
            }
            Some(Still {
                every: Some(every), ..
            }) => self.interval.max(every),
            _ => self.interval,
        };
        let timeout = answer_timeout(longest_gap, interval);
        if !self.watchdog.silence_reported && waited > timeout {
            self.watchdog.silence_reported = true;
            let cause = match (sent, acknowledged) {
                (false, _) => {
                    "None of the video that arrives could be sent: encoded video needs a key frame first. Let the source send key frames more often."
                }
                (true, true) => {
                    "The video arrives, so the model may be slow or overloaded: set another model, a smaller clip-length-seconds or a smaller max-output-tokens."
                }
                (true, false) => {
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
                    waited.as_secs_f64()
                ),
            );
            report::post_failure(element, &error, false, true);
        }
        Ok(())
    }
}

/// Whether the pipeline plays. A paused pipeline delivers no frames.
fn is_playing(element: &OvershootSink) -> bool {
    element.current_state() == gst::State::Playing
        && element.pending_state() == gst::State::VoidPending
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
    fn a_pause_is_no_silence() {
        let start = Instant::now();
        let mut watchdog = Watchdog::default();
        for second in 0..=90 {
            let paused = (11..=80).contains(&second);
            watchdog.count_time(!paused, start + Duration::from_secs(second));
        }
        assert_eq!(watchdog.awaited.time, Duration::from_secs(20));
        assert!(watchdog.awaited.time < answer_timeout(Some(Duration::ZERO), Duration::ZERO));
    }

    #[test]
    fn the_gaps_count_from_the_first_answer_on() {
        let seconds = Duration::from_secs;
        let mut awaited = AwaitedAnswers::default();
        let gaps = [9, 1, 4, 2].map(|time| {
            awaited.time += seconds(time);
            awaited.answer_arrived();
            assert_eq!(awaited.time, Duration::ZERO);
            awaited.longest_gap
        });
        // The first answer also waits for the connection and the first clip.
        assert_eq!(gaps, [0, 1, 4, 4].map(|gap| Some(seconds(gap))));
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
