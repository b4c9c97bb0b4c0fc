//! Encoded video that can't go out as it is: a decoder behind the parser, from one frame to the next.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use super::input::unfit;
use super::state::Parser;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::answers::messages;
use crate::sink::codec::video_codec::Codec;
use crate::sink::lock::lock;

impl OvershootSink {
    /// Has the thread that brings the video decode it from here on.
    pub fn request_decoder(&self, reason: &str) {
        lock(&self.chain).decode_reason = Some(reason.to_owned());
    }

    /// What the controller asked for, together with the frames that came since.
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
        self.plug_decoder(codec, &reason);
        let filter = lock(&self.chain).parser.as_ref().and_then(Parser::filter);
        let Some(pad) = filter.and_then(|filter| filter.static_pad("src")) else {
            return;
        };
        for (sample, _) in self
            .video()
            .map(|video| video.take_cached())
            .unwrap_or_default()
        {
            // What the decoder does not take is lost; the next frame tells why.
            if let Some(buffer) = sample.buffer_owned() {
                let _ = pad.push(buffer);
            }
        }
    }

    /// From the next frame on the inner sink gets raw video.
    pub(super) fn plug_decoder(&self, codec: Codec, reason: &str) {
        match self.try_plug_decoder(codec) {
            Ok(decoder) => {
                let warning = Error::new(
                    Kind::InvalidSettings,
                    Stage::Media,
                    format!(
                        "{} input is decoded by {decoder} and encoded again, as {reason}. It costs CPU; have the source or the settings changed to avoid it.",
                        codec.title()
                    ),
                );
                messages::post_failure(&self.obj(), &warning, false, false);
                // A decoder begins at a key frame.
                self.ask_for_key_frame();
            }
            Err(error) => self.reject_source(Error::new(
                error.kind,
                error.stage,
                format!(
                    "{} input can't be passed through, as {reason}; and {}",
                    codec.title(),
                    error.message
                ),
            )),
        }
    }

    fn try_plug_decoder(&self, codec: Codec) -> Result<String, Error> {
        let filter = lock(&self.chain).parser.as_ref().and_then(Parser::filter);
        let filter = filter.ok_or_else(|| unfit("there is no parser"))?;
        let decoder = decoder(codec)?;
        let obj = self.obj();
        obj.add(&decoder).map_err(|error| unfit(&error))?;
        filter.unlink(&self.appsink);
        gst::Element::link_many([&filter, &decoder, self.appsink.upcast_ref()])
            .map_err(|error| unfit(&error))?;
        decoder
            .sync_state_with_parent()
            .map_err(|error| unfit(&error))?;
        let name = decoder.factory().map(|factory| factory.name());
        lock(&self.chain).decoder = Some(decoder);
        Ok(name.map(Into::into).unwrap_or_default())
    }
}

/// The highest ranked decoder that opens.
fn decoder(codec: Codec) -> Result<gst::Element, Error> {
    let caps = codec.parsed_caps();
    let mut factories: Vec<_> = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO,
        gst::Rank::MARGINAL,
    )
    .into_iter()
    .filter(|factory| factory.can_sink_any_caps(&caps))
    .collect();
    factories.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    let opens = |factory: &gst::ElementFactory| {
        let decoder = factory.create().build().ok()?;
        // A decoder for hardware that is not there is registered all the same, and fails here.
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
                "no decoder for {} is installed (Debian: gstreamer1.0-libav).",
                codec.title()
            ),
        )
    })
}
