// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The properties `evidence`, `evidence-location` and `evidence-clip`: what is kept of the video that an answer is about.

use std::time::Duration;

use super::fields::Fields;
use super::file_pattern::FilePattern;
use crate::session::error::Error;
use crate::sink::enums::Evidence;

const FIELDS: [&str; 2] = ["before", "after"];
/// The name of the structure.
const CLIP: &str = "clip";
/// The extension of clips.
pub const CLIP_EXTENSION: &str = "mkv";
const DEFAULT_SECONDS: f64 = 5.0;
/// The time before an alert is kept in memory.
const MAX_BEFORE_SECONDS: f64 = 60.0;
const MAX_AFTER_SECONDS: f64 = 600.0;

/// How much video a clip has around an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipSpan {
    pub before: Duration,
    pub after: Duration,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidencePlan {
    pub stills: Evidence,
    /// Where the files of alerts are written.
    pub location: Option<FilePattern>,
    pub clip: Option<ClipSpan>,
}

impl EvidencePlan {
    /// Whether anything is kept.
    pub fn is_needed(&self) -> bool {
        self.stills != Evidence::None || self.clip.is_some()
    }
}

/// # Errors
/// The properties do not fit each other, or one of them is not valid. The text says how to fix it.
pub fn read(
    stills: Evidence,
    location: Option<&str>,
    clip: Option<&gst::StructureRef>,
    has_alerts: bool,
) -> Result<EvidencePlan, Error> {
    let location = location.filter(|location| !location.trim().is_empty());
    let location = location.map(FilePattern::parse).transpose()?;
    let clip = clip.map(read_clip).transpose()?;
    let wrong = |text: &str| Err(Error::settings(text));
    match (&location, &clip) {
        (None, Some(_)) => {
            return wrong(
                "evidence-clip needs a name for its files: set evidence-location, as in evidence-location=\"alert-%05d.jpg\".",
            );
        }
        (Some(_), None) if stills == Evidence::None => {
            return wrong(
                "evidence-location is set, but there is nothing to write: set evidence=jpeg-alerts or evidence=jpeg, or evidence-clip.",
            );
        }
        (Some(_), _) if !has_alerts => {
            return wrong(
                "evidence-location writes a file for each alert, and alerts is empty: set alerts, as in alerts='<\"alert,name=fire,when=fire\">'.",
            );
        }
        (Some(location), Some(_)) if location.with_extension(CLIP_EXTENSION) == *location => {
            return wrong(
                "evidence-location ends in .mkv, which is for the clips of evidence-clip: give it the extension of the pictures, .jpg.",
            );
        }
        _ => {}
    }
    Ok(EvidencePlan {
        stills,
        location,
        clip,
    })
}

fn read_clip(structure: &gst::StructureRef) -> Result<ClipSpan, Error> {
    if structure.name() != CLIP {
        return Err(Error::settings(format!(
            "evidence-clip is {:?}: write it as in evidence-clip=\"clip,before=5,after=5\", or unset it.",
            structure.name()
        )));
    }
    let fields = Fields::new(structure, "evidence-clip", &FIELDS)?;
    let seconds = |name, longest| {
        let seconds = fields.number(name, 0.0..=longest, " seconds")?;
        Ok(Duration::from_secs_f64(seconds.unwrap_or(DEFAULT_SECONDS)))
    };
    Ok(ClipSpan {
        before: seconds("before", MAX_BEFORE_SECONDS)?,
        after: seconds("after", MAX_AFTER_SECONDS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(
        stills: Evidence,
        location: Option<&str>,
        clip: Option<&str>,
        has_alerts: bool,
    ) -> Result<EvidencePlan, Error> {
        gst::init().expect("GStreamer");
        let clip: Option<gst::Structure> = clip.map(|clip| clip.parse().expect(clip));
        read(stills, location, clip.as_deref(), has_alerts)
    }

    #[test]
    fn what_fits_is_read() {
        let none = read_text(Evidence::None, None, None, true).expect("valid");
        assert!(!none.is_needed());
        let stills = read_text(Evidence::Jpeg, Some(" "), None, false).expect("valid");
        assert!(stills.is_needed() && stills.location.is_none());
        let location = Some("a-%d.jpg");
        let clip = |text| {
            let plan = read_text(Evidence::None, location, Some(text), true).expect(text);
            assert!(plan.is_needed());
            let clip = plan.clip.expect("a clip");
            (clip.before.as_secs_f64(), clip.after.as_secs_f64())
        };
        assert_eq!(clip("clip"), (5.0, 5.0));
        assert_eq!(clip("clip,before=2.5,after=(uint)60"), (2.5, 60.0));
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        let location = Some("a-%d.jpg");
        for (stills, location, clip, has_alerts, fix) in [
            (
                Evidence::None,
                location,
                None,
                true,
                "set evidence=jpeg-alerts",
            ),
            (Evidence::Jpeg, location, None, false, "set alerts, as in"),
            (
                Evidence::Jpeg,
                None,
                Some("clip"),
                true,
                "set evidence-location",
            ),
            (Evidence::Jpeg, Some("a.jpg"), None, true, "has no number"),
            (
                Evidence::Jpeg,
                Some("%d.mkv"),
                Some("clip"),
                true,
                "ends in .mkv",
            ),
            (
                Evidence::Jpeg,
                location,
                Some("video"),
                true,
                "as in evidence-clip=\"clip",
            ),
            (
                Evidence::Jpeg,
                location,
                Some("clip,until=3"),
                true,
                "unknown field until",
            ),
            (
                Evidence::Jpeg,
                location,
                Some("clip,before=61"),
                true,
                "0 to 60 seconds",
            ),
            (
                Evidence::Jpeg,
                location,
                Some("clip,after=-1"),
                true,
                "0 to 600 seconds",
            ),
        ] {
            let error = read_text(stills, location, clip, has_alerts).expect_err(fix);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
