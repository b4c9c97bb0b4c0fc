// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The elements between the sink pad and the appsink. Raw video and pictures that all stand alone need none. Other
//! encoded video needs a parser, and a decoder behind it if the video cannot be passed through.
//!
//! The streaming thread inserts these elements. The streaming thread removes them too, or another thread
//! after the streaming thread has ended. The lock only protects the record of what is inserted.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use super::state::Parser;
use super::transcode::is_delta;
use super::trigger;
use crate::lock::lock;
use crate::session::error::{Error, Kind, Stage};
use crate::sink::CAT;
use crate::sink::codec::device_memory::DeviceMemory;
use crate::sink::codec::h264;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::passthrough::{B_FRAMES, NOT_UPRIGHT};
use crate::sink::codec::video_codec::Codec;
use crate::sink::frames::skipping::Skipping;
use crate::sink::frames::source::Source;

/// The caps of the sink pad. The raw formats that encoders accept without conversion come first, so that
/// sources with a choice choose one of them.
pub fn caps() -> gst::Caps {
    caps_in(|_| true)
}

/// The caps in system memory, and in such memory of devices.
fn caps_in(memory: impl Fn(DeviceMemory) -> bool) -> gst::Caps {
    let mut caps = system_caps();
    for memory in DeviceMemory::ALL.into_iter().filter(|of| memory(*of)) {
        let raw = gst::Caps::builder("video/x-raw").features([memory.feature()]);
        caps.make_mut().append(raw.build());
    }
    caps
}

/// Which of these caps the sink pad takes, in their order. Memory that nothing installed can read is only among them if
/// there is no alternative: then an error says what to install.
fn accepted_of(offered: &gst::CapsRef) -> gst::Caps {
    let intersection =
        |caps: &gst::Caps| offered.intersect_with_mode(caps, gst::CapsIntersectMode::First);
    let accepted = intersection(&caps_in(DeviceMemory::is_readable));
    match accepted.is_empty() {
        true => intersection(&caps()),
        false => accepted,
    }
}

/// The caps in system memory.
fn system_caps() -> gst::Caps {
    "video/x-raw, format={I420, NV12}; video/x-raw; video/x-h264; video/x-vp8; video/x-vp9; \
     video/x-h265; video/x-av1; image/jpeg; video/x-prores; video/x-dnxhd"
        .parse()
        .expect("the caps string is valid")
}

impl OvershootSink {
    /// What the caps of the source say about its video, before any video arrives.
    pub(super) fn expected_source(&self) -> Source {
        let pad = self
            .obj()
            .static_pad("sink")
            .expect("constructed() adds the sink pad");
        // Elements such as videoconvert would list the memory of each device, too, whatever their source delivers.
        let caps = pad.peer().map(|peer| peer.query_caps(Some(&system_caps())));
        let raw = caps.is_some_and(|caps| {
            !caps.is_empty()
                && caps
                    .iter()
                    .all(|structure| structure.name() == "video/x-raw")
        });
        Source {
            input: raw.then_some(Ok(InputFormat::Raw)),
            rate: None,
        }
    }

    pub(super) fn sink_query(&self, pad: &gst::GhostPad, query: &mut gst::QueryRef) -> bool {
        // The template decides, not the elements that are inserted now: they are exchanged for new caps.
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let result = match query.filter() {
                    Some(filter) => accepted_of(filter),
                    None => pad.pad_template_caps(),
                };
                query.set_result(&result);
                true
            }
            gst::QueryViewMut::AcceptCaps(query) => {
                let accepted = query.caps().can_intersect(&pad.pad_template_caps());
                query.set_result(accepted);
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }

    /// As GStreamer does with a plain event function, but while the element stops, or is flushed, refused events are no
    /// errors: a source that sends its first events then would post one (seen with 1.28, behind an input-selector).
    pub(super) fn sink_event_flow(
        &self,
        pad: &gst::GhostPad,
        event: gst::Event,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let is_caps = event.type_() == gst::EventType::Caps;
        if self.sink_event(pad, event) {
            return Ok(gst::FlowSuccess::Ok);
        }
        let end = self.appsink.static_pad("sink");
        Err(match end {
            Some(end) if end.pad_flags().contains(gst::PadFlags::FLUSHING) => {
                gst::FlowError::Flushing
            }
            _ if is_caps => gst::FlowError::NotNegotiated,
            _ => gst::FlowError::Error,
        })
    }

