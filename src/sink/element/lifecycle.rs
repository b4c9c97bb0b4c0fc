// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The element's life cycle: pads, start, preroll, frames, stop.

use std::sync::LazyLock;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use super::input;
use super::sample::{own_sample, timestamp};
use super::state::AnswerPads;
use super::trigger;
use crate::lock::lock;
use crate::session::error::Error;
use crate::sink::answers::answer_pad::AnswerPad;
use crate::sink::answers::messages;
use crate::sink::call;
use crate::sink::codec::damage;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::video_codec::Codec;
use crate::sink::frames::key_frame_requests::SourceRequest;
use crate::sink::frames::source::Source;
use crate::sink::webrtc::warm_up;
use crate::sink::{CAT, running_time};

/// The reason why video is not passed on although it could be.
const NO_KEY_FRAMES: &str = "the service asks for key frames again and again, and the source sends none that every decoder can begin at (H.264 and H.265: an IDR picture)";

impl GstObjectImpl for OvershootSink {}

impl ElementImpl for OvershootSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Overshoot vision sink",
                "Sink/Network/WebRTC",
                "Asks a vision-language model of the Overshoot service about live video",
                "The overshootsink authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let template = |name, direction, presence, caps: gst::Caps| {
                gst::PadTemplate::new(name, direction, presence, &caps).expect("valid template")
            };
            let (request, src) = (gst::PadPresence::Request, gst::PadDirection::Src);
            let text = gst::Caps::builder("text/x-raw").field("format", "utf8");
            let json = gst::Caps::new_empty_simple("application/x-json");
            vec![
                template(
                    "sink",
                    gst::PadDirection::Sink,
                    gst::PadPresence::Always,
                    input::caps(),
                ),
                template("text_src", src, request, text.build()),
                template("json_src", src, request, json.clone()),
                template("alert_src", src, request, json),
            ]
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        _name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let weak = self.downgrade();
        let answer_pad = AnswerPad::new(template, move |event| {
            match weak.upgrade().filter(|_| trigger::is_trigger(&event)) {
                Some(this) => Ok(this.trigger()),
                None => Err(event),
            }
        });
        let pad = answer_pad.pad.clone();
        {
            let mut pads = lock(&self.pads);
            let slot = pads.slot(template.name_template());
            if slot.is_some() {
                gst::error!(
                    CAT,
                    imp = self,
                    "rejecting the request: the pad {} exists already",
                    pad.name()
                );
                return None;
            }
            *slot = Some(answer_pad);
        }
        self.obj().add_pad(&pad).ok()?;
        Some(pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        {
            let mut pads = lock(&self.pads);
            let AnswerPads { text, json, alert } = &mut *pads;
            for slot in [text, json, alert] {
                slot.take_if(|answer_pad| answer_pad.pad == *pad);
            }
        }
        // These fail only if the pad is inactive or removed already.
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => self.start()?,
            gst::StateChange::PausedToReady => {
                self.begin_stop();
                self.end_async_start();
            }
            _ => {}
        }
        let change = self.parent_change_state(transition);
        if transition == gst::StateChange::PausedToReady
            || (transition == gst::StateChange::ReadyToPaused && change.is_err())
        {
            self.stop();
        }
        if transition == gst::StateChange::ReadyToNull {
            warm_up::finish();
        }
        match change {
            Ok(gst::StateChangeSuccess::Success) if self.has_async_start() => {
                Ok(gst::StateChangeSuccess::Async)
            }
            Err(_) => {
                self.end_async_start();
                change
            }
            Ok(_) => change,
        }
    }

    fn send_event(&self, event: gst::Event) -> bool {
        match trigger::is_trigger(&event) {
            true => self.trigger(),
            false => self.parent_send_event(event),
        }
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        if query.type_() == gst::QueryType::Latency {
            self.follow_live_pipeline();
        }
        self.parent_query(query)
    }

    fn post_message(&self, message: gst::Message) -> bool {
        call::post_message(self.obj().upcast_ref(), message)
    }
}

