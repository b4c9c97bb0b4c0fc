// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The structure of the action signal `ask-about`: one question, and what it is about.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::fields::Fields;
use super::pictures;
use crate::session::error::Error;
use crate::session::request::check_prompt;
use crate::session::schema::Schema;

/// How long the service keeps frames (protocol, section 2).
pub const MAX_HISTORY: Duration = Duration::from_secs(600);
/// Of longer clips, [`LONG_CLIP_FPS`] frames per second are analysed by default, which is also the service's default:
/// a minute at the rate of a short clip has more frames than most models take.
const SHORT_CLIP: Duration = Duration::from_secs(10);
const LONG_CLIP_FPS: u32 = 1;
/// More cameras than one question can usefully be about.
const MAX_SINKS: usize = 16;
const TEMPERATURE: RangeInclusive<f64> = 0.0..=2.0;

const FIELDS: [&str; 14] = [
    "prompt",
    "window-ms",
    "end-offset-ms",
    "from",
    "to",
    "target-fps",
    "model",
    "output-schema",
    "max-output-tokens",
    "system-prompt",
    "temperature",
    "pictures",
    "sinks",
    "still",
];

/// A question that is asked once.
pub struct AskAbout {
    pub prompt: String,
    pub span: Span,
    /// The highest frame rate of a clip that is analysed.
    pub target_fps: Option<u32>,
    pub models: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
    pub system_prompt: Option<String>,
    pub temperature: Option<f64>,
    /// Reference pictures, as `data:` URLs.
    pub pictures: Vec<Arc<str>>,
    /// The names of other elements that the question is about as well.
    pub sinks: Vec<String>,
    pub still: bool,
}

/// The time that a question is about. A length of zero stands for a single frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Counted back from the newest frame.
    Ago {
        window: Duration,
        end_offset: Duration,
    },
    /// In the pipeline's running time.
    Captured {
        from: gst::ClockTime,
        to: gst::ClockTime,
    },
}

impl AskAbout {
    /// A question with the element's own settings.
    ///
    /// # Errors
    /// The prompt is empty, or the service keeps no such old video.
    pub fn new(prompt: String, span: Span) -> Result<Self, Error> {
        check_prompt(&prompt)?;
        if span.reach() > MAX_HISTORY {
            return Err(Error::settings(
                "ask: the service keeps ten minutes of video. window-ms plus end-offset-ms must not exceed 600000.",
            ));
        }
        Ok(Self {
            prompt,
            span,
            target_fps: None,
            models: Vec::new(),
            schema: None,
            max_output_tokens: None,
            system_prompt: None,
            temperature: None,
            pictures: Vec::new(),
            sinks: Vec::new(),
            still: false,
        })
    }

    /// Reads the structure, and the pictures that it names.
    ///
    /// # Errors
    /// A field that cannot be used: the text names it, and says what to write instead.
    pub fn read(structure: &gst::StructureRef) -> Result<Self, Error> {
        let fields = Fields::new(structure, "ask-about", &FIELDS)?;
        let asked = Self::new(fields.needed_text("prompt")?, span(&fields)?)?;
        let sinks = fields.texts("sinks")?;
        if sinks.len() > MAX_SINKS {
            return Err(fields.wrong(&format!("names more than {MAX_SINKS} sinks.")));
        }
        let pictures = fields.texts("pictures")?;
        Ok(Self {
            target_fps: fields.target_fps()?,
            models: fields.models()?,
            schema: fields.schema()?,
            max_output_tokens: fields.max_output_tokens()?,
            system_prompt: fields.text("system-prompt")?,
            temperature: fields.number("temperature", TEMPERATURE, "")?,
            pictures: pictures::read(&pictures).map_err(|what| fields.wrong(&what))?,
            sinks,
            still: fields.flag("still")?,
            ..asked
        })
    }

    /// The highest frame rate of a clip of this length that is analysed. `element_fps`: the element's own.
    pub fn max_fps(&self, window: Duration, element_fps: u32) -> u32 {
        self.target_fps.unwrap_or(match window > SHORT_CLIP {
            true => LONG_CLIP_FPS,
            false => element_fps,
        })
    }
}

impl Span {
    /// How far it certainly reaches back.
    fn reach(&self) -> Duration {
        match *self {
            Self::Ago { window, end_offset } => window.saturating_add(end_offset),
            Self::Captured { from, to } => to.saturating_sub(from).into(),
        }
    }
}

