// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The GObject subclass: its pads, its properties, its state changes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::answers::{self, Answers};
use super::branch::Branch;
use super::data_flow::Input;
use super::hold::{self, Hold};
use super::mirror;
use crate::lock::lock;
use crate::sink::OvershootSink;

/// Each lock is held briefly, and only one at a time. None is held while something is pushed, posted or emitted.
pub struct OvershootFilter {
    pub(super) sink_pad: gst::Pad,
    pub(super) src_pad: gst::Pad,
    pub(super) overshootsink: OvershootSink,
    pub(super) branch: Branch,
    pub(super) answers: Arc<Answers>,
    /// The property `hold`, in nanoseconds.
    hold_property: AtomicU64,
    /// The queue of delayed video, while the element runs with `hold`.
    pub(super) hold: Mutex<Option<Arc<Hold>>>,
    pub(super) input: Mutex<Input>,
    /// The last seek that was sent upstream, and whether it was done.
    pub(super) last_seek: Mutex<Option<(gst::Seqnum, bool)>>,
}

static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let mut all = mirror::properties();
    all.push(
        glib::ParamSpecUInt64::builder(hold::PROPERTY)
            .nick("Hold")
            .blurb("Delay of the video in nanoseconds, so that each answer is on the frames that it is about (0 = no delay, and each answer is on the frames that follow it). Set it to a little more than answers take")
            .maximum(hold::MAX.nseconds())
            .mutable_ready()
            .build(),
    );
    all
});

static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(mirror::signals);

#[glib::object_subclass]
impl ObjectSubclass for OvershootFilter {
    const NAME: &'static str = "GstOvershootFilter";
    type Type = super::OvershootFilter;
    type ParentType = gst::Bin;

    fn with_class(class: &Self::Class) -> Self {
        let template = |name| class.pad_template(name).expect("pad_templates() has it");
        let sink_pad = gst::Pad::builder_from_template(&template("sink"))
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_chain(buffer),
                )
            })
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
            })
            .build();
        let src_pad = gst::Pad::builder_from_template(&template("src"))
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_event(event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
            })
            .build();
        let overshootsink = glib::Object::builder::<OvershootSink>()
            .property("name", "overshootsink")
            .property(mirror::ON_ERROR, mirror::DEFAULT_ON_ERROR)
            .build();
        Self {
            branch: Branch::new(&sink_pad),
            sink_pad,
            src_pad,
            overshootsink,
            answers: Arc::default(),
            hold_property: AtomicU64::new(0),
            hold: Mutex::default(),
            input: Mutex::default(),
            last_seek: Mutex::default(),
        }
    }
}

impl ObjectImpl for OvershootFilter {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, spec: &glib::ParamSpec) {
        match spec.name() {
            // The type was checked.
            hold::PROPERTY => self
                .hold_property
                .store(value.get().unwrap_or_default(), Relaxed),
            name => self.overshootsink.set_property_from_value(name, value),
        }
    }

    fn property(&self, _id: usize, spec: &glib::ParamSpec) -> glib::Value {
        match spec.name() {
            hold::PROPERTY => self.hold_property.load(Relaxed).to_value(),
            name => self.overshootsink.property_value(name),
        }
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        answers::register_meta();
        let obj = self.obj();
        // The bin becomes a sink by this: so the pipeline's EOS waits for the last answers, not longer than
        // `drain-timeout`. The video itself does not wait.
        obj.add(&self.overshootsink).expect("a new bin is empty");
        self.branch.link(&self.overshootsink);
        let answers = Arc::downgrade(&self.answers);
        let on_answer = move |answer| {
            if let Some(answers) = answers.upgrade() {
                answers.add(answer);
            }
        };
        self.overshootsink
            .imp()
            .set_host(obj.upcast_ref(), on_answer);
        for pad in [&self.sink_pad, &self.src_pad] {
            obj.add_pad(pad).expect("a new bin has no pads");
        }
    }
}

impl GstObjectImpl for OvershootFilter {}

impl ElementImpl for OvershootFilter {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Overshoot vision filter",
                "Filter/Analyzer/Video",
                "Passes video on unchanged, asks a vision-language model of the Overshoot service about it, and attaches the answers to its frames",
                "The overshootsink authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let always = |name, direction| {
                let presence = gst::PadPresence::Always;
                gst::PadTemplate::new(name, direction, presence, &gst::Caps::new_any())
                    .expect("valid template")
            };
            let mut all = vec![
                always("sink", gst::PadDirection::Sink),
                always("src", gst::PadDirection::Src),
            ];
            all.extend(mirror::request_pad_templates());
            all
        });
        &TEMPLATES
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        _name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        let name = template.name_template();
        let target = self.overshootsink.request_pad_simple(name)?;
        let pad = gst::GhostPad::builder_from_template_with_target(template, &target)
            .ok()?
            .name(name)
            .build()
            .upcast::<gst::Pad>();
        // Like the target, it has the state of the element.
        let is_active = self.obj().current_state() >= gst::State::Paused;
        if is_active {
            let _ = pad.set_active(true);
        }
        self.obj().add_pad(&pad).ok()?;
        Some(pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let target = pad
            .downcast_ref::<gst::GhostPad>()
            .and_then(|pad| pad.target());
        // These fail only if the pad is inactive or removed already.
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
        if let Some(target) = target {
            self.overshootsink.release_request_pad(&target);
        }
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => {
                self.answers.clear();
                *lock(&self.input) = Input::default();
                *lock(&self.last_seek) = None;
                let hold = gst::ClockTime::from_nseconds(self.hold_property.load(Relaxed));
                self.answers.keep_for(hold.into());
                let queue = Some(hold).filter(|hold| !hold.is_zero()).map(Hold::new);
                *lock(&self.hold) = queue.map(Arc::new);
                self.branch.start();
            }
            gst::StateChange::PausedToReady => {
                self.branch.close();
                if let Some(hold) = self.hold() {
                    hold.close();
                }
            }
            _ => {}
        }
        let change = self.parent_change_state(transition);
        if transition == gst::StateChange::ReadyToPaused && change.is_ok() {
            self.start_hold();
        }
        if transition == gst::StateChange::PausedToReady
            || (transition == gst::StateChange::ReadyToPaused && change.is_err())
        {
            // Its thread may wait in the `overshootsink` until that stops.
            self.branch.stop();
            // It ends as soon as its pad is inactive.
            let _ = self.src_pad.stop_task();
            *lock(&self.hold) = None;
        }
        change
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        match query.type_() {
            // A pipeline asks all of its sinks. The one that plays the video knows it.
            gst::QueryType::Position => false,
            _ => self.src_query(&self.src_pad, query),
        }
    }

    fn send_event(&self, event: gst::Event) -> bool {
        if event.is_downstream() {
            return self.sink_pad.send_event(event);
        }
        match event.type_() {
            // A pipeline sends it to all of its sinks. The one behind this element passes it on to here.
            gst::EventType::Latency => true,
            _ => self.src_event(event),
        }
    }
}

impl BinImpl for OvershootFilter {}

impl OvershootFilter {
    pub(super) fn hold(&self) -> Option<Arc<Hold>> {
        lock(&self.hold).clone()
    }
}
