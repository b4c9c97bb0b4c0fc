// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The statistics of the connection in the property `stats`. Each event is counted where it happens, and
//! reading never waits. Fields with unknown values are absent.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

use super::link_stats::LinkStats;
use super::messages;
use super::sent_frames::{CaptureTime, FrameTimes, Moment, SentFrames, Taken};
use crate::lock::lock;
use crate::session::protocol::LeaseRenewal;
use crate::session::{Answer, FrameHistory, SentFrame};

/// How often the statistics of webrtcbin are read.
pub const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// A longer measured round trip is not believed.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(10);
/// Number of newest answers whose latency is kept.
const MAX_LATENCIES: usize = 256;

/// The RTP packets that went to webrtcbin, over all connections.
#[derive(Default)]
struct SentCounters {
    frames: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    newest: Mutex<SentFrames>,
    newest_pts: Mutex<Option<gst::ClockTime>>,
    /// When the first packet of the frame that is being sent was sent.
    begun: Mutex<Option<Instant>>,
}

/// The last frame may be sent once more (`frames/`), with a timestamp that is this much later.
const REPEAT_STEP: gst::ClockTime = gst::ClockTime::MSECOND;

/// The values that are not plain counters.
struct Gauges {
    api_url: Option<String>,
    connected: Option<Duration>,
    first_frame: Option<Duration>,
    first_answer: Option<Duration>,
    latencies: VecDeque<Duration>,
    reconnects: u64,
    lease: Option<f64>,
    credits: Option<f64>,
    encoder: Option<String>,
    passthrough: Option<bool>,
    /// The target bitrate of the encoder, in bit/s.
    target: Option<u32>,
    /// When the sent bytes were last counted, and their number.
    measured: Option<(Instant, u64)>,
    /// The measured bitrate, in bit/s.
    bitrate: Option<u64>,
    link: LinkStats,
    history: FrameHistory,
}

/// The statistics. The element, its controller and its streaming threads share them.
pub struct Stats {
    started: Instant,
    sent: SentCounters,
    gauges: Mutex<Gauges>,
}

impl Default for Stats {
    /// New statistics; their times count from this call.
    fn default() -> Self {
        Self {
            started: Instant::now(),
            sent: SentCounters::default(),
            gauges: Mutex::new(Gauges {
                api_url: None,
                connected: None,
                first_frame: None,
                first_answer: None,
                latencies: VecDeque::new(),
                reconnects: 0,
                lease: None,
                credits: None,
                encoder: None,
                passthrough: None,
                target: None,
                measured: None,
                bitrate: None,
                link: LinkStats::default(),
                history: FrameHistory::default(),
            }),
        }
    }
}

