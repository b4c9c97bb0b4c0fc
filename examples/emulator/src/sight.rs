//! A stream's memory of its newest frames, and what an answer says about some of them.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::Notify;

use crate::codes::Codes;
use crate::colour;
use crate::look::{self, Look, motion};
use crate::record::{Mode, Sample};
use crate::util::lock;
use crate::validate::Sampling;

/// The clock of RTP video, RFC 3551.
pub(crate) const RTP_CLOCK: f64 = 90_000.0;
/// The frame rate is measured over at least this long, where there is that much.
const RATE_WINDOW: f64 = 1.0;
/// No more frames than this are remembered: a minute, the longest clip, at 60/s.
const REMEMBERED: usize = 3_600;

/// A decoded frame with its measures.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub rtp_time: u64,
    /// When its first packet arrived.
    pub arrived: Instant,
    pub look: Look,
    /// The QR codes; `None`: not looked for.
    pub codes: Option<Codes>,
}

/// The newest frames of a stream.
pub(crate) struct Eyes {
    sampling: Sampling,
    inner: Mutex<Inner>,
    /// Told of every frame.
    pub(crate) seen: Notify,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Seen>,
    /// The newest frame's picture, whole, so that its QR codes can be read if it is sampled.
    newest: Option<gst::Sample>,
    /// What the sampler took, for as long as a clip is; a repeat stands here again.
    sampled: VecDeque<Seen>,
}

/// The frames of one answer.
pub(crate) struct Taken {
    pub frames: Vec<Seen>,
    pub fps: Option<f64>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sight {
    pub width: u32,
    pub height: u32,
    pub fps: Option<f64>,
    pub rgb: [u8; 3],
    pub brightness: f64,
    pub motion: Option<f64>,
    /// Where the light is, of the newest frame.
    pub position: Option<&'static str>,
    /// In the order in which they were seen, each once.
    pub codes: Vec<String>,
    pub frames: usize,
}

impl Eyes {
    pub(crate) fn new(sampling: Sampling) -> Self {
        Eyes {
            sampling,
            inner: Mutex::new(Inner::default()),
            seen: Notify::new(),
        }
    }

    pub(crate) fn see(&self, seen: Seen, sample: gst::Sample) {
        let length = match self.sampling {
            Sampling::Clip { length, .. } => length.max(RATE_WINDOW),
            Sampling::Frame { .. } => RATE_WINDOW,
        };
        let oldest = seen.rtp_time.saturating_sub(ticks(length + 0.1));
        {
            let mut inner = lock(&self.inner);
            inner.frames.push_back(seen);
            while inner.frames.len() > REMEMBERED
                || inner.frames.front().is_some_and(|f| f.rtp_time < oldest)
            {
                inner.frames.pop_front();
            }
            inner.newest = Some(sample);
        }
        self.seen.notify_one();
    }

    /// The sampler takes the newest frame, whatever that is.
    pub(crate) fn sample(&self, now: Instant) -> Option<(Sample, Codes)> {
        let most = match self.sampling {
            Sampling::Clip {
                target_fps, length, ..
            } => ((f64::from(target_fps) * length).round() as usize).max(1),
            Sampling::Frame { .. } => 1,
        };
        let mut inner = lock(&self.inner);
        let picture = inner.newest.clone();
        let frame = inner.frames.back_mut()?;
        let codes = frame
            .codes
            .get_or_insert_with(|| match picture {
                Some(picture) => Codes::by(move || look::codes(&picture)),
                None => Codes::known(Vec::new()),
            })
            .clone();
        let frame = frame.clone();
        let sample = Sample {
            at: now,
            rtp_time: frame.rtp_time,
            age: now.saturating_duration_since(frame.arrived),
            repeat: inner
                .sampled
                .back()
                .is_some_and(|last| last.rtp_time == frame.rtp_time),
        };
        if inner.sampled.len() >= most {
            inner.sampled.pop_front();
        }
        inner.sampled.push_back(frame);
        Some((sample, codes))
    }

