// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes the JSON schemas of `output-schema` and `output-schema-location`.

use super::plan::Plan;
use super::settings::Settings;
use crate::fuzz::{JSON, fuzz};
use crate::session::secret::Secret;

#[test]
fn schemas() {
    gst::init().expect("GStreamer");
    let file = std::env::temp_dir().join(format!("overshoot-schema-{}", std::process::id()));
    let settings = |text: Option<String>, path: Option<String>| Settings {
        api_key: Some(Secret::new("key")),
        api_url: Some("http://127.0.0.1:1".to_owned()),
        output_schema: text,
        output_schema_location: path,
        ..Settings::default()
    };
    fuzz("schema", JSON, |input| {
        std::fs::write(&file, input).expect("a file can be written");
        let path = file.to_str().map(str::to_owned);
        let read = settings(None, path).plan("What?");
        let Ok(text) = String::from_utf8(input.to_vec()) else {
            assert!(read.is_err());
            return false;
        };
        let set = settings(Some(text), None).plan("What?");
        let schema = |plan: &Plan| {
            let request = plan.request(None).expect("a checked plan");
            request.output_schema.expect("a schema")
        };
        match (read, set) {
            (Ok(read), Ok(set)) => {
                let (read, set) = (schema(&read), schema(&set));
                assert!(set.value().is_object());
                assert_eq!(read.value(), set.value());
                for answer in ["{}", "{\"a\": [1, \"b\", null]}", "3", "{"] {
                    assert_eq!(read.error_in(answer), set.error_in(answer));
                }
                true
            }
            (Err(_), Err(_)) => false,
            (read, set) => panic!("{read:?}, {set:?}"),
        }
    });
    std::fs::remove_file(&file).expect("the file exists");
}
