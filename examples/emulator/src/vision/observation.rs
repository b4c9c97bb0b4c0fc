// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What an answer says about some frames.

use std::time::Instant;

use crate::records::snapshot::Mode;
use crate::vision::colour;
use crate::vision::jpeg::Jpeg;
use crate::vision::lazy::{LazyCodes, LazyJpeg};
use crate::vision::measures::{self, Measures, motion};

/// The RTP clock rate of video, in Hz (RFC 3551).
pub(crate) const RTP_CLOCK: f64 = 90_000.0;
/// The frame rate is measured over at most this period, in seconds.
pub(crate) const RATE_WINDOW: f64 = 1.0;
/// The answer if no text was found in a picture.
const NO_TEXT: &str = "No text is visible.";

/// A decoded frame with its measures.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredFrame {
    pub rtp_time: u64,
    /// When its first packet arrived.
    pub arrived: Instant,
    pub measures: Measures,
    /// The QR codes; `None`: not searched.
    pub codes: Option<LazyCodes>,
    /// `None`: not kept.
    pub picture: Option<LazyJpeg>,
}

/// The frames of one answer.
pub(crate) struct AnswerFrames {
    pub mode: Mode,
    /// In frame mode the answer is about the newest one; the one before it is only there to measure motion.
    pub frames: Vec<MeasuredFrame>,
    pub fps: Option<f64>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    pub width: u32,
    pub height: u32,
    pub fps: Option<f64>,
    pub rgb: [u8; 3],
    pub brightness: f64,
    pub motion: Option<f64>,
    /// Where the bright part of the newest frame is.
    pub position: Option<&'static str>,
    /// In the order of their appearance, each once.
    pub codes: Vec<String>,
    pub frames: usize,
    /// The text in the picture, if it was read; empty: there is no text.
    pub read: Option<String>,
}

impl MeasuredFrame {
    /// Makes the codes and the JPEG of its picture.
    pub(crate) async fn make(&self) {
        if let Some(codes) = &self.codes {
            codes.get_or_make().await;
        }
        if let Some(picture) = &self.picture {
            picture.get_or_make().await;
        }
    }
}

pub(crate) fn ticks(seconds: f64) -> u64 {
    (seconds * RTP_CLOCK) as u64
}

/// The frame rate of the last second, by the frames' RTP timestamps, the newest last.
pub(crate) fn rate(times: impl DoubleEndedIterator<Item = u64> + Clone) -> Option<f64> {
    let newest = times.clone().next_back()?;
    let from = newest.saturating_sub(ticks(RATE_WINDOW));
    let recent = times.filter(|time| *time >= from);
    let span = (newest - recent.clone().min()?) as f64 / RTP_CLOCK;
    let count = recent.count();
    (count > 1 && span > 0.0).then(|| (count - 1) as f64 / span)
}

/// At most `max` of all, evenly spread, and the last one always.
fn spread<T>(all: &[T], max: usize) -> impl Iterator<Item = &T> {
    let count = max.min(all.len());
    // Counted from the end, so that a single one is the newest.
    (1..=count).filter_map(move |n| all.get(n * all.len() / count - 1))
}

impl AnswerFrames {
    /// The newest frame.
    pub(crate) fn newest(&self) -> Option<&MeasuredFrame> {
        self.frames.last()
    }

    /// The frames that the answer is about: all in clip mode, only the newest in frame mode.
    fn about(&self) -> &[MeasuredFrame] {
        match (self.mode, self.frames.split_last()) {
            (Mode::Frame, Some((newest, _))) => std::slice::from_ref(newest),
            _ => &self.frames,
        }
    }

    /// Reads the QR codes of the frames that the answer is about.
    pub(crate) async fn read_codes(&self) {
        for codes in self.about().iter().filter_map(|frame| frame.codes.as_ref()) {
            codes.get_or_make().await;
        }
    }

    /// At most `max` pictures of the frames that the answer is about, evenly spread, the newest last.
    pub(crate) async fn pictures(&self, max: usize) -> Vec<Jpeg> {
        let kept: Vec<&LazyJpeg> = self
            .about()
            .iter()
            .filter_map(|frame| frame.picture.as_ref())
            .collect();
        let mut pictures = Vec::new();
        for picture in spread(&kept, max) {
            let picture = picture.get_or_make().await;
            if !picture.is_empty() {
                pictures.push(picture.clone());
            }
        }
        pictures
    }

    /// Combines the measures of the frames.
    pub(crate) fn observe(&self) -> Option<Observation> {
        let newest = self.newest()?;
        let motions: Vec<f64> = self
            .frames
            .windows(2)
            .filter_map(|pair| match pair {
                [one, other] => Some(motion(&one.measures, &other.measures)),
                _ => None,
            })
            .collect();
        let about = self.about();
        let count = about.len().max(1) as f32;
        let mut yuv = [0.0; 3];
        for frame in about {
            for (sum, mean) in yuv.iter_mut().zip(frame.measures.yuv) {
                *sum += mean / count;
            }
        }
        let mut codes: Vec<String> = Vec::new();
        for code in about
            .iter()
            .filter_map(|frame| frame.codes.as_ref())
            .filter_map(LazyCodes::get)
            .flatten()
        {
            if !codes.contains(code) {
                codes.push(code.clone());
            }
        }
        Some(Observation {
            width: newest.measures.width,
            height: newest.measures.height,
            fps: self.fps,
            rgb: newest.measures.coding.rgb(yuv),
            brightness: f64::from(newest.measures.coding.brightness(yuv[0])),
            motion: (!motions.is_empty())
                .then(|| motions.iter().sum::<f64>() / motions.len() as f64),
            position: measures::position(&newest.measures),
            codes,
            frames: about.len(),
            read: None,
        })
    }
}

impl Observation {
    /// The name of the mean colour.
    pub(crate) fn colour(&self) -> &'static str {
        colour::name(self.rgb)
    }

    /// An answer without a schema: the text that was read, or else a sentence. Omits what is not known.
    pub(crate) fn text(&self) -> String {
        use std::fmt::Write;
        match self.read.as_deref() {
            Some("") => return NO_TEXT.to_owned(),
            Some(read) => return read.to_owned(),
            None => {}
        }
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
mod tests {
    use super::*;

    #[test]
    fn pictures_are_spread_evenly_and_include_the_newest() {
        let of = |count: usize, max: usize| {
            let all: Vec<usize> = (1..=count).collect();
            spread(&all, max).copied().collect::<Vec<_>>()
        };
        assert_eq!(of(3, 8), [1, 2, 3]);
        assert_eq!(of(20, 4), [5, 10, 15, 20]);
        assert_eq!(of(5, 1), [5]);
        assert!(of(0, 8).is_empty());
    }
}