    fn sink_event(&self, pad: &gst::GhostPad, mut event: gst::Event) -> bool {
        if trigger::is_trigger(&event) {
            return self.trigger();
        }
        match event.view() {
            gst::EventView::Caps(caps) => {
                if let Err(error) = self.plug_parser(pad, caps.caps()) {
                    self.reject_source(error);
                }
                if let Some(caps) = with_colorimetry(caps.caps()) {
                    event = gst::event::Caps::builder(&caps)
                        .seqnum(event.seqnum())
                        .build();
                }
            }
            gst::EventView::Eos(_) => self.plug_requested_decoder(),
            gst::EventView::FlushStop(_) => self.resume_after_end(true),
            gst::EventView::StreamStart(_) | gst::EventView::Segment(_) => {
                self.resume_after_end(false)
            }
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    pub(super) fn sink_chain(
        &self,
        pad: &gst::GhostPad,
        mut buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.plug_requested_decoder();
        // If an h264parse upstream outputs NAL units one by one, it marks every unit of the first frame as
        // a discontinuity (seen with 1.22). Our parser would then take each unit for a whole frame. A buffer
        // without a PTS belongs to the frame before it, so the flag is removed there.
        let joined = buffer.flags().contains(gst::BufferFlags::DISCONT) && buffer.pts().is_none();
        if joined && lock(&self.chain).parser.is_some() {
            buffer.make_mut().unset_flags(gst::BufferFlags::DISCONT);
        }
        gst::ProxyPad::chain_default(pad, Some(&*self.obj()), buffer)
    }

    /// Removes all elements, so that the next start begins without them. Must not be called while video
    /// flows on another thread.
    pub(super) fn unplug(&self) {
        let (parser, decoder) = {
            let mut chain = lock(&self.chain);
            chain.decode_reason = None;
            chain.decoder_needs_key_frame = false;
            chain.skipping = Skipping::default();
            (chain.parser.take(), chain.decoder.take())
        };
        let elements = parser.into_iter().flat_map(|parser| parser.elements);
        let elements: Vec<_> = elements.chain(decoder).collect();
        if elements.is_empty() {
            return;
        }
        let obj = self.obj();
        if let Some(pad) = obj.static_pad("sink").and_downcast::<gst::GhostPad>() {
            // It can fail only while the appsink is linked. The loop below unlinks it.
            let _ = pad.set_target(None::<&gst::Pad>);
        }
        for element in &elements {
            element.set_locked_state(true);
            if element.set_state(gst::State::Null).is_err() {
                gst::error!(CAT, imp = self, "{} cannot be set to NULL", element.name());
            }
            // This also unlinks the element.
            if obj.remove(element).is_err() {
                gst::error!(CAT, imp = self, "{} was removed already", element.name());
            }
        }
        self.retarget(&self.appsink);
    }

    /// Makes the sink pad of `element` the target of the element's own sink pad.
    fn retarget(&self, element: &impl IsA<gst::Element>) {
        let pad = self
            .obj()
            .static_pad("sink")
            .and_downcast::<gst::GhostPad>();
        if let Some((pad, target)) = pad.zip(element.static_pad("sink"))
            && pad.set_target(Some(&target)).is_err()
        {
            gst::error!(
                CAT,
                imp = self,
                "{} cannot become the target of the sink pad",
                element.as_ref().name()
            );
        }
    }

    /// Inserts the parser that these caps need, unless it is there already.
    fn plug_parser(&self, pad: &gst::GhostPad, caps: &gst::CapsRef) -> Result<(), Error> {
        let codec = Codec::of_caps(caps);
        if codec == lock(&self.chain).parser.as_ref().map(|parser| parser.codec) {
            return Ok(());
        }
        gst::debug!(CAT, obj = pad, "the input is {caps}");
        self.unplug();
        if let Some(evidence) = self.evidence() {
            evidence.set_encoded_source(codec.is_some());
        }
        let Some(codec) = codec else {
            return Ok(());
        };
        let mut elements = Vec::new();
        if let Some(parser) = codec.parser() {
            elements.push(make(parser)?);
        }
        let filter = make("capsfilter")?;
        filter.set_property("caps", codec.parsed_caps());
        elements.push(filter.clone());
        let obj = self.obj();
        obj.add_many(&elements)
            .map_err(|error| linking_failed(&error))?;
        pad.set_target(None::<&gst::Pad>)
            .map_err(|error| linking_failed(&error))?;
        let chain = elements.iter().chain([self.appsink.upcast_ref()]);
        gst::Element::link_many(chain).map_err(|error| linking_failed(&error))?;

        let weak = self.downgrade();
        let parsed = filter
            .static_pad("src")
            .expect("a capsfilter has a src pad");
        parsed.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
                && let Some(this) = weak.upgrade()
            {
                this.check_passthrough(pad, buffer);
                if let Some(evidence) = this.evidence() {
                    let is_passed = lock(&this.chain).decoder.is_none();
                    evidence.take_source_frame(pad, buffer, is_passed);
                }
                if !this.accept_frame(pad, buffer) {
                    return gst::PadProbeReturn::Drop;
                }
            }
            gst::PadProbeReturn::Ok
        });
        for element in &elements {
            element
                .sync_state_with_parent()
                .map_err(|error| linking_failed(&error))?;
        }
        self.retarget(&elements[0]);
        lock(&self.chain).parser = Some(Parser {
            codec,
            elements,
            checked: None,
            last_pts: None,
        });
        Ok(())
    }