impl Stats {
    fn gauges(&self) -> MutexGuard<'_, Gauges> {
        lock(&self.gauges)
    }

    /// Starts to count the RTP packets that leave the pad `src`. `encoder` makes the video, with a target of
    /// `bitrate` (bit/s). `None`: the video is passed through. `running_time`
    /// finds that of the frame with a timestamp of the chain.
    pub fn start_counting(
        self: &Arc<Self>,
        src: &gst::Pad,
        encoder: Option<&gst::Element>,
        bitrate: u32,
        running_time: impl Fn(gst::ClockTime) -> Option<gst::ClockTime> + Send + Sync + 'static,
    ) {
        let name = encoder.and_then(|encoder| Some(encoder.factory()?.name().to_string()));
        {
            let mut gauges = self.gauges();
            gauges.encoder = name;
            gauges.passthrough = Some(encoder.is_none());
            gauges.target = encoder.map(|_| bitrate);
            gauges.link = LinkStats::default();
            gauges.measured = None;
            gauges.bitrate = None;
        }
        let this = self.clone();
        let weak = src.downgrade();
        let kind = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        src.add_probe(kind, move |_, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(packet)) => {
                    this.count_packet(packet, &weak, &running_time)
                }
                Some(gst::PadProbeData::BufferList(packets)) => {
                    packets
                        .iter()
                        .for_each(|packet| this.count_packet(packet, &weak, &running_time));
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn count_packet(
        &self,
        packet: &gst::BufferRef,
        src: &glib::WeakRef<gst::Pad>,
        running_time: &impl Fn(gst::ClockTime) -> Option<gst::ClockTime>,
    ) {
        self.sent.packets.fetch_add(1, Relaxed);
        self.sent.bytes.fetch_add(packet.size() as u64, Relaxed);
        let mut head = [0; 2];
        // The marker bit is set on the last packet of a frame (RFC 3550, 5.1; RFC 7741, 4.1; RFC 6184, 5.1).
        let ends = packet.copy_to_slice(0, &mut head).is_ok() && head[1] & 0x80 != 0;
        let begun = {
            let mut begun = lock(&self.sent.begun);
            let first = *begun.get_or_insert_with(Instant::now);
            if ends {
                *begun = None;
            }
            first
        };
        if !ends {
            return;
        }
        if self.sent.frames.fetch_add(1, Relaxed) == 0 {
            self.gauges().first_frame = Some(self.started.elapsed());
        }
        // The PTS of a packet is the frame's capture time, in the running time of the chain (see `Feeder`).
        let src = src.upgrade();
        let chain = src.as_ref().and_then(|src| src.parent_element());
        let now = chain.and_then(|chain| chain.current_running_time());
        // x264enc moves the segment and the timestamps by 1000 hours.
        let pts = src.zip(packet.pts()).and_then(|(src, pts)| {
            let event = src.sticky_event::<gst::event::Segment>(0)?;
            let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
            segment.to_running_time(pts)
        });
        let Some((now, pts)) = now.zip(pts) else {
            return;
        };
        let before = lock(&self.sent.newest_pts).replace(pts);
        // The frame before was sent once more: it is no new one.
        if before.is_some_and(|before| pts > before && pts - before <= REPEAT_STEP) {
            return;
        }
        let (sent, age) = (Instant::now(), now.saturating_sub(pts));
        let Some(captured) = sent.checked_sub(age.into()) else {
            return;
        };
        lock(&self.sent.newest).add(FrameTimes {
            begun,
            sent,
            captured,
            running_time: running_time(pts),
        });
    }

    /// The newest frame that was sent at or before `then`.
    pub fn frame_sent_by(&self, then: Instant) -> Option<SentFrame> {
        let newest = lock(&self.sent.newest);
        let &FrameTimes { sent, captured, .. } = newest.sent_by(then)?;
        Some(SentFrame {
            sent,
            captured,
            scene: sent,
        })
    }

    /// The frame that an answer is about.
    pub fn frame_of_answer(&self, taken: Taken, answer: &Answer) -> Option<CaptureTime> {
        let round_trip = self.gauges().link.rtt;
        let round_trip = round_trip.and_then(|rtt| Duration::try_from_secs_f64(rtt).ok());
        lock(&self.sent.newest).of_answer(&Moment {
            taken,
            end_offset: answer.end_offset,
            thinned_by: answer.thinned_by,
            round_trip: round_trip.map(|rtt| rtt.min(MAX_ROUND_TRIP)),
        })
    }

    /// Records the address of the service that is used.
    pub fn set_api_url(&self, url: &str) {
        self.gauges().api_url = Some(url.to_owned());
    }

    /// Records a new target bitrate of the encoder, in bit/s.
    pub fn set_target(&self, bitrate: u32) {
        self.gauges().target = Some(bitrate);
    }

    /// Records that a connection was made.
    pub fn connected(&self) {
        let mut gauges = self.gauges();
        gauges
            .connected
            .get_or_insert_with(|| self.started.elapsed());
        gauges.measured = Some((Instant::now(), self.sent.bytes.load(Relaxed)));
    }

    /// Counts an attempt at a new stream, after the loss of one.
    pub fn reconnects(&self) {
        self.gauges().reconnects += 1;
        self.disconnected();
    }

    /// Forgets what was measured on a connection that is gone.
    pub fn disconnected(&self) {
        let mut gauges = self.gauges();
        gauges.link = LinkStats::default();
        gauges.history = FrameHistory::default();
        gauges.measured = None;
        gauges.bitrate = None;
    }

    /// Whether the remote peer has sent an RTCP report about the video of this connection.
    pub fn has_receiver_report(&self) -> bool {
        self.gauges().link.rtt.is_some()
    }

    /// Records an answer and its latency.
    pub fn answer(&self, answer: &Answer) {
        let mut gauges = self.gauges();
        let since = answer.arrived.saturating_duration_since(self.started);
        gauges.first_answer.get_or_insert(since);
        if let Some(latency) = messages::latency(answer) {
            if gauges.latencies.len() == MAX_LATENCIES {
                gauges.latencies.pop_front();
            }
            gauges.latencies.push_back(latency);
        }
    }

    /// Records a renewal of the lease.
    pub fn renewed(&self, renewed: &LeaseRenewal) {
        let mut gauges = self.gauges();
        gauges.lease = renewed.ttl_seconds.or(gauges.lease);
        gauges.credits = renewed.credits_remaining_cents.or(gauges.credits);
    }

    /// Records what the service has of the video.
    pub fn set_history(&self, history: FrameHistory) {
        self.gauges().history = history;
    }

    /// Computes the bitrate since the last call.
    pub fn measure(&self) {
        let (now, bytes) = (Instant::now(), self.sent.bytes.load(Relaxed));
        let mut gauges = self.gauges();
        if let Some((before, sent)) = gauges.measured.replace((now, bytes)) {
            let seconds = now.duration_since(before).as_secs_f64();
            if seconds > 0.0 {
                let bits = bytes.saturating_sub(sent) as f64 * 8.0;
                gauges.bitrate = Some((bits / seconds) as u64);
            }
        }
    }

    /// Stores webrtcbin's reply to `get-stats`.
    pub fn set_link_report(&self, report: &gst::StructureRef) {
        let link = LinkStats::of(report);
        self.gauges().link = link;
    }

    /// Adds all fields to `stats`.
    pub fn add_to(&self, stats: &mut gst::StructureRef) {
        stats.set("frames-sent", self.sent.frames.load(Relaxed));
        stats.set("packets-sent", self.sent.packets.load(Relaxed));
        stats.set("bytes-sent", self.sent.bytes.load(Relaxed));
        let gauges = self.gauges();
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        stats.set("reconnects", gauges.reconnects);
        stats.set_if_some("api-url", gauges.api_url.as_deref());
        stats.set_if_some("encoder", gauges.encoder.as_deref());
        stats.set_if_some("passthrough", gauges.passthrough);
        stats.set_if_some("bitrate", gauges.bitrate);
        stats.set_if_some("bitrate-target", gauges.target);
        stats.set_if_some("connect-ms", gauges.connected.map(milliseconds));
        stats.set_if_some("first-frame-ms", gauges.first_frame.map(milliseconds));
        stats.set_if_some("first-answer-ms", gauges.first_answer.map(milliseconds));
        let mut sorted: Vec<_> = gauges.latencies.iter().copied().collect();
        sorted.sort_unstable();
        for (name, percent) in [("answer-latency-p50-ms", 50), ("answer-latency-p95-ms", 95)] {
            stats.set_if_some(name, percentile(&sorted, percent).map(milliseconds));
        }
        stats.set_if_some("lease-seconds", gauges.lease);
        stats.set_if_some("credits-cents", gauges.credits);
        stats.set_if_some("recent-fps", gauges.history.recent_fps);
        stats.set_if_some("frames-retained", gauges.history.retained);
        stats.set_if_some("frames-evicted", gauges.history.evicted);
        gauges.link.add_to(stats);
    }
}

/// The percentile of sorted values, by the nearest-rank method.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_use_the_nearest_rank() {
        let ms = |n| Duration::from_millis(n);
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[ms(7)], 95), Some(ms(7)));
        let hundred: Vec<_> = (1..=100).map(ms).collect();
        assert_eq!(percentile(&hundred, 50), Some(ms(50)));
        assert_eq!(percentile(&hundred, 95), Some(ms(95)));
    }

    #[test]
    fn unknown_values_are_absent() {
        gst::init().expect("GStreamer");
        let mut shown = gst::Structure::new_empty("overshoot-stats");
        Stats::default().add_to(&mut shown);
        let fields: Vec<_> = shown.fields().map(|name| name.to_string()).collect();
        let counters = ["frames-sent", "packets-sent", "bytes-sent", "reconnects"];
        assert_eq!(fields, counters);
    }
}
