// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! State changes that take long, as on a busy machine: what arrives meanwhile must not confuse them.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

const PAUSE: Duration = Duration::from_millis(30);

/// The name of the slow element.
static SLOW: Mutex<&str> = Mutex::new("");

/// From now on, each state change of this element, and of no other one, pauses at its begin and at its end.
pub fn slow_down(name: &'static str) {
    let is_first = std::mem::replace(&mut *SLOW.lock().expect("no panic"), name).is_empty();
    if is_first {
        // GStreamer keeps a tracer with hooks for ever.
        glib::Object::new::<SlowStates>();
    }
}

glib::wrapper! {
    pub struct SlowStates(ObjectSubclass<Slow>) @extends gst::Tracer, gst::Object;
}

#[derive(Default)]
pub struct Slow;

#[glib::object_subclass]
impl ObjectSubclass for Slow {
    const NAME: &'static str = "SlowStates";
    type Type = SlowStates;
    type ParentType = gst::Tracer;
}

impl ObjectImpl for Slow {
    fn constructed(&self) {
        self.parent_constructed();
        self.register_hook(TracerHook::ElementChangeStatePre);
        self.register_hook(TracerHook::ElementChangeStatePost);
    }
}

impl GstObjectImpl for Slow {}

impl TracerImpl for Slow {
    fn element_change_state_pre(&self, _ts: u64, element: &gst::Element, _: gst::StateChange) {
        pause(element);
    }

    fn element_change_state_post(
        &self,
        _ts: u64,
        element: &gst::Element,
        _: gst::StateChange,
        _: Result<gst::StateChangeSuccess, gst::StateChangeError>,
    ) {
        pause(element);
    }
}

fn pause(element: &gst::Element) {
    if element.name() == *SLOW.lock().expect("no panic") {
        thread::sleep(PAUSE);
    }
}