    /// Checks, before each frame passes, whether it can be sent without decoding.
    fn check_passthrough(&self, pad: &gst::Pad, buffer: &gst::BufferRef) {
        let Some(caps) = pad.current_caps() else {
            return;
        };
        let (codec, checked) = {
            let chain = lock(&self.chain);
            let Some(parser) = chain.parser.as_ref().filter(|_| chain.decoder.is_none()) else {
                return;
            };
            let checked = parser.checked.as_ref();
            let same = checked.filter(|(known, _)| *known == caps);
            (
                parser.codec,
                same.map(|(_, passthrough)| passthrough.clone()),
            )
        };
        if !self.orientation().is_upright() {
            return self.plug_decoder(codec, NOT_UPRIGHT, Some(buffer));
        }
        let (passthrough, new) = match checked {
            Some(passthrough) => (passthrough, false),
            None => match self.settings().check_passthrough(codec, &caps) {
                Ok(passthrough) => (passthrough, true),
                Err(reason) => return self.plug_decoder(codec, &reason, Some(buffer)),
            },
        };
        if passthrough.watch_order && self.pts_went_backwards(codec, &caps, buffer) {
            return self.plug_decoder(codec, B_FRAMES, Some(buffer));
        }
        if new {
            gst::info!(CAT, imp = self, "{caps} can be passed through");
            if let Some(parser) = &mut lock(&self.chain).parser {
                parser.checked = Some((caps.clone(), passthrough.clone()));
            }
            self.set_source(Ok(InputFormat::Encoded(passthrough)), &caps);
        }
    }

    /// Whether the video has B-frames: frames are then displayed in another order than they arrive.
    fn pts_went_backwards(
        &self,
        codec: Codec,
        caps: &gst::CapsRef,
        buffer: &gst::BufferRef,
    ) -> bool {
        let before = lock(&self.chain)
            .parser
            .as_mut()
            .and_then(|parser| std::mem::replace(&mut parser.last_pts, buffer.pts()));
        if codec != Codec::H264 {
            // A key frame does not count: the source may have restarted there.
            return is_delta(buffer)
                && before
                    .zip(buffer.pts())
                    .is_some_and(|(before, pts)| pts < before);
        }
        let record = caps
            .structure(0)
            .and_then(|structure| structure.get::<gst::Buffer>("codec_data").ok())
            .and_then(|data| h264::AvcConfig::parse(&data.map_readable().ok()?));
        record
            .zip(buffer.map_readable().ok())
            .is_some_and(|(record, unit)| h264::has_b_slice(&unit, record.length_size))
    }

    /// Forwards a key-frame request upstream.
    pub(super) fn request_key_frame(&self) {
        let event = gst_video::UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build();
        if let Some(pad) = self.obj().static_pad("sink")
            && !pad.push_event(event)
        {
            gst::debug!(
                CAT,
                imp = self,
                "no element upstream handles key-frame requests"
            );
        }
    }
}

/// The caps of VP8 with its colorimetry, which is BT.601 (RFC 6386, 9.2). Without it, GStreamer takes HD for BT.709.
/// `None`: nothing is missing.
fn with_colorimetry(caps: &gst::CapsRef) -> Option<gst::Caps> {
    let missing =
        Codec::of_caps(caps) == Some(Codec::Vp8) && !caps.structure(0)?.has_field("colorimetry");
    missing.then(|| {
        let mut caps = caps.to_owned();
        caps.make_mut().set("colorimetry", "bt601");
        caps
    })
}

fn make(factory: &str) -> Result<gst::Element, Error> {
    gst::ElementFactory::make(factory).build().map_err(|_| {
        Error::new(
            Kind::InvalidSettings,
            Stage::Media,
            format!(
                "the GStreamer element {factory} is missing: install gst-plugins-bad (Debian: gstreamer1.0-plugins-bad)."
            ),
        )
    })
}

pub(super) fn linking_failed(error: impl std::fmt::Display) -> Error {
    Error::new(
        Kind::InvalidSettings,
        Stage::Media,
        format!("the elements for encoded input cannot be connected: {error}."),
    )
}
