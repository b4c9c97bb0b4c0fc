// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Questions: what to ask, and about which pictures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api_version::Api;
use super::config::NewestFrame;
use super::error::Error;
use super::protocol::{Mode, Processing};
use super::request;
use super::schema::Schema;

/// A question that is asked again and again.
#[derive(Debug, Clone)]
pub struct Question {
    /// `None`: the element's own question, with the `prompt` property.
    pub name: Option<String>,
    /// `None`: the `prompt` property, with its changes.
    pub prompt: Option<String>,
    pub processing: Processing,
    /// Tried in order. Empty: the stream's models.
    pub models: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
}

impl Question {
    /// # Errors
    /// This API cannot ask it.
    pub fn checked(self, api: Api) -> Result<Self, Error> {
        request::check(api, &self.processing, self.max_output_tokens)?;
        Ok(self)
    }
}

/// A question that is asked once.
#[derive(Clone)]
pub struct OneShotQuestion {
    /// The answer repeats it.
    pub serial: u64,
    pub prompt: String,
    pub period: Period,
    pub extra: ExtraMedia,
    /// Tried in order. Empty: the stream's models.
    pub models: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
    /// `None`: the stream's.
    pub system_prompt: Option<String>,
    /// 0 to 2. `None`: the stream's.
    pub temperature: Option<f64>,
}

impl OneShotQuestion {
    /// A question about one stream, with the stream's settings.
    pub fn new(serial: u64, prompt: String, period: Period) -> Self {
        Self {
            serial,
            prompt,
            period,
            extra: ExtraMedia::default(),
            models: Vec::new(),
            schema: None,
            max_output_tokens: None,
            system_prompt: None,
            temperature: None,
        }
    }
}

impl OneShotQuestion {
    /// Whether API v0.2 cannot ask it.
    pub fn needs_v1(&self) -> bool {
        let extra = &self.extra;
        extra.with_still
            || !extra.other_streams.is_empty()
            || !extra.pictures.is_empty()
            || self.system_prompt.is_some()
    }
}

/// Makes a picture, as a `data:` URL. It may take a while. `None`: that is not possible.
pub type PictureMaker = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What the model is shown besides the pictures of the question's own stream.
#[derive(Clone, Default)]
pub struct ExtraMedia {
    /// The name of its own stream, if there are others.
    pub stream_name: Option<String>,
    pub other_streams: Vec<OtherStream>,
    /// Show the model the newest picture of a clip once more, as a still.
    pub with_still: bool,
    /// Makes the still of the question's own stream, if there is a larger one than the stream has.
    pub larger_still: Option<PictureMaker>,
    /// Reference pictures, as `data:` URLs.
    pub pictures: Vec<Arc<str>>,
}

/// Another stream that a question is about.
#[derive(Clone)]
pub struct OtherStream {
    /// The model reads this name in front of the stream's pictures.
    pub name: String,
    pub stream_id: String,
    pub newest_frame: NewestFrame,
}

/// Which pictures a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Counted back from the newest picture.
    Ago(Moment),
    /// Those that were captured from one time to another. The same time twice: one picture.
    Captured {
        from: Instant,
        to: Instant,
        max_fps: u32,
    },
}

impl Period {
    pub fn mode(&self) -> Mode {
        match self {
            Self::Ago(moment) => moment.mode(),
            Self::Captured { from, to, .. } if from == to => Mode::Frame,
            Self::Captured { .. } => Mode::Clip,
        }
    }

    /// The same pictures, counted back from the newest one of a stream, which was captured at this time.
    pub fn before(&self, newest: Option<Instant>) -> Moment {
        match *self {
            Self::Ago(moment) => moment,
            Self::Captured { from, to, max_fps } => Moment {
                end_offset: newest.map_or(Duration::ZERO, |at| at.saturating_duration_since(to)),
                window: to.saturating_duration_since(from),
                max_fps,
                lead: Duration::ZERO,
            },
        }
    }
}

/// Pictures of a stream, counted back from the newest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// How far back they end.
    pub end_offset: Duration,
    /// How long they last. Zero: one picture.
    pub window: Duration,
    /// The highest frame rate that is analysed.
    pub max_fps: u32,
    /// Of one picture: how far back the pictures reach that are shown before it.
    pub lead: Duration,
}

/// How many pictures are shown before one.
const LEAD_PICTURES: u32 = 3;
/// If an event is not older than this, the picture itself shows it.
const MIN_LEAD: Duration = Duration::from_millis(300);
/// The service counts back from its newest frame, which may be newer than the newest one that is known here.
const LEAD_MARGIN: Duration = Duration::from_millis(250);
/// No question about an event reaches back further: the service keeps ten minutes of video.
const MAX_LEAD: Duration = Duration::from_secs(120);
/// Of longer clips, one frame per second is analysed: more are too many for most models.
const SHORT_CLIP: Duration = Duration::from_secs(10);

/// How far a picture may be from the time that is asked for: a source may be slow or send few frames.
const PICTURE_TOLERANCE: Duration = Duration::from_secs(5);

impl Moment {
    /// The newest pictures, as many as the schedule names.
    pub fn of(processing: &Processing) -> Self {
        let (window, max_fps) = match *processing {
            Processing::Frame { .. } => (0.0, 1),
            Processing::Target {
                target_fps,
                clip_length_seconds,
                ..
            } => (clip_length_seconds, target_fps),
            Processing::Sampled {
                fps,
                sampling_ratio,
                clip_length_seconds,
                ..
            } => (
                clip_length_seconds,
                (f64::from(fps) * sampling_ratio + 1e-9).floor().max(1.0) as u32,
            ),
        };
        Self {
            end_offset: Duration::ZERO,
            window: Duration::try_from_secs_f64(window).unwrap_or_default(),
            max_fps,
            lead: Duration::ZERO,
        }
    }

