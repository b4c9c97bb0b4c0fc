// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What a JSON answer says in a form that GstAnalytics has: classes of the whole picture, and boxes.
//!
//! GstAnalytics has labels as quarks, and GLib never frees a quark. So free text is no label. Labels are the values that
//! the schema enumerates, and the labels of boxes, up to a limit for the whole process.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use gst::glib;
use serde_json::Value;

use crate::analytics::{self, Detection};

/// Labels that this process may add to those that GLib has.
const MAX_LABELS: usize = 1000;
/// A longer text is no label.
const MAX_LABEL_BYTES: usize = 64;
/// The label of boxes whose own cannot be used.
const FALLBACK: &str = "object";
const MAX_BOXES: usize = 100;
const MAX_CLASSES: usize = 64;
/// Answers and schemas may be nested deeper, but not their classes and boxes.
const MAX_DEPTH: usize = 16;
/// Qwen's models measure pictures in these units, others from 0 to 1.
const QWEN_SCALE: f64 = 1000.0;
/// The members that have the corners of a box. The second one is Qwen's.
const CORNERS: [&str; 2] = ["box", "bbox_2d"];

#[derive(Debug, Default, PartialEq)]
pub struct Labels {
    classes: Vec<glib::Quark>,
    boxes: Vec<LabelledBox>,
}

#[derive(Debug, PartialEq)]
struct LabelledBox {
    label: glib::Quark,
    /// The left, top, right and bottom edge, in parts of the picture.
    edges: [f64; 4],
}

/// Reads an answer that fits this schema.
pub fn read(answer: &Value, schema: Option<&Value>) -> Labels {
    let mut found = Vec::new();
    find_boxes(answer, 0, &mut found);
    // Whoever measures from 0 to 1 never exceeds it.
    let is_large = |(_, corners): &(_, [f64; 4])| corners.iter().any(|value| *value > 1.0);
    let scale = match found.iter().any(is_large) {
        true => QWEN_SCALE,
        false => 1.0,
    };
    let boxes = found.into_iter().filter_map(|(label, corners)| {
        Some(LabelledBox {
            edges: edges(corners, scale)?,
            label: label
                .and_then(quark)
                .unwrap_or_else(|| glib::Quark::from_str(FALLBACK)),
        })
    });
    let boxes = boxes.collect();
    let mut classes = Vec::new();
    if let Some(schema) = schema {
        find_classes(schema, schema, answer, 0, &mut classes);
    }
    Labels { classes, boxes }
}

impl Labels {
    /// Adds the labels to a frame of this width and height.
    pub fn write(&self, buffer: &mut gst::BufferRef, size: (i32, i32)) {
        if self.classes.is_empty() && self.boxes.is_empty() {
            return;
        }
        let detections: Vec<_> = (self.boxes.iter())
            .map(|labelled| labelled.in_pixels(size))
            .collect();
        analytics::add(buffer, &detections, &self.classes);
    }
}

impl LabelledBox {
    fn in_pixels(&self, (width, height): (i32, i32)) -> Detection {
        let sizes = [width, height, width, height].map(f64::from);
        let [left, top, right, bottom] =
            std::array::from_fn(|index| (self.edges[index] * sizes[index]).round() as i32);
        Detection {
            label: Some(self.label),
            x: left,
            y: top,
            width: (right - left).max(1),
            height: (bottom - top).max(1),
            confidence: 1.0,
        }
    }
}

fn find_boxes<'a>(value: &'a Value, depth: usize, found: &mut Vec<(Option<&'a str>, [f64; 4])>) {
    if depth > MAX_DEPTH || found.len() >= MAX_BOXES {
        return;
    }
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| find_boxes(item, depth + 1, found)),
        Value::Object(members) => match corners(value) {
            Some(corners) => {
                found.push((members.get("label").and_then(Value::as_str), corners));
            }
            None => members
                .values()
                .for_each(|member| find_boxes(member, depth + 1, found)),
        },
        _ => {}
    }
}

fn corners(value: &Value) -> Option<[f64; 4]> {
    let list = CORNERS
        .iter()
        .find_map(|name| value.get(name)?.as_array())?;
    let numbers: Option<Vec<_>> = list.iter().map(Value::as_f64).collect();
    numbers?.try_into().ok()
}

/// The edges in parts of the picture, within it. `None`: the box is outside, or has no area.
fn edges([x1, y1, x2, y2]: [f64; 4], scale: f64) -> Option<[f64; 4]> {
    let edges = [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)];
    let [left, top, right, bottom] = edges.map(|edge| (edge / scale).clamp(0.0, 1.0));
    (left < right && top < bottom).then_some([left, top, right, bottom])
}

