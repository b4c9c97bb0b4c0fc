//! A stream's memory of its newest frames, and what an answer says about some of them.

use std::time::Instant;

use crate::records::snapshot::Mode;
use crate::vision::colour;
use crate::vision::jpeg::Jpeg;
use crate::vision::lazy::{LazyCodes, LazyJpeg};
use crate::vision::measures::{self, Measures, motion};

/// The clock of RTP video, RFC 3551.
pub(crate) const RTP_CLOCK: f64 = 90_000.0;
/// The frame rate is measured over at least this long, where there is that much.
pub(crate) const RATE_WINDOW: f64 = 1.0;
/// What is said of a picture in which no text was found.
const NO_TEXT: &str = "No text is visible.";

/// A decoded frame with its measures.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredFrame {
    pub rtp_time: u64,
    /// When its first packet arrived.
    pub arrived: Instant,
    pub measures: Measures,
    /// The QR codes; `None`: not looked for.
    pub codes: Option<LazyCodes>,
    /// `None`: not kept.
    pub picture: Option<LazyJpeg>,
}

/// The frames of one answer.
pub(crate) struct AnswerFrames {
    pub mode: Mode,
    /// In frame mode the newest one is looked at; one before it is there to tell motion.
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
    /// Where the light is, of the newest frame.
    pub position: Option<&'static str>,
    /// In the order in which they were seen, each once.
    pub codes: Vec<String>,
    pub frames: usize,
    /// The text in the picture, where it was read; empty: there is none.
    pub read: Option<String>,
}

impl MeasuredFrame {
    /// Makes what is to be made of its picture.
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

/// Frames a second of the last second, by their RTP times, the newest last.
pub(crate) fn rate(times: impl DoubleEndedIterator<Item = u64> + Clone) -> Option<f64> {
    let newest = times.clone().next_back()?;
    let from = newest.saturating_sub(ticks(RATE_WINDOW));
    let recent = times.filter(|time| *time >= from);
    let span = (newest - recent.clone().min()?) as f64 / RTP_CLOCK;
    let count = recent.count();
    (count > 1 && span > 0.0).then(|| (count - 1) as f64 / span)
}

/// At most `most` of them, evenly spread, the last one among them.
fn spread<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = most.min(all.len());
    // From the end, so that the newest is there even if it is alone.
    (1..=count).filter_map(move |n| all.get(n * all.len() / count - 1))
}

impl AnswerFrames {
    /// The newest frame.
    pub(crate) fn newest(&self) -> Option<&MeasuredFrame> {
        self.frames.last()
    }

    /// What the answer is about: all frames in clip mode, else the newest one.
    fn about(&self) -> &[MeasuredFrame] {
        match (self.mode, self.frames.split_last()) {
            (Mode::Frame, Some((newest, _))) => std::slice::from_ref(newest),
            _ => &self.frames,
        }
    }

    /// Reads the codes of what the answer is about.
    pub(crate) async fn read_codes(&self) {
        for codes in self.about().iter().filter_map(|seen| seen.codes.as_ref()) {
            codes.get_or_make().await;
        }
    }

    /// At most so many pictures of what the answer is about, spread over it, the newest one last.
    pub(crate) async fn pictures(&self, most: usize) -> Vec<Jpeg> {
        let kept: Vec<&LazyJpeg> = self
            .about()
            .iter()
            .filter_map(|seen| seen.picture.as_ref())
            .collect();
        let mut pictures = Vec::new();
        for picture in spread(&kept, most) {
            let picture = picture.get_or_make().await;
            if !picture.is_empty() {
                pictures.push(picture.clone());
            }
        }
        pictures
    }

    /// Puts it together.
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

    /// An answer without a schema: what was read, or else a sentence. What is not known is left out.
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
    fn few_of_many_pictures_are_spread_and_the_newest_is_among_them() {
        let of = |count: usize, most: usize| {
            let all: Vec<usize> = (1..=count).collect();
            spread(&all, most).copied().collect::<Vec<_>>()
        };
        assert_eq!(of(3, 8), [1, 2, 3]);
        assert_eq!(of(20, 4), [5, 10, 15, 20]);
        assert_eq!(of(5, 1), [5]);
        assert!(of(0, 8).is_empty());
    }
}
