// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! GstAnalytics: what is seen on a frame, in the form that other elements read (`objectdetectionoverlay`) and write
//! (detectors). The library came with GStreamer 1.24. The plugin is built for 1.22, so the library is found at run time.

#![expect(
    unsafe_code,
    reason = "no binding of GstAnalytics can be built with GStreamer 1.22"
)]

use std::ffi::{c_int, c_uint};
use std::ptr;
use std::sync::LazyLock;

use gst::glib;
use gst::glib::translate::IntoGlib;

/// The most detections of one frame that are read.
const MAX_DETECTIONS: usize = 1000;

/// An object in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// What it is. A quark is never freed: write only labels whose number is limited. `None`: the detector does not say.
    pub label: Option<glib::Quark>,
    /// The corner at the top left, in pixels of the picture.
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
    /// 0 to 1.
    pub confidence: f32,
}

/// Whether this GStreamer has GstAnalytics.
pub fn is_available() -> bool {
    LIBRARY.is_some()
}

/// The objects in the picture by the metadata of a frame, at most 1000. None without GstAnalytics.
pub fn detections(buffer: &gst::BufferRef) -> Vec<Detection> {
    LIBRARY
        .as_ref()
        .map(|library| library.detections(buffer))
        .unwrap_or_default()
}

/// Adds objects, and classes of the whole picture, to the metadata of a frame. What other elements have written stays. A
/// class is a label, with the same caution as in [`Detection`]. Returns `false` without GstAnalytics.
pub fn add(buffer: &mut gst::BufferRef, detections: &[Detection], classes: &[glib::Quark]) -> bool {
    LIBRARY
        .as_ref()
        .is_some_and(|library| library.add(buffer, detections, classes))
}

/// What this version of GStreamer cannot do, for the log.
pub fn missing() -> Option<&'static str> {
    (!version_has_it()).then_some(
        "GstAnalytics came with 1.24. Without it, ask-when=meta reads only regions of interest, and overshootfilter writes only its own metadata",
    )
}

/// Earlier ones of plugins-bad had other functions under these names.
fn version_has_it() -> bool {
    let (major, minor, ..) = gst::version();
    (major, minor) >= (1, 24)
}

static LIBRARY: LazyLock<Option<Library>> = LazyLock::new(|| {
    version_has_it()
        .then(|| crate::at_fork::load_library(Library::load))
        .flatten()
});

/// `GstAnalyticsRelationMeta`, whose fields nobody reads.
#[repr(C)]
struct RelationMeta {
    _private: [u8; 0],
}

/// `GstAnalyticsMtd`: an entry of the metadata.
#[repr(C)]
struct Entry {
    id: c_uint,
    meta: *mut RelationMeta,
}

impl Entry {
    const EMPTY: Self = Self {
        id: 0,
        meta: ptr::null_mut(),
    };
}

type Quark = u32;

/// The functions of the library.
struct Library {
    add_meta: unsafe extern "C" fn(*mut gst::ffi::GstBuffer) -> *mut RelationMeta,
    get_meta: unsafe extern "C" fn(*mut gst::ffi::GstBuffer) -> *mut RelationMeta,
    add_object: unsafe extern "C" fn(
        *mut RelationMeta,
        Quark,
        c_int,
        c_int,
        c_int,
        c_int,
        f32,
        *mut Entry,
    ) -> c_int,
    add_class: unsafe extern "C" fn(*mut RelationMeta, f32, Quark, *mut Entry) -> c_int,
    next: unsafe extern "C" fn(
        *mut RelationMeta,
        *mut glib::ffi::gpointer,
        usize,
        *mut Entry,
    ) -> c_int,
    object_type: unsafe extern "C" fn() -> usize,
    location: unsafe extern "C" fn(
        *const Entry,
        *mut c_int,
        *mut c_int,
        *mut c_int,
        *mut c_int,
        *mut f32,
    ) -> c_int,
    label: unsafe extern "C" fn(*const Entry) -> Quark,
}