impl BinImpl for OvershootSink {
    /// Keeps the EOS message of the appsink until the last answers have arrived. Later ones, which appsink posts when
    /// the pipeline plays again after EOS, pass at once.
    fn handle_message(&self, message: gst::Message) {
        if !self.follow_appsink(&message) {
            return;
        }
        if message.type_() == gst::MessageType::Eos {
            if let Some(running) = &mut *lock(&self.running) {
                if running.end.arrived(message.clone()) {
                    running.controller.end();
                }
                if running.end.is_awaited() {
                    return;
                }
            } else {
                self.end_answer_pads();
            }
        }
        self.parent_handle_message(message);
    }
}

impl OvershootSink {
    /// Connects the appsink to the feeder: its frames, their orientation, and its caps for raw video.
    pub(super) fn set_up_frames(&self) {
        self.stamp_untimed_frames();
        let weak = self.downgrade();
        let new_sample = move |appsink: &gst_app::AppSink| {
            let pulled = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let mut sample = own_sample(&pulled);
            drop(pulled);
            if let Some(this) = weak.upgrade()
                && let Some(video) = this.video()
            {
                if video.has_failed() {
                    return Err(gst::FlowError::Error);
                }
                this.orientation().attach_to(&mut sample);
                let timestamp = timestamp(&sample);
                let now = running_time(this.obj().upcast_ref());
                match video.push_frame(sample, timestamp, now) {
                    Some(SourceRequest::KeyFrame) => this.request_key_frame(),
                    Some(SourceRequest::Decode) => this.request_decoder(NO_KEY_FRAMES),
                    None => {}
                }
                if video.has_new_damage() {
                    messages::post_failure(&this.obj(), &damage::error(), false, true);
                }
            }
            Ok(gst::FlowSuccess::Ok)
        };
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(new_sample);
        self.appsink.set_callbacks(callbacks.build());

        let weak = self.downgrade();
        let pad = self.appsink.static_pad("sink").expect("a sink has a pad");
        let kinds = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH;
        pad.add_probe(kinds, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &info.data
                && let Some(this) = weak.upgrade()
            {
                this.follow_orientation(event);
                match event.view() {
                    gst::EventView::Caps(caps) if Codec::of_caps(caps.caps()).is_none() => {
                        let format = InputFormat::of_unparsed(caps.caps());
                        this.set_source(format, caps.caps());
                    }
                    // The running time begins again.
                    gst::EventView::FlushStop(flush) if flush.resets_time() => {
                        this.appsink.set_ts_offset(0);
                    }
                    // No frame comes, or none at first: nothing to wait for.
                    gst::EventView::Eos(_) | gst::EventView::Gap(_) => this.end_async_start(),
                    _ => {}
                }
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Offers GstVideoMeta in allocation queries, which an appsink does not do. Without it, decoders whose
    /// frames have their own strides must copy each frame: at 720p30 this costs a tenth of what the
    /// decoding costs.
    pub(super) fn accept_video_meta(&self) {
        let pad = self.appsink.static_pad("sink").expect("a sink has a pad");
        let kinds = gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH;
        pad.add_probe(kinds, |_, info| {
            if let Some(gst::PadProbeData::Query(query)) = &mut info.data
                && let gst::QueryViewMut::Allocation(query) = query.view_mut()
            {
                query.add_allocation_meta::<gst_video::VideoMeta>(None);
                return gst::PadProbeReturn::Handled;
            }
            gst::PadProbeReturn::Ok
        });
    }

    /// Tells the controller the format and the frame rate of the input at the appsink.
    pub(super) fn set_source(&self, input: Result<InputFormat, Error>, caps: &gst::CapsRef) {
        let rate = caps
            .structure(0)
            .and_then(|structure| structure.get::<gst::Fraction>("framerate").ok())
            .unwrap_or(gst::Fraction::new(0, 1));
        if let Some(running) = &*lock(&self.running) {
            running.video.set_expected_rate(rate);
            running.source.send_replace(Source {
                input: Some(input),
                rate: Some(rate),
            });
        }
    }

    /// Tells the controller that the input cannot be used.
    pub(super) fn reject_source(&self, error: Error) {
        self.set_source(Err(error), gst::Caps::new_empty().as_ref());
    }
}