fn span(fields: &Fields) -> Result<Span, Error> {
    // Later times and longer clips get errors of their own.
    let number = |name: &str, unit: &str| fields.number(name, 0.0..=1e18, unit);
    let (from, to) = (
        number("from", " ns of running time")?,
        number("to", " ns of running time")?,
    );
    let is_ago = fields.has("window-ms") || fields.has("end-offset-ms");
    let time = |ns: f64| gst::ClockTime::from_nseconds(ns as u64);
    match (from.map(time), to.map(time)) {
        (Some(_), _) | (_, Some(_)) if is_ago => Err(fields
            .wrong("has both from or to, and window-ms or end-offset-ms: use one pair of them.")),
        (Some(from), Some(to)) if from > to => Err(fields.wrong(&format!(
            "has a from ({from}) that is later than to ({to})."
        ))),
        (Some(from), Some(to)) => Ok(Span::Captured { from, to }),
        (Some(at), None) | (None, Some(at)) => Ok(Span::Captured { from: at, to: at }),
        (None, None) => {
            let milliseconds = |name: &str| {
                let value = number(name, " ms")?.unwrap_or_default();
                Ok(Duration::from_millis(value as u64))
            };
            Ok(Span::Ago {
                window: milliseconds("window-ms")?,
                end_offset: milliseconds("end-offset-ms")?,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AskAbout, Error> {
        gst::init().expect("GStreamer");
        let structure: gst::Structure = text.parse().expect("a structure");
        AskAbout::read(&structure)
    }

    #[test]
    fn a_question_is_read() {
        let asked = read(
            "ask,prompt=\"Who?\",from=(guint64)2000000000,to=(guint64)3500000000,model=\"a, b\",target-fps=2,\
             system-prompt=Short.,temperature=0.5,max-output-tokens=9,sinks=<left,right>,still=true,output-schema=\"{}\"",
        );
        let asked = asked.unwrap_or_else(|error| panic!("{error}"));
        let ms = gst::ClockTime::from_mseconds;
        let span = Span::Captured {
            from: ms(2000),
            to: ms(3500),
        };
        assert_eq!(asked.span, span);
        assert_eq!((asked.models.len(), asked.target_fps), (2, Some(2)));
        assert_eq!(asked.system_prompt.as_deref(), Some("Short."));
        assert_eq!(asked.temperature, Some(0.5));
        assert_eq!(asked.max_output_tokens, Some(9));
        assert_eq!(asked.sinks, ["left", "right"]);
        assert!(asked.still && asked.schema.is_some());
        let now = read("ask,prompt=Now,sinks=left").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(now.sinks, ["left"]);
        let zero = Duration::ZERO;
        assert_eq!(
            now.span,
            Span::Ago {
                window: zero,
                end_offset: zero
            }
        );
        let one = read("ask,prompt=Then,from=5").unwrap_or_else(|error| panic!("{error}"));
        let at = gst::ClockTime::from_nseconds(5);
        assert_eq!(one.span, Span::Captured { from: at, to: at });
    }

    #[test]
    fn long_clips_are_sampled_less_often() {
        let asked = read("ask,prompt=a").unwrap_or_else(|error| panic!("{error}"));
        let seconds = Duration::from_secs;
        assert_eq!(
            [2, 10, 11, 600].map(|s| asked.max_fps(seconds(s), 6)),
            [6, 6, 1, 1]
        );
        let set = read("ask,prompt=a,target-fps=3").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(set.max_fps(seconds(600), 6), 3);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, fix) in [
            ("ask", "needs a prompt"),
            ("ask,prompt=\" \"", "needs a prompt"),
            ("ask,prompt=3", "a text in prompt"),
            ("ask,prompt=a,windo=3", "unknown field windo"),
            ("ask,prompt=a,window-ms=soon", "a number in window-ms"),
            ("ask,prompt=a,window-ms=-1", "a number in window-ms"),
            (
                "ask,prompt=a,window-ms=300000,end-offset-ms=300001",
                "ten minutes",
            ),
            ("ask,prompt=a,from=1,window-ms=5", "one pair"),
            ("ask,prompt=a,from=2,to=1", "later than to"),
            (
                "ask,prompt=a,from=0,to=(guint64)700000000000",
                "ten minutes",
            ),
            ("ask,prompt=a,target-fps=31", "1 to 30"),
            ("ask,prompt=a,temperature=3", "0 to 2"),
            ("ask,prompt=a,output-schema=\"{\"", "not valid JSON"),
            ("ask,prompt=a,sinks=3", "a list of texts in sinks"),
            ("ask,prompt=a,still=maybe", "true or false"),
            ("ask,prompt=a,pictures=/none/such.png", "/none/such.png"),
        ] {
            let error = read(text).err().unwrap_or_else(|| panic!("{text} is read"));
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