impl Library {
    #[cfg(unix)]
    #[expect(
        clippy::missing_transmute_annotations,
        reason = "the fields say the types"
    )]
    fn load() -> Option<Self> {
        // SAFETY: the name is a C string. The library is never closed, so its functions stay.
        let library =
            unsafe { libc::dlopen(c"libgstanalytics-1.0.so.0".as_ptr(), libc::RTLD_LAZY) };
        if library.is_null() {
            gst::info!(crate::sink::CAT, "there is no GstAnalytics library");
            return None;
        }
        let symbol = |name: &std::ffi::CStr| {
            // SAFETY: the library is open, and the name is a C string.
            let address = unsafe { libc::dlsym(library, name.as_ptr()) };
            (!address.is_null()).then_some(address)
        };
        // SAFETY: the fields have the types of the functions with these names, since GStreamer 1.24.
        macro_rules! function {
            ($name:literal) => {
                unsafe { std::mem::transmute::<*mut libc::c_void, _>(symbol($name)?) }
            };
        }
        Some(Self {
            add_meta: function!(c"gst_buffer_add_analytics_relation_meta"),
            get_meta: function!(c"gst_buffer_get_analytics_relation_meta"),
            add_object: function!(c"gst_analytics_relation_meta_add_od_mtd"),
            add_class: function!(c"gst_analytics_relation_meta_add_one_cls_mtd"),
            next: function!(c"gst_analytics_relation_meta_iterate"),
            object_type: function!(c"gst_analytics_od_mtd_get_mtd_type"),
            location: function!(c"gst_analytics_od_mtd_get_location"),
            label: function!(c"gst_analytics_od_mtd_get_obj_type"),
        })
    }

    #[cfg(not(unix))]
    fn load() -> Option<Self> {
        None
    }

    fn detections(&self, buffer: &gst::BufferRef) -> Vec<Detection> {
        let mut found = Vec::new();
        let mut state = ptr::null_mut();
        let mut entry = Entry::EMPTY;
        // SAFETY: these functions only read the buffer and its metadata, which live longer than this call.
        unsafe {
            let meta = (self.get_meta)(buffer.as_ptr().cast_mut());
            if meta.is_null() {
                return found;
            }
            let object_type = (self.object_type)();
            while found.len() < MAX_DETECTIONS
                && (self.next)(meta, &raw mut state, object_type, &raw mut entry) != 0
            {
                let (mut x, mut y, mut width, mut height, mut confidence) = (0, 0, 0, 0, 0.0);
                let is_known = (self.location)(
                    &raw const entry,
                    &raw mut x,
                    &raw mut y,
                    &raw mut width,
                    &raw mut height,
                    &raw mut confidence,
                ) != 0;
                let label = (self.label)(&raw const entry);
                if is_known {
                    found.push(Detection {
                        label: glib::translate::try_from_glib(label).ok(),
                        x,
                        y,
                        width,
                        height,
                        confidence,
                    });
                }
            }
        }
        found
    }

    fn add(
        &self,
        buffer: &mut gst::BufferRef,
        detections: &[Detection],
        classes: &[glib::Quark],
    ) -> bool {
        let mut entry = Entry::EMPTY;
        // SAFETY: the buffer is writable, and its metadata lives as long as it does.
        unsafe {
            // The metadata that is there, if any, or a new one.
            let meta = (self.add_meta)(buffer.as_mut_ptr());
            if meta.is_null() {
                return false;
            }
            let objects = detections.iter().all(|object| {
                let label = object.label.map_or(0, IntoGlib::into_glib);
                let (x, y) = (object.x, object.y);
                let (width, height) = (object.width, object.height);
                let confidence = object.confidence;
                let entry = &raw mut entry;
                (self.add_object)(meta, label, x, y, width, height, confidence, entry) != 0
            });
            objects
                && classes.iter().all(|class| {
                    (self.add_class)(meta, 1.0, class.into_glib(), &raw mut entry) != 0
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        gst::init().expect("GStreamer");
        let (major, minor, ..) = gst::version();
        assert_eq!(is_available(), (major, minor) >= (1, 24));
        let mut buffer = gst::Buffer::new();
        let buffer = buffer.make_mut();
        let cat = Detection {
            label: Some(glib::Quark::from_str("cat")),
            x: 10,
            y: -20,
            width: 30,
            height: 40,
            confidence: 0.5,
        };
        let unnamed = Detection {
            label: None,
            x: 1,
            ..cat.clone()
        };
        assert_eq!(detections(buffer), []);
        let class = glib::Quark::from_str("raining");
        let added = add(buffer, std::slice::from_ref(&cat), &[class]);
        assert_eq!(added, is_available());
        add(buffer, std::slice::from_ref(&unnamed), &[]);
        let expected = match is_available() {
            true => vec![cat, unnamed],
            false => Vec::new(),
        };
        assert_eq!(detections(buffer), expected);
    }
}
