// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `ask-when`: in which scenes the service is asked.

use std::time::Duration;

use super::fields::Fields;
use crate::session::error::Error;
use crate::sink::frames::scene::Still;

const FIELDS: [&str; 3] = ["threshold", "after", "every"];
/// The name of the structure.
const STILL: &str = "still";
const DEFAULT: Still = Still {
    threshold: 8.0,
    after: Duration::from_secs(5),
    every: Some(Duration::from_secs(60)),
};

/// # Errors
/// It is not valid. The text says what to write instead.
pub fn read(structure: &gst::StructureRef) -> Result<Still, Error> {
    if structure.name() != STILL {
        return Err(Error::settings(format!(
            "ask-when is {:?}: write it as in ask-when=\"still,after=5,every=60\", or unset it.",
            structure.name()
        )));
    }
    let fields = Fields::new(structure, "ask-when", &FIELDS)?;
    let seconds = |name, longest| fields.number(name, 0.0..=longest, " seconds");
    let threshold = fields.number("threshold", 1.0..=255.0, " levels of brightness")?;
    let every = seconds("every", 86_400.0)?.map(Duration::from_secs_f64);
    Ok(Still {
        threshold: threshold.map_or(DEFAULT.threshold, |levels| levels as f32),
        after: seconds("after", 3600.0)?.map_or(DEFAULT.after, Duration::from_secs_f64),
        every: match every {
            Some(Duration::ZERO) => None,
            Some(every) => Some(every),
            None => DEFAULT.every,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Still, Error> {
        gst::init().expect("GStreamer");
        read(&text.parse::<gst::Structure>().expect(text))
    }

    #[test]
    fn the_fields_are_read() {
        assert_eq!(read_text("still").expect("valid"), DEFAULT);
        let all = read_text("still,threshold=12,after=(uint)3,every=0").expect("valid");
        let is = Still {
            threshold: 12.0,
            after: Duration::from_secs(3),
            every: None,
        };
        assert_eq!(all, is);
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (text, fix) in [
            ("moving,after=3", "write it as in ask-when=\"still"),
            ("still,before=3", "unknown field before"),
            ("still,threshold=0", "threshold, 1 to 255 levels"),
            ("still,every=-1", "every, 0 to 86400 seconds"),
        ] {
            let error = read_text(text).expect_err(text);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
