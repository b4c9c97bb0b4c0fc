// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which decoder decodes encoded video.

use gst::prelude::*;

use super::video_codec::Codec;
use crate::session::error::{Error, Kind, Stage};

/// The decoder with the highest rank that accepts these caps and reaches READY.
///
/// # Errors
/// None is installed. The text names a package.
pub fn find(codec: Codec, caps: &gst::CapsRef) -> Result<gst::Element, Error> {
    let mut factories: Vec<_> = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO,
        gst::Rank::MARGINAL,
    )
    .into_iter()
    // All of them: some decoders accept only VP8 with an alpha channel.
    .filter(|factory| factory.can_sink_all_caps(caps))
    .collect();
    factories.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    let opens = |factory: &gst::ElementFactory| {
        let decoder = factory.create().build().ok()?;
        // A property of libav's decoders: no grey pictures before the first complete one.
        if decoder.has_property("output-corrupt") {
            decoder.set_property("output-corrupt", false);
        }
        // Decoders are registered even if their hardware is absent. They fail here.
        match decoder.set_state(gst::State::Ready) {
            Ok(_) => Some(decoder),
            Err(_) => {
                let _ = decoder.set_state(gst::State::Null);
                None
            }
        }
    };
    factories.iter().find_map(opens).ok_or_else(|| {
        Error::new(
            Kind::InvalidSettings,
            Stage::Media,
            format!(
                "no decoder for {} is installed; install one (Debian: gstreamer1.0-libav).",
                codec.title()
            ),
        )
    })
}
