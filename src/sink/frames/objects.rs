// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The objects that detectors in front have found, by the metadata on the buffers.
//!
//! A `GstVideoRegionOfInterestMeta` names the class in its type, and in its parameters what else is known. What elements
//! write, as read in their sources:
//!
//! | element | type | parameters |
//! |---|---|---|
//! | gvadetect (DL Streamer) | class | `detection` with `confidence` (double), `label_id` |
//! | gvaclassify | as the detector | also one structure for each attribute, with `label` and its `confidence` |
//! | gvatrack | class | `object_id` without a confidence |
//! | others | `detection` | `detection` with `label` (or `label_name`) and `confidence` (float) |
//! | facedetect and others | class | none |
//!
//! Objects of GstAnalytics (GStreamer 1.24 and later, also what DL Streamer writes by now) have a class and a confidence.
//!
//! So a structure with a label is about that class, and any other one about the type. DeepStream (`NvDsBatchMeta`) and Hailo
//! (`GstHailoMeta`) have metadata of their own, which nothing here reads.

use gst_video::VideoRegionOfInterestMeta;

use crate::analytics;

/// Names of the field that names a class.
const LABELS: [&str; 2] = ["label", "label_name"];

/// Which objects count.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects {
    /// Their classes in lower case. Empty: all classes.
    pub classes: Vec<String>,
    /// At least this, 0 to 1. An object without a confidence counts.
    pub confidence: f64,
}

impl Objects {
    /// Whether such an object is on this buffer.
    pub fn are_on(&self, buffer: &gst::BufferRef) -> bool {
        let mut regions = buffer.iter_meta::<VideoRegionOfInterestMeta>();
        regions.any(|region| self.is_such(&class_of(&region), &region))
            || analytics::detections(buffer).iter().any(|object| {
                let class = object
                    .label
                    .as_ref()
                    .map_or("", |label| label.as_str().as_str());
                self.counts(class, Some(object.confidence.into()))
            })
    }

    fn is_such(&self, class: &str, region: &VideoRegionOfInterestMeta) -> bool {
        let mut has_confidence = false;
        let is_found = region.params().any(|params| {
            let label = LABELS
                .iter()
                .find_map(|name| params.get::<&str>(*name).ok());
            let confidence = confidence(params);
            has_confidence |= confidence.is_some();
            let is_named = label.is_some() || confidence.is_some();
            is_named && self.counts(label.unwrap_or(class), confidence)
        });
        is_found || (!has_confidence && self.counts(class, None))
    }

    /// Whether an object of this class counts.
    pub fn counts(&self, class: &str, confidence: Option<f64>) -> bool {
        let is_sure = confidence.is_none_or(|confidence| confidence >= self.confidence);
        let has_name = |name: &String| *name == class.to_lowercase();
        is_sure && (self.classes.is_empty() || self.classes.iter().any(has_name))
    }
}

/// The type of a region; empty if it has none. `VideoRegionOfInterestMeta::roi_type` (gstreamer-video 0.25, read) reads
/// from a null pointer then.
#[expect(
    unsafe_code,
    reason = "there is no other way to read a type that may be 0"
)]
fn class_of(region: &gst::MetaRef<VideoRegionOfInterestMeta>) -> String {
    // SAFETY: the pointer is valid as long as the reference. GLib keeps the string of a quark for ever.
    unsafe {
        let name = gst::glib::ffi::g_quark_to_string((*region.as_ptr()).roi_type);
        let name = (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name));
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

fn confidence(params: &gst::StructureRef) -> Option<f64> {
    let value = params.value("confidence").ok()?;
    value.transform::<f64>().ok()?.get().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(classes: &[&str], confidence: f64) -> Objects {
        Objects {
            classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            confidence,
        }
    }

    /// A buffer with a region of this type and these parameters.
    fn buffer(class: &str, params: &[&str]) -> gst::Buffer {
        gst::init().expect("GStreamer");
        let mut buffer = gst::Buffer::new();
        let writable = buffer.get_mut().expect("the only reference");
        let mut region = VideoRegionOfInterestMeta::add(writable, class, (1, 2, 30, 40));
        for params in params {
            region.add_param(params.parse().expect("a structure"));
        }
        buffer
    }

    #[test]
    fn classes_and_confidences_are_compared() {
        let person = objects(&["person", "dog"], 0.5);
        let detected = "detection,confidence=(double)0.7,label_id=1";
        for (class, params, expected) in [
            ("person", &[detected][..], true),
            ("Person", &[detected], true),
            ("dog", &[detected], true),
            ("car", &[detected], false),
            ("person", &["detection,confidence=(double)0.49"], false),
            ("person", &["detection,confidence=(float)0.9"], true),
            // The confidence of an attribute is not that of the person.
            (
                "person",
                &[
                    "detection,confidence=0.2",
                    "gender,label=female,confidence=0.99",
                    "object_id,id=7",
                ],
                false,
            ),
            (
                "detection",
                &["detection,label=person,confidence=0.8"],
                true,
            ),
            ("detection", &["detection,label=car,confidence=0.8"], false),
            ("detection", &["d,label_name=person,confidence=0.8"], true),
            // Without a confidence.
            ("person", &[], true),
            ("person", &["object_id,id=7"], true),
            ("car", &[], false),
            ("person", &["detection,confidence=high"], true),
        ] {
            let found = person.are_on(&buffer(class, params));
            assert_eq!(found, expected, "{class} {params:?}");
        }
        let dog = analytics::Detection {
            label: Some(gst::glib::Quark::from_str("Dog")),
            x: 1,
            y: 2,
            width: 3,
            height: 4,
            confidence: 0.75,
        };
        let mut detected = gst::Buffer::new();
        analytics::add(detected.make_mut(), &[dog], &[]);
        assert_eq!(person.are_on(&detected), analytics::is_available());
        assert!(!objects(&["dog"], 0.8).are_on(&detected));
        assert!(!objects(&["cat"], 0.5).are_on(&detected));
        let any = objects(&[], 0.0);
        assert!(any.are_on(&buffer("car", &[])));
        assert!(!any.are_on(&gst::Buffer::new()));
    }
}