    /// Reaches back at least this far from its end: a clip is longer then, and one picture has others before it.
    pub fn reaching_back(self, lead: Duration) -> Self {
        if lead < MIN_LEAD {
            return self;
        }
        let lead = lead.min(MAX_LEAD) + LEAD_MARGIN;
        match self.mode() {
            Mode::Frame => Self { lead, ..self },
            Mode::Clip => Self {
                window: self.window.max(lead),
                max_fps: match lead > self.window.max(SHORT_CLIP) {
                    true => 1,
                    false => self.max_fps,
                },
                ..self
            },
        }
    }

    /// The pictures to show before this one, the oldest first.
    pub fn earlier_stills(&self) -> impl Iterator<Item = Self> + use<> {
        let count = if self.lead.is_zero() {
            0
        } else {
            LEAD_PICTURES
        };
        let still = self.still();
        let step = self.lead / LEAD_PICTURES;
        (1..=count).rev().map(move |nth| Self {
            end_offset: still.end_offset + step * nth,
            ..still
        })
    }

    pub fn mode(&self) -> Mode {
        match self.window.is_zero() {
            true => Mode::Frame,
            false => Mode::Clip,
        }
    }

    /// The time from one picture of a clip to the next, at most. Zero: it is one picture.
    pub fn sample_interval(&self) -> Duration {
        match self.mode() {
            Mode::Frame => Duration::ZERO,
            Mode::Clip => Duration::from_secs(1) / self.max_fps.max(1),
        }
    }

    /// The newest picture alone.
    pub fn still(&self) -> Self {
        Self {
            window: Duration::ZERO,
            lead: Duration::ZERO,
            ..*self
        }
    }

    /// The pictures' URL (protocol, section 2).
    pub fn url(&self, stream_id: &str) -> String {
        let end = self.end_offset.as_millis();
        let what = match (self.window.is_zero(), end) {
            (true, 0) => "frame_index=-1".to_owned(),
            (true, end) => format!(
                "offset_ms=-{end}&tolerance_ms={}&direction=nearest",
                PICTURE_TOLERANCE.as_millis()
            ),
            (false, end) => {
                let start = end + self.window.as_millis();
                let until = match end {
                    0 => String::new(),
                    end => format!("&end_offset_ms=-{end}"),
                };
                format!("start_offset_ms=-{start}{until}&max_fps={}", self.max_fps)
            }
        };
        format!("ovs://streams/{stream_id}?{what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn urls_name_the_pictures() {
        let frame = Processing::Frame {
            interval_seconds: 1.0,
        };
        let clip = Processing::Target {
            target_fps: 6,
            clip_length_seconds: 0.5,
            delay_seconds: 1.0,
        };
        let ask = |end_ms, window_ms| Moment {
            end_offset: MS(end_ms),
            window: MS(window_ms),
            max_fps: 4,
            lead: Duration::ZERO,
        };
        for (moment, query) in [
            (Moment::of(&frame), "frame_index=-1"),
            (Moment::of(&clip), "start_offset_ms=-500&max_fps=6"),
            (ask(0, 0), "frame_index=-1"),
            (
                ask(5000, 0),
                "offset_ms=-5000&tolerance_ms=5000&direction=nearest",
            ),
            (
                ask(5000, 2000),
                "start_offset_ms=-7000&end_offset_ms=-5000&max_fps=4",
            ),
        ] {
            assert_eq!(moment.url("abc"), format!("ovs://streams/abc?{query}"));
        }
        assert_eq!(ask(5000, 2000).still(), ask(5000, 0));
    }

    #[test]
    fn the_time_before_an_event_is_shown_too() {
        let moment = |window_ms| Moment {
            end_offset: Duration::ZERO,
            window: MS(window_ms),
            max_fps: 6,
            lead: Duration::ZERO,
        };
        for (window, lead, longer, fps) in [
            (1000, 0, 1000, 6),
            (1000, 500, 1000, 6),
            (1000, 2000, 2250, 6),
            (1000, 12_000, 12_250, 1),
            (20_000, 12_000, 20_000, 6),
            (1000, 999_000, 120_250, 1),
        ] {
            let clip = moment(window).reaching_back(MS(lead));
            assert_eq!((clip.window, clip.max_fps), (MS(longer), fps), "{lead}");
            assert_eq!(clip.earlier_stills().count(), 0);
        }
        let offsets = |lead| {
            let picture = moment(0).reaching_back(MS(lead));
            assert_eq!(picture.mode(), Mode::Frame);
            let earlier = picture.earlier_stills();
            earlier.map(|still| still.end_offset).collect::<Vec<_>>()
        };
        assert!(offsets(0).is_empty());
        assert!(offsets(200).is_empty());
        assert_eq!(offsets(2750), [MS(3000), MS(2000), MS(1000)]);
    }

    #[test]
    fn times_of_capture_are_counted_back_from_the_newest_picture() {
        let start = Instant::now();
        let captured = |from_ms, to_ms| Period::Captured {
            from: start + MS(from_ms),
            to: start + MS(to_ms),
            max_fps: 4,
        };
        for (period, newest_ms, end_ms, window_ms) in [
            (captured(1000, 3000), 5000, 2000, 2000),
            (captured(1000, 1000), 5000, 4000, 0),
            // The newest picture of another stream may be older.
            (captured(1000, 3000), 2500, 0, 2000),
        ] {
            let moment = period.before(Some(start + MS(newest_ms)));
            assert_eq!(moment.end_offset, MS(end_ms), "{period:?}");
            assert_eq!(moment.window, MS(window_ms), "{period:?}");
            assert_eq!(moment.mode(), period.mode());
        }
    }
}