/// Collects the values that the schema enumerates. Labels of boxes are none of the whole picture.
fn find_classes(
    root: &Value,
    schema: &Value,
    answer: &Value,
    depth: usize,
    found: &mut Vec<glib::Quark>,
) {
    if depth > MAX_DEPTH || found.len() >= MAX_CLASSES {
        return;
    }
    let target = schema.get("$ref").and_then(Value::as_str);
    if let Some(target) = target.and_then(|path| root.pointer(path.strip_prefix('#')?)) {
        find_classes(root, target, answer, depth + 1, found);
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for part in schema
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            find_classes(root, part, answer, depth + 1, found);
        }
    }
    match answer {
        Value::String(text) => {
            let values = schema.get("enum").and_then(Value::as_array);
            if values.is_some_and(|values| values.contains(answer))
                && let Some(class) = quark(text)
                && !found.contains(&class)
            {
                found.push(class);
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    find_classes(root, schema, item, depth + 1, found);
                }
            }
        }
        Value::Object(members) if corners(answer).is_none() => {
            for (name, member) in members {
                if let Some(schema) = schema.get("properties").and_then(|all| all.get(name)) {
                    find_classes(root, schema, member, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// The quark of a label. `None`: it is no label, or there are too many.
fn quark(label: &str) -> Option<glib::Quark> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    if label.is_empty() || label.len() > MAX_LABEL_BYTES || label.contains('\0') {
        return None;
    }
    let known = glib::Quark::try_from_str(label);
    known.or_else(|| {
        let is_free = |count: usize| (count < MAX_LABELS).then_some(count + 1);
        COUNT.fetch_update(Relaxed, Relaxed, is_free).ok()?;
        Some(glib::Quark::from_str(label))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn boxes(answer: &Value) -> Vec<(String, [i32; 4])> {
        let labels = read(answer, None);
        let detections = labels.boxes.iter().map(|b| b.in_pixels((640, 480)));
        detections
            .map(|d| {
                let label = d.label.expect("a label").as_str().to_string();
                (label, [d.x, d.y, d.width, d.height])
            })
            .collect()
    }

    #[test]
    fn boxes_of_both_scales_are_read() {
        let parts = json!([{"label": "cat", "box": [0.25, 0.5, 0.5, 1.0]}]);
        assert_eq!(boxes(&parts), [("cat".to_owned(), [160, 240, 160, 240])]);
        let whole = json!({"objects": [
            {"label": "cat", "box": [250, 500, 500, 1000]},
            // Both corners are exchanged, and one is outside.
            {"label": "dog", "bbox_2d": [1200, 1000, 500, -10]},
            {"box": [0, 0, 1, 1]},
        ]});
        assert_eq!(
            boxes(&whole),
            [
                ("cat".to_owned(), [160, 240, 160, 240]),
                ("dog".to_owned(), [320, 0, 320, 480]),
                ("object".to_owned(), [0, 0, 1, 1]),
            ]
        );
    }

    #[test]
    fn what_is_no_box_is_left_out() {
        for none in [
            json!([{"label": "cat", "box": [0.1, 0.1, 0.1, 0.2]}]),
            json!([{"label": "cat", "box": [2000, 2000, 3000, 3000]}]),
            json!([{"label": "cat", "box": [1, 2, 3]}]),
            json!([{"label": "cat", "box": [1, 2, 3, "4"]}]),
            json!({"box": 4}),
            json!("box"),
        ] {
            assert_eq!(boxes(&none), [], "{none}");
        }
        let many = json!(vec![json!({"box": [0.0, 0.0, 0.5, 0.5]}); 1000]);
        assert_eq!(boxes(&many).len(), MAX_BOXES);
        let mut deep = json!({"box": [0.0, 0.0, 0.5, 0.5]});
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert_eq!(boxes(&deep), []);
    }

    #[test]
    fn only_enumerated_values_are_classes() {
        let schema = json!({
            "type": "object",
            "$defs": {"weather": {"enum": ["sunny", "raining"]}},
            "properties": {
                "weather": {"$ref": "#/$defs/weather"},
                "text": {"type": "string"},
                "things": {"type": "array", "items": {"anyOf": [
                    {"enum": ["gate", "door"]},
                    {"properties": {"label": {"enum": ["cat"]}}},
                ]}},
            },
        });
        let answer = json!({
            "weather": "raining",
            "text": "sunny",
            "things": ["door", "window", "door", {"label": "cat", "box": [0.0, 0.0, 0.5, 0.5]}],
        });
        let labels = read(&answer, Some(&schema));
        let classes: Vec<_> = labels.classes.iter().map(|q| q.as_str().as_str()).collect();
        assert_eq!(classes, ["raining", "door"]);
        assert_eq!(labels.boxes.len(), 1);
        assert_eq!(read(&answer, None).classes, []);
        // A schema that refers to itself.
        let endless = json!({"$ref": "#"});
        assert_eq!(read(&answer, Some(&endless)).classes, []);
    }

    #[test]
    fn free_texts_do_not_become_quarks_without_end() {
        let answer = |index: usize| json!([{"label": format!("thing number {index}"), "box": [0.0, 0.0, 0.5, 0.5]}]);
        for index in 0..2 * MAX_LABELS {
            assert_eq!(boxes(&answer(index)).len(), 1);
        }
        let known = |index: usize| glib::Quark::try_from_str(&format!("thing number {index}"));
        let count = (0..2 * MAX_LABELS)
            .filter(|index| known(*index).is_some())
            .count();
        assert!((MAX_LABELS - 10..=MAX_LABELS).contains(&count), "{count}");
        assert_eq!(boxes(&answer(2 * MAX_LABELS))[0].0, FALLBACK);
        for long in [
            "x".repeat(MAX_LABEL_BYTES + 1),
            "a\0b".to_owned(),
            String::new(),
        ] {
            assert_eq!(quark(&long), None);
        }
    }
}
