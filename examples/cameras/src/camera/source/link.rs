// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Links a source to the element behind it, with a depayloader and a parser between.

use gst::prelude::*;

use super::packages::make;
use crate::camera::fault::Fault;

/// What the video is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be sent.
    Run,
    /// To be looked at: everything that can be known of it is in its caps.
    Check,
}

/// The parser of a codec and what it makes, or nothing if overshootsink needs no parser.
pub fn parser_of(media_type: &str, purpose: Purpose) -> Option<(&'static str, gst::Caps)> {
    let (parser, record) = match media_type {
        "video/x-h264" => ("h264parse", "avc"),
        "video/x-h265" => ("h265parse", "hvc1"),
        "image/jpeg" if purpose == Purpose::Check => {
            return Some(("jpegparse", gst::Caps::new_empty_simple(media_type)));
        }
        _ => return None,
    };
    let form = match purpose {
        Purpose::Run => "byte-stream",
        Purpose::Check => record,
    };
    let caps = gst::Caps::builder(media_type)
        .field("stream-format", form)
        .field("alignment", "au");
    Some((parser, caps.build()))
}

/// Links this pad of a source to `input`.
pub fn link(
    source: &gst::Element,
    pad: &gst::Pad,
    input: &gst::Pad,
    depayloader: Option<&str>,
    parser: Option<(&str, gst::Caps)>,
) -> Result<(), Fault> {
    let mut chain = Vec::new();
    if let Some(depayloader) = depayloader {
        chain.push(make(depayloader)?);
    }
    if let Some((parser, caps)) = parser {
        let parser = make(parser)?;
        if parser.find_property("config-interval").is_some() {
            // Each key frame gets the parameter sets, because a recording may begin with it.
            parser.set_property("config-interval", -1);
        }
        let filter = make("capsfilter")?;
        filter.set_property("caps", caps);
        chain.extend([parser, filter]);
    }
    let bin = source.parent().and_downcast::<gst::Bin>();
    let bin = bin.ok_or_else(|| Fault::failed("the source was removed"))?;
    bin.add_many(&chain).map_err(Fault::broken)?;
    for pair in chain.windows(2) {
        pair[0].link(&pair[1]).map_err(Fault::broken)?;
    }
    let mut first = input.clone();
    if let (Some(begin), Some(end)) = (chain.first(), chain.last()) {
        let pads = begin.static_pad("sink").zip(end.static_pad("src"));
        let (sink, src) = pads.ok_or_else(|| Fault::failed("the elements have no pads"))?;
        first = sink;
        src.link(input).map_err(Fault::broken)?;
    }
    for element in chain.iter().rev() {
        element.sync_state_with_parent().map_err(Fault::broken)?;
    }
    pad.link(&first).map_err(Fault::broken)?;
    Ok(())
}