    /// The frames of an answer given now; `None` where the sampler took none newer than `after`.
    pub(crate) fn take(&self, after: Option<u64>) -> Option<Taken> {
        let inner = lock(&self.inner);
        let newest = inner.sampled.back()?;
        if after.is_some_and(|after| newest.rtp_time <= after) {
            return None;
        }
        let mut frames: Vec<Seen> = Vec::new();
        if let Sampling::Frame { .. } = self.sampling {
            // The frame before it is only there to tell motion.
            let mut older = inner.frames.iter().rev();
            frames.extend(older.find(|f| f.rtp_time < newest.rtp_time).cloned());
            frames.push(newest.clone());
        } else {
            frames.extend(inner.sampled.iter().cloned());
            // The same picture again shows nothing more.
            frames.dedup_by_key(|frame| frame.rtp_time);
        }
        Some(Taken {
            fps: rate(inner.frames.iter().map(|frame| frame.rtp_time)),
            frames,
        })
    }

    /// Lets go of all pictures.
    pub(crate) fn forget(&self) {
        *lock(&self.inner) = Inner::default();
    }

    /// The sampling that decides what an answer is about.
    pub(crate) fn sampling(&self) -> Sampling {
        self.sampling
    }
}

fn ticks(seconds: f64) -> u64 {
    (seconds * RTP_CLOCK) as u64
}

/// Frames a second of the last second, by their RTP times, the newest last.
pub(crate) fn rate(times: impl DoubleEndedIterator<Item = u64> + Clone) -> Option<f64> {
    let newest = times.clone().next_back()?;
    let from = newest.saturating_sub(ticks(RATE_WINDOW));
    let recent = times.filter(|time| *time >= from);
    let span = (newest - recent.clone().min()?) as f64 / RTP_CLOCK;
    let count = recent.count();
    (count > 1 && span > 0.0).then(|| (count - 1) as f64 / span)
}

impl Taken {
    /// The newest frame.
    pub(crate) fn newest(&self) -> Option<&Seen> {
        self.frames.last()
    }

    /// Reads the codes of what the answer is about.
    pub(crate) async fn read(&self) {
        for codes in self.frames.iter().filter_map(|frame| frame.codes.as_ref()) {
            codes.read().await;
        }
    }

    /// Puts it together: of all frames in clip mode, else of the newest one.
    pub(crate) fn sight(&self, mode: Mode) -> Option<Sight> {
        let newest = self.newest()?;
        let motions: Vec<f64> = self
            .frames
            .windows(2)
            .filter_map(|pair| match pair {
                [one, other] => Some(motion(&one.look, &other.look)),
                _ => None,
            })
            .collect();
        let about: &[Seen] = match mode {
            Mode::Clip => &self.frames,
            Mode::Frame => std::slice::from_ref(newest),
        };
        let count = about.len().max(1) as f32;
        let mut yuv = [0.0; 3];
        for frame in about {
            for (sum, mean) in yuv.iter_mut().zip(frame.look.yuv) {
                *sum += mean / count;
            }
        }
        let mut codes: Vec<String> = Vec::new();
        for code in about
            .iter()
            .filter_map(|frame| frame.codes.as_ref())
            .flat_map(Codes::get)
        {
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
        Some(Sight {
            width: newest.look.width,
            height: newest.look.height,
            fps: self.fps,
            rgb: newest.look.coding.rgb(yuv),
            brightness: f64::from(newest.look.coding.brightness(yuv[0])),
            motion: (!motions.is_empty())
                .then(|| motions.iter().sum::<f64>() / motions.len() as f64),
            position: look::position(&newest.look),
            codes,
            frames: about.len(),
        })
    }
}

impl Sight {
    /// The name of the mean colour.
    pub(crate) fn colour(&self) -> &'static str {
        colour::name(self.rgb)
    }

    /// The sentence of an answer without a schema. What is not known is left out.
    pub(crate) fn text(&self) -> String {
        use std::fmt::Write;
        let mut text = format!("{}x{}", self.width, self.height);
        // Writing to a String does not fail.
        if let Some(fps) = self.fps {
            let _ = write!(text, " at {fps:.1} fps");
        }
        let (name, hex) = (self.colour(), colour::hex(self.rgb));
        let _ = write!(
            text,
            ", mostly {name} ({hex}), brightness {:.2}",
            self.brightness
        );
        if let Some(motion) = self.motion {
            let _ = write!(text, ", motion {motion:.2}");
        }
        for (n, code) in self.codes.iter().enumerate() {
            let label = if n == 0 { "QR " } else { "" };
            let _ = write!(text, ", {label}\"{code}\"");
        }
        text
    }
}

#[cfg(test)]
#[path = "sight_tests.rs"]
mod tests;
