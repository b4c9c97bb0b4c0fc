// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `ask-when`: in which scenes, or after which events, the service is asked.

use std::time::Duration;

use super::fields::Fields;
use crate::session::error::Error;
use crate::sink::frames::objects::Objects;
use crate::sink::frames::scene::Still;

const STILL_FIELDS: [&str; 3] = ["threshold", "after", "every"];
const DEFAULT_STILL: Still = Still {
    threshold: 8.0,
    after: Duration::from_secs(5),
    every: Some(Duration::from_secs(60)),
};

const EVENT_FIELDS: [&str; 2] = ["before", "after"];
const DEFAULT_EVENT: Event = Event {
    before: Duration::from_secs(2),
    after: Duration::from_secs(5),
};

const META_FIELDS: [&str; 3] = ["class", "confidence", "after"];
const DEFAULT_CONFIDENCE: f64 = 0.5;
/// Detectors lose an object for a few frames: at least so many seconds, so that it is not a new one afterwards.
const MIN_META_AFTER: f64 = 1.0;
const DEFAULT_META_AFTER: f64 = 5.0;
const MAX_AFTER: f64 = 3600.0;
/// More classes than a detector needs for one question.
const MAX_CLASSES: usize = 100;

/// What decides whether the service is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum AskWhen {
    /// A still scene is asked about seldom.
    Still(Still),
    /// Questions are asked after events of the application.
    Event(Event),
    /// Questions are asked while detectors in front find such objects, and for this time after it.
    Meta(Objects, Duration),
}

/// How much video around an event is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub before: Duration,
    pub after: Duration,
}

impl AskWhen {
    /// # Errors
    /// It is not valid. The text says what to write instead.
    pub fn read(structure: &gst::StructureRef) -> Result<Self, Error> {
        let fields = |known| Fields::new(structure, "ask-when", known);
        match structure.name().as_str() {
            "still" => still(&fields(&STILL_FIELDS)?).map(Self::Still),
            "event" => event(&fields(&EVENT_FIELDS)?).map(Self::Event),
            "meta" => meta(&fields(&META_FIELDS)?),
            name => Err(Error::settings(format!(
                "ask-when is {name:?}: write it as in ask-when=\"still,after=5,every=60\", ask-when=\"event,before=2,after=5\" or ask-when=\"meta,class=person,confidence=0.5\", or unset it."
            ))),
        }
    }

    pub fn still(&self) -> Option<Still> {
        match self {
            Self::Still(still) => Some(*still),
            Self::Event(_) | Self::Meta(..) => None,
        }
    }

    /// Whether questions wait for events.
    pub fn awaits_events(&self) -> bool {
        self.still().is_none()
    }
}

fn still(fields: &Fields) -> Result<Still, Error> {
    let threshold = fields.number("threshold", 1.0..=255.0, " levels of brightness")?;
    let every = seconds(fields, "every", 86_400.0)?;
    Ok(Still {
        threshold: threshold.map_or(DEFAULT_STILL.threshold, |levels| levels as f32),
        after: seconds(fields, "after", MAX_AFTER)?.unwrap_or(DEFAULT_STILL.after),
        every: match every {
            Some(Duration::ZERO) => None,
            Some(every) => Some(every),
            None => DEFAULT_STILL.every,
        },
    })
}

fn event(fields: &Fields) -> Result<Event, Error> {
    Ok(Event {
        before: seconds(fields, "before", 60.0)?.unwrap_or(DEFAULT_EVENT.before),
        after: seconds(fields, "after", MAX_AFTER)?.unwrap_or(DEFAULT_EVENT.after),
    })
}

fn meta(fields: &Fields) -> Result<AskWhen, Error> {
    let classes = fields.text("class")?.unwrap_or_default().to_lowercase();
    let classes = classes.split('|').map(|class| class.trim().to_owned());
    let classes: Vec<_> = classes.filter(|class| !class.is_empty()).collect();
    if classes.len() > MAX_CLASSES {
        return Err(fields.wrong(&format!("names more than {MAX_CLASSES} classes.")));
    }
    let confidence = fields.number("confidence", 0.0..=1.0, "")?;
    let after = fields.number("after", MIN_META_AFTER..=MAX_AFTER, " seconds")?;
    let objects = Objects {
        classes,
        confidence: confidence.unwrap_or(DEFAULT_CONFIDENCE),
    };
    let after = Duration::from_secs_f64(after.unwrap_or(DEFAULT_META_AFTER));
    Ok(AskWhen::Meta(objects, after))
}

fn seconds(fields: &Fields, name: &str, longest: f64) -> Result<Option<Duration>, Error> {
    let seconds = fields.number(name, 0.0..=longest, " seconds")?;
    Ok(seconds.map(Duration::from_secs_f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<AskWhen, Error> {
        gst::init().expect("GStreamer");
        AskWhen::read(&text.parse::<gst::Structure>().expect(text))
    }

    #[test]
    fn the_fields_are_read() {
        let still = AskWhen::Still(DEFAULT_STILL);
        assert_eq!(read_text("still").expect("valid"), still);
        let all = read_text("still,threshold=12,after=(uint)3,every=0").expect("valid");
        let is = Still {
            threshold: 12.0,
            after: Duration::from_secs(3),
            every: None,
        };
        assert_eq!(all, AskWhen::Still(is));
        let event = AskWhen::Event(DEFAULT_EVENT);
        assert_eq!(read_text("event").expect("valid"), event);
        let all = read_text("event,before=0.5,after=0").expect("valid");
        let is = Event {
            before: Duration::from_millis(500),
            after: Duration::ZERO,
        };
        assert_eq!(all, AskWhen::Event(is));
        let all = read_text("meta,class=(string)\"Person | dog|\",confidence=1,after=1.5");
        let AskWhen::Meta(objects, after) = all.expect("valid") else {
            panic!("another kind");
        };
        assert_eq!(objects.classes, ["person", "dog"]);
        assert_eq!((objects.confidence, after.as_millis()), (1.0, 1500));
        let unset = read_text("meta").expect("valid");
        assert!(matches!(unset, AskWhen::Meta(objects, _) if objects.classes.is_empty()));
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (text, fix) in [
            ("moving,after=3", "write it as in ask-when=\"still"),
            ("still,before=3", "unknown field before"),
            ("still,threshold=0", "threshold, 1 to 255 levels"),
            ("still,every=-1", "every, 0 to 86400 seconds"),
            ("event,every=3", "possible fields are before, after"),
            ("event,before=61", "before, 0 to 60 seconds"),
            (
                "meta,clas=a",
                "possible fields are class, confidence, after",
            ),
            ("meta,confidence=50", "confidence, 0 to 1"),
            ("meta,after=0", "after, 1 to 3600 seconds"),
            ("event,after=NaN", "after, 0 to 3600 seconds"),
        ] {
            let error = read_text(text).expect_err(text);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
