// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Calls of the application's own code: handlers of signals, of property changes, of the bus and of answer pads. The
//! bindings of GLib and GStreamer declare these functions as "C", but the application may end the thread in them
//! (`at_exit`), and Rust then aborts the process.

#![expect(unsafe_code, reason = "no binding has these functions as \"C-unwind\"")]

use std::mem::transmute;
use std::ptr;

use gst::glib;
use gst::glib::gobject_ffi::{GObject, GObjectClass, GParamSpec, GValue};
use gst::glib::subclass::SignalId;
use gst::glib::translate::{IntoGlib, IntoGlibPtr, try_from_glib};
use gst::prelude::*;

use super::OvershootSink;
use crate::at_exit::call_application;

unsafe extern "C-unwind" {
    fn g_signal_emitv(
        instance_and_params: *const GValue,
        signal_id: u32,
        detail: u32,
        return_value: *mut GValue,
    );
    fn gst_pad_push(
        pad: *mut gst::ffi::GstPad,
        buffer: *mut gst::ffi::GstBuffer,
    ) -> gst::ffi::GstFlowReturn;
}

type Post =
    unsafe extern "C-unwind" fn(*mut gst::ffi::GstElement, *mut gst::ffi::GstMessage) -> i32;
type Dispatch = unsafe extern "C-unwind" fn(*mut GObject, u32, *mut *mut GParamSpec);

/// Emits a signal with these arguments, which must be those of the signal, and no return value.
pub fn emit(element: &OvershootSink, signal: &str, arguments: &[&dyn ToValue]) {
    let element = element.public_element();
    let id = SignalId::lookup(signal, element.type_()).expect("a signal of ours");
    let arguments = arguments.iter().map(|argument| argument.to_value());
    let values: Vec<_> = std::iter::once(element.to_value())
        .chain(arguments)
        .collect();
    let (values, id) = (values.as_ptr().cast(), id.into_glib());
    // SAFETY: a `Value` has the layout of a `GValue`, and the arguments are those of the signal.
    call_application(&mut || unsafe { g_signal_emitv(values, id, 0, ptr::null_mut()) });
}

/// Reports that this property has changed. `g_object_notify` would call this same function of the parent class, but
/// through a function of the bindings.
pub fn notify(element: &OvershootSink, property: &str) {
    // It is a bin, too.
    let element = element.public_element();
    let specification = element.find_property(property).expect("one of ours");
    let mut specification = specification.as_ptr();
    let element = element.as_ptr().cast::<GObject>();
    // SAFETY: the class exists while there is an element. "C-unwind" differs from "C" only in what it allows.
    let dispatch: Option<Dispatch> = unsafe {
        let class = glib::gobject_ffi::g_type_class_peek(gst::ffi::gst_bin_get_type());
        transmute((*class.cast::<GObjectClass>()).dispatch_properties_changed)
    };
    if let Some(dispatch) = dispatch {
        // SAFETY: these are the element and one of its properties.
        call_application(&mut || unsafe { dispatch(element, 1, &raw mut specification) });
    }
}

/// Posts a message of an element that is a bin, or one of an element in it, as the parent class does. Handlers on the bus may be the
/// application's own. Returns `false` if the message was not posted.
pub fn post_message(element: &gst::Element, message: gst::Message) -> bool {
    // SAFETY: as above.
    let post: Option<Post> = unsafe {
        let class = glib::gobject_ffi::g_type_class_peek(gst::ffi::gst_bin_get_type());
        transmute((*class.cast::<gst::ffi::GstElementClass>()).post_message)
    };
    let element = element.as_ptr();
    let (message, mut is_posted) = (message.into_glib_ptr(), false);
    let is_called = post.is_some_and(|post| {
        // SAFETY: the element is a bin, and the call takes the message over.
        call_application(&mut || is_posted = unsafe { post(element, message) } != 0)
    });
    if !is_called {
        // SAFETY: the message was not taken over.
        drop(unsafe { gst::Message::from_glib_full(message) });
    }
    is_posted
}

/// Pushes an answer to its reader.
pub fn push(pad: &gst::Pad, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
    let (pad, buffer) = (pad.as_ptr(), buffer.into_glib_ptr());
    let mut flow = gst::ffi::GST_FLOW_FLUSHING;
    // SAFETY: the pad lives as long as the reference to it, and the call takes the buffer over.
    let is_called = call_application(&mut || flow = unsafe { gst_pad_push(pad, buffer) });
    if !is_called {
        // SAFETY: the buffer was not taken over.
        drop(unsafe { gst::Buffer::from_glib_full(buffer) });
    }
    // SAFETY: each number is a valid `FlowReturn`.
    unsafe { try_from_glib(flow) }
}
