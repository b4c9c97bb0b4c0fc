// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The elements of GStreamer's other plugins that every connection needs.

use std::collections::BTreeSet;

use crate::session::error::{Error, Kind, Stage};

const BASE: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";
const NICE: &str = "gstreamer1.0-nice";

/// Each with Debian's package. What codecs and single properties need is checked where they are chosen.
const NEEDED: [(&str, &str); 9] = [
    ("appsrc", BASE),
    ("videoconvertscale", BASE),
    ("rtpbin", GOOD),
    ("webrtcbin", BAD),
    ("dtlsenc", BAD),
    ("dtlsdec", BAD),
    ("srtpenc", BAD),
    ("srtpdec", BAD),
    // webrtcbin exists without it, and then has no pads.
    ("nicesink", NICE),
];

/// Checks that all are installed.
///
/// # Errors
/// The text names all that are missing, and what to install.
pub fn check() -> Result<(), Error> {
    match missing(|factory| gst::ElementFactory::find(factory).is_some()) {
        None => Ok(()),
        Some(text) => Err(Error::new(Kind::Media, Stage::Offer, text)),
    }
}

fn missing(is_installed: impl Fn(&str) -> bool) -> Option<String> {
    let missing = NEEDED.iter().filter(|(factory, _)| !is_installed(factory));
    let (elements, packages): (Vec<_>, BTreeSet<_>) = missing.copied().unzip();
    let of = |package: &&str| match *package {
        BASE => "the base plugins",
        GOOD => "the good plugins",
        BAD => "the bad plugins",
        _ => "libnice's plugin",
    };
    let plugins: Vec<_> = packages.iter().map(of).collect();
    let packages: Vec<_> = packages.iter().copied().collect();
    (!elements.is_empty()).then(|| {
        format!(
            "Elements of GStreamer are missing: {}. Install {} (Debian: {}).",
            elements.join(", "),
            plugins.join(", "),
            packages.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_here() {
        gst::init().expect("GStreamer");
        check().expect("all are installed");
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        assert_eq!(
            missing(|factory| !factory.starts_with("nice")).as_deref(),
            Some(
                "Elements of GStreamer are missing: nicesink. Install libnice's plugin (Debian: gstreamer1.0-nice)."
            )
        );
        assert_eq!(
            missing(|factory| ["appsrc", "videoconvertscale"].contains(&factory)).as_deref(),
            Some(
                "Elements of GStreamer are missing: rtpbin, webrtcbin, dtlsenc, dtlsdec, srtpenc, srtpdec, nicesink. Install libnice's plugin, the bad plugins, the good plugins (Debian: gstreamer1.0-nice, gstreamer1.0-plugins-bad, gstreamer1.0-plugins-good)."
            )
        );
    }
}
