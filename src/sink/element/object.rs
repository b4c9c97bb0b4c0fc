// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The GObject's virtual functions: its properties, its signals, its sink pad.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use super::signals;
use crate::sink::webrtc::warm_up;

/// The derived properties, and those that are structures: the derive macro has no spec builder for them.
static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let stats = glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
        .nick("Statistics")
        .blurb("Counters since the start, and the quality of the connection; fields with unknown values are absent")
        .read_only()
        .build();
    let mut properties = OvershootSink::derived_properties().to_vec();
    let budget = glib::ParamSpecBoxed::builder::<gst::Structure>("budget")
        .nick("Budget")
        .blurb("Limits on what a run costs: a structure with at least one of the numbers cents, answers, seconds, cents-per-hour, answers-per-hour, seconds-per-hour. At its end nothing more is asked, and on API v0.2 the stream is deleted (unset = no limit)")
        .mutable_playing()
        .build();
    let ask_when = glib::ParamSpecBoxed::builder::<gst::Structure>("ask-when")
        .nick("Ask when")
        .blurb("still,threshold=8,after=5,every=60 asks about a scene that has not changed for 5 s only every 60 s (0 = not at all); a change is at least 8 levels of brightness. event,before=2,after=5 asks only from 2 s before to 5 s after each trigger. meta,class=person,confidence=0.5,after=5 asks only while detectors in front find such objects, and 5 s longer. On API v0.2 there is no stream in between: see idle-timeout (unset = ask always)")
        .mutable_ready()
        .build();
    let evidence_clip = glib::ParamSpecBoxed::builder::<gst::Structure>("evidence-clip")
        .nick("Evidence clip")
        .blurb("Video around each alert, for a Matroska file beside that of evidence-location: clip,before=5,after=5 has 5 s before and after it (unset = no clips)")
        .mutable_ready()
        .build();
    properties.extend([stats, budget, ask_when, evidence_clip]);
    properties
});

impl ObjectImpl for OvershootSink {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            // The type was checked.
            "budget" => self.set_budget(value.get().unwrap_or_default()),
            "ask-when" => self.settings().ask_when = value.get().unwrap_or_default(),
            "evidence-clip" => {
                self.settings().evidence_clip = value.get().unwrap_or_default();
            }
            _ => self.derived_set_property(id, value, pspec),
        }
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.stats().to_value(),
            "budget" => self.settings().budget.to_value(),
            "ask-when" => self.settings().ask_when.to_value(),
            "evidence-clip" => self.settings().evidence_clip.to_value(),
            _ => self.derived_property(id, pspec),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        self.set_up_frames();
        self.accept_video_meta();
        obj.add(&self.appsink).expect("a new bin is empty");
        let target = self.appsink.static_pad("sink").expect("a sink has a pad");
        let template = obj.pad_template("sink").expect("pad_templates() has it");
        let pad = gst::GhostPad::builder_from_template_with_target(&template, &target)
            .expect("the ghost pad and its target have the same direction")
            .chain_function(|pad, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_chain(pad, buffer),
                )
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_event_flow(pad, event),
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .build();
        obj.add_pad(&pad).expect("a new bin has no pad");
    }

    fn dispose(&self) {
        self.models_request.end();
        warm_up::finish();
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(signals::all);
        &SIGNALS
    }
}
