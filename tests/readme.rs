//! The README tells the truth: its pipelines run, its table of properties is the element's.

mod common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::launch::command;
use common::{Camera, Launch, Service};
use gst::prelude::*;

const README: &str = include_str!("../README.md");

/// The `gst-launch-1.0` lines of the README's fenced blocks.
fn pipelines() -> Vec<&'static str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && let Some(start) = line.find("gst-launch-1.0 ") {
            lines.push(&line[start..]);
        }
    }
    lines
}

#[test]
fn every_pipeline_runs() {
    let pipelines = pipelines();
    assert!(pipelines.len() >= 10, "{pipelines:?}");
    let camera = Camera::start("bikes.mp4");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(
        common::video("carphone_pristine.mp4"),
        folder.join("video.mp4"),
    )
    .expect("copied");
    for line in pipelines {
        let service = Service::start();
        // What a test machine does not have: a camera, a camera's address, a screen.
        let runnable = line
            .replace("v4l2src", "videotestsrc is-live=true")
            .replace("rtsp://camera.example/stream", &camera.url)
            .replace("autovideosink", "fakesink sync=true");
        println!("{runnable}");
        let launch = Launch::spawn(
            command(&service)
                .current_dir(&folder)
                .arg("-c")
                .arg(format!("exec {runnable}")),
        );
        service.wait("answers", |seen| {
            seen.streams.first().is_some_and(|s| s.answers.len() >= 3)
        });
        // A file ends by itself; the others are ended as a person would.
        if !line.contains("video.mp4") {
            launch.interrupt();
        }
        let finished = launch.finish(Duration::from_secs(30));
        assert!(finished.status.success(), "{runnable}: {finished:?}");
        service.assert_all_deleted();
        if line.contains(" -v ") {
            let shown = finished.stdout.matches("last-result = ").count();
            assert!(shown >= 2, "{runnable}: {}", finished.stdout);
        }
    }
    let answers = fs::read_to_string(folder.join("answers.jsonl")).expect("answers");
    assert!(answers.lines().count() >= 10);
    for line in answers.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a line is JSON");
    }
    let recording = fs::metadata(folder.join("recording.mp4")).expect("a recording");
    assert!(recording.len() > 1000);
}

/// The rows of the table of properties: name, default, when it may be changed.
fn rows() -> Vec<(String, String, String)> {
    let start = README.find("| property | default |").expect("the table");
    README[start..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            (
                cells[1].to_owned(),
                cells[2].to_owned(),
                cells[3].to_owned(),
            )
        })
        .collect()
}

#[test]
fn the_table_of_properties_is_the_elements() {
    common::init();
    let element = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("made");
    let of_bin: Vec<_> = gst::Bin::new()
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .collect();
    let mut named: Vec<_> = rows().into_iter().map(|row| row.0).collect();
    let mut real: Vec<_> = element
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .filter(|name| !of_bin.contains(name))
        .collect();
    named.sort();
    real.sort();
    assert_eq!(named, real);

    for (name, default, when) in rows() {
        let pspec = element.find_property(&name).expect("compared above");
        let flags = pspec.flags();
        let expected = if !flags.contains(gst::glib::ParamFlags::WRITABLE) {
            "ro"
        } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            "P"
        } else {
            "R"
        };
        assert_eq!(when, expected, "{name}");
        assert!(
            pspec.blurb().is_some_and(|blurb| blurb.len() > 10),
            "{name}"
        );
        // The environment may set this one.
        if !flags.contains(gst::glib::ParamFlags::READABLE) || name == "stats" || name == "api-url"
        {
            continue;
        }
        let value = element.property_value(&name);
        let text = match value.get::<Option<String>>() {
            Ok(text) => text.unwrap_or_default(),
            Err(_) if value.type_().is_a(gst::glib::Type::ENUM) => {
                let (_, value) = gst::glib::EnumValue::from_value(&value).expect("an enum");
                value.nick().to_owned()
            }
            Err(_) if value.is::<gst::Caps>() => {
                value.get::<gst::Caps>().expect("caps").to_string()
            }
            Err(_) if value.is::<f64>() => value.get::<f64>().expect("a double").to_string(),
            Err(_) => value.serialize().expect("serializable").to_string(),
        };
        assert_eq!(default, text, "{name}");
    }
}
