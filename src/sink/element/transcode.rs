// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Encoded video that cannot be passed through: a decoder is inserted behind the parser, between two frames.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use super::input::linking_failed;
use super::state::Parser;
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::answers::messages;
use crate::sink::codec::decoder;
use crate::sink::codec::disposable::is_disposable;
use crate::sink::codec::random_access::RandomAccess;
use crate::sink::codec::video_codec::Codec;
use crate::sink::frames::skipping::{Decision, Dependence};

impl OvershootSink {
    /// Requests that the streaming thread decodes the video from the next frame on.
    pub fn request_decoder(&self, reason: &str) {
        if !self.is_current_run() {
            return;
        }
        lock(&self.chain).decode_reason = Some(reason.to_owned());
    }

    /// Inserts the requested decoder.
    pub(super) fn plug_requested_decoder(&self) {
        let (codec, reason) = {
            let mut chain = lock(&self.chain);
            let Some(reason) = chain.decode_reason.take() else {
                return;
            };
            match (&chain.parser, &chain.decoder) {
                (Some(parser), None) => (parser.codec, reason),
                _ => return,
            }
        };
        self.plug_decoder(codec, &reason, None);
    }

    /// Inserts a decoder: from now on, the appsink gets raw video. A decoder can begin only at a key frame. It first
    /// decodes the current group of pictures, unless `next`, the next frame, is a key frame itself.
    pub(super) fn plug_decoder(&self, codec: Codec, reason: &str, next: Option<&gst::BufferRef>) {
        // The connection cannot carry raw video: the controller makes another one.
        if self.video().is_some_and(|video| video.passes_encoded()) {
            self.hold_frames();
        }
        let decoder = match self.try_plug_decoder(codec) {
            Ok(decoder) => decoder,
            Err(error) => {
                return self.reject_source(Error::new(
                    error.kind,
                    error.stage,
                    format!(
                        "{} input cannot be passed through: {reason}. It cannot be decoded either: {}",
                        codec.title(),
                        error.message
                    ),
                ));
            }
        };
        let warning = Error::new(
            Kind::InvalidSettings,
            Stage::Media,
            format!(
                "{} input is decoded by {decoder} and encoded again: {reason}. This costs CPU time. To avoid it, change the output of the source, or video-caps, max-width or max-height.",
                codec.title()
            ),
        );
        messages::post_failure(&self.obj(), &warning, false, false);
        let cached = self.video().map(|video| video.take_cached());
        let cached = cached
            .filter(|_| next.is_none_or(is_delta))
            .unwrap_or_default();
        if cached.is_empty() {
            lock(&self.chain).decoder_needs_key_frame = true;
            if next.is_none_or(is_delta) {
                self.request_key_frame();
            }
        }
        let filter = lock(&self.chain).parser.as_ref().and_then(Parser::filter);
        let Some(pad) = filter.and_then(|filter| filter.static_pad("src")) else {
            return;
        };
        let twice = cached
            .front()
            .filter(|first| first.access == RandomAccess::Partial);
        for frame in twice.into_iter().chain(&cached) {
            // A frame that the decoder rejects is lost. The next frame reports the reason.
            if let Some(buffer) = frame.sample.buffer_owned() {
                let _ = pad.push(buffer);
            }
        }
    }

    /// Whether a frame that comes from `pad` may go on. Before a decoder, frames are dropped until a key frame, and later
    /// those that need not be decoded.
    pub(super) fn accept_frame(&self, pad: &gst::Pad, frame: &gst::Buffer) -> bool {
        let (decodes, needs_key_frame) = {
            let chain = lock(&self.chain);
            (chain.decoder.is_some(), chain.decoder_needs_key_frame)
        };
        match needs_key_frame {
            true => !is_delta(frame) && self.begin_decoding(pad, frame),
            false => !decodes || self.must_decode(pad, frame),
        }
    }

    /// The decoder begins at this key frame.
    ///
    /// If it is no IDR, it is decoded twice: avdec_h264 (1.22, seen) loses the first picture if it is no IDR, because it
    /// asks for the buffers of pictures that it never got, and shows green up to the next key frame.
    fn begin_decoding(&self, pad: &gst::Pad, frame: &gst::Buffer) -> bool {
        let codec = {
            let mut chain = lock(&self.chain);
            chain.decoder_needs_key_frame = false;
            chain.parser.as_ref().map(|parser| parser.codec)
        };
        if RandomAccess::of(codec, pad.current_caps().as_deref(), frame) == RandomAccess::Partial {
            let _ = pad.push(frame.clone());
        }
        true
    }

    /// Whether the rate limit or other frames need this one.
    fn must_decode(&self, pad: &gst::Pad, frame: &gst::BufferRef) -> bool {
        let (Some(video), Some(caps)) = (self.video(), pad.current_caps()) else {
            return true;
        };
        let codec = lock(&self.chain).parser.as_ref().map(|parser| parser.codec);
        let dependence = match codec {
            _ if !is_delta(frame) => Dependence::Key,
            Some(codec) if is_disposable(codec, &caps, frame) => Dependence::Disposable,
            _ => Dependence::Reference,
        };
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let time = segment.and_then(|segment| {
            let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
            segment.to_running_time(frame.pts())
        });
        let (live, limit) = (video.is_live(), video.limit());
        let decision = {
            let mut chain = lock(&self.chain);
            let decision = chain.skipping.decide(dependence, time, live, limit);
            chain.decoder_needs_key_frame = decision == Decision::AwaitKeyFrame;
            decision
        };
        match decision {
            Decision::Decode => return true,
            Decision::Skip => video.skip_over_rate(),
            Decision::AwaitKeyFrame => self.request_key_frame(),
        }
        false
    }

    fn try_plug_decoder(&self, codec: Codec) -> Result<String, Error> {
        let filter = lock(&self.chain).parser.as_ref().and_then(Parser::filter);
        let filter = filter.ok_or_else(|| linking_failed("the parser is missing"))?;
        let caps = filter.static_pad("src").and_then(|pad| pad.current_caps());
        let decoder = decoder::find(codec, &caps.unwrap_or_else(|| codec.parsed_caps()))?;
        let obj = self.obj();
        obj.add(&decoder).map_err(|error| linking_failed(&error))?;
        filter.unlink(&self.appsink);
        gst::Element::link_many([&filter, &decoder, self.appsink.upcast_ref()])
            .map_err(|error| linking_failed(&error))?;
        decoder
            .sync_state_with_parent()
            .map_err(|error| linking_failed(&error))?;
        let name = decoder.factory().map(|factory| factory.name());
        lock(&self.chain).decoder = Some(decoder);
        Ok(name.map(Into::into).unwrap_or_default())
    }
}

/// Whether the parser says that the frame depends on earlier frames.
pub(super) fn is_delta(frame: &gst::BufferRef) -> bool {
    frame.flags().contains(gst::BufferFlags::DELTA_UNIT)
}
