// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The other tables: properties, questions, stages, statistics, failures, signals.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::pages::{page, table};
use super::v1;
use crate::common::{KEY, Pipeline, Service};

/// The names in a cell, separated by commas.
pub fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split(',').map(|name| name.trim().to_owned())
}

pub fn fields(structure: &gst::StructureRef) -> BTreeSet<String> {
    structure.fields().map(|name| name.to_string()).collect()
}

#[test]
fn the_table_of_properties_is_the_elements() {
    crate::common::init();
    let element = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("made");
    let of_bin: Vec<_> = gst::Bin::new()
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .collect();
    let rows = table("| property | type | default |");
    let mut named: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    let mut real: Vec<_> = element
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .filter(|name| !of_bin.contains(name))
        .collect();
    named.sort();
    real.sort();
    assert_eq!(named, real);

    for row in &rows {
        let [name, type_, default, when, _] = &row[..] else {
            panic!("five cells: {row:?}");
        };
        let pspec = element.find_property(name).expect("compared above");
        let flags = pspec.flags();
        let expected = if !flags.contains(gst::glib::ParamFlags::WRITABLE) {
            "ro"
        } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            "P"
        } else {
            "R"
        };
        assert_eq!(when, expected, "{name}");
        assert_eq!(type_, type_name(pspec.value_type()), "{name}");
        let blurb = pspec.blurb().unwrap_or_default();
        assert!(blurb.len() > 10, "{name}: {blurb}");
        // The environment may set the address. `stats` has a table of its own.
        if flags.contains(gst::glib::ParamFlags::READABLE) && name != "stats" && name != "api-url" {
            assert_eq!(*default, shown(&element.property_value(name)), "{name}");
        }
    }
}

fn type_name(type_: gst::glib::Type) -> &'static str {
    match type_.name() {
        "gchararray" => "string",
        "gboolean" => "bool",
        "gint" => "int",
        "guint" => "uint",
        "guint64" => "uint64",
        "gdouble" => "double",
        "GstFraction" => "fraction",
        "GstCaps" => "caps",
        "GstValueArray" => "array",
        "GstStructure" => "structure",
        _ if type_.is_a(gst::glib::Type::ENUM) => "enum",
        _ if type_.is_a(gst::glib::Type::FLAGS) => "flags",
        other => other,
    }
}

/// A default as the pages write it.
fn shown(value: &gst::glib::Value) -> String {
    if let Ok(text) = value.get::<Option<String>>() {
        return text.unwrap_or_default();
    }
    if let Ok(None) = value.get::<Option<gst::Structure>>() {
        return String::new();
    }
    if let Some((_, value)) = gst::glib::EnumValue::from_value(value) {
        return value.nick().to_owned();
    }
    if let Ok(caps) = value.get::<gst::Caps>() {
        return caps.to_string();
    }
    if let Ok(number) = value.get::<f64>() {
        return number.to_string();
    }
    value.serialize().expect("serializable").to_string()
}

#[test]
fn the_fields_of_a_question_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let question = gst::Structure::builder("question").field("nonsense", 1);
    let questions = gst::Array::new([question.build()]);
    pipeline.sink.set_property("questions", questions);
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let text = failure.error.to_string();
    let (_, real) = text.split_once("possible fields are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of a question")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_fields_of_an_alert_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let alert = gst::Structure::builder("alert").field("nonsense", 1);
    let alerts = gst::Array::new([alert.build()]);
    pipeline.sink.set_property("alerts", alerts);
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let (_, real) = failure.text.split_once("fields are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of an alert |")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_fields_of_ask_when_are_the_elements() {
    let service = v1();
    for kind in ["still", "event", "meta"] {
        let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
        let ask_when = gst::Structure::builder(kind).field("nonsense", 1);
        pipeline.sink.set_property("ask-when", ask_when.build());
        assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
        let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
        let (_, real) = failure.text.split_once("fields are ").expect("the fields");
        let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
        let documented: BTreeSet<_> = table(&format!("| field of `ask-when={kind}` |"))
            .iter()
            .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
            .collect();
        assert_eq!(documented, real, "{kind}");
    }
}

#[test]
fn the_fields_of_evidence_clip_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let clip = gst::Structure::builder("clip").field("nonsense", 1);
    pipeline.sink.set_property("evidence-clip", clip.build());
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let (_, real) = failure.text.split_once("fields are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of `evidence-clip` |")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_fields_of_a_budget_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let budget = gst::Structure::builder("budget").field("nonsense", 1);
    pipeline.sink.set_property("budget", budget.build());
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let (_, real) = failure.text.split_once("fields are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of `budget` |")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn the_fields_of_ask_about_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let nonsense = gst::Structure::builder("question").field("nonsense", 1);
    let serial: u64 = pipeline
        .sink
        .emit_by_name("ask-about", &[&nonsense.build()]);
    assert_eq!(serial, 0);
    let text = pipeline
        .wait_for_failure(false, Duration::from_secs(10))
        .text;
    let (_, real) = text.split_once("possible fields are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of `ask-about`")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

/// The names that the element gives to an enum of errors, as in `Kind::Busy => "busy"`.
fn names_of_errors(enumeration: &str) -> BTreeSet<String> {
    let source = include_str!("../../../src/session/error.rs");
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix(enumeration)?.split_once(" => \""))
        .map(|(_, rest)| rest.trim_end_matches("\",").to_owned())
        .collect()
}

fn column(head: &str, index: usize) -> BTreeSet<String> {
    let rows = table(head).into_iter();
    rows.map(|row| row[index].clone()).collect()
}

#[test]
fn every_stage_is_named() {
    let mut real = names_of_errors("Stage::");
    // No message names it: a failure to read the balance is not reported.
    assert!(real.remove("balance"));
    assert_eq!(column("| stage |", 0), real);
}

#[test]
fn every_kind_is_named() {
    assert_eq!(column("| cause |", 1), names_of_errors("Kind::"));
}

#[test]
fn stats_have_the_documented_fields() {
    let service = Service::of("v1", |config| {
        // A renewal then comes soon, and reports the remaining credits.
        config.lease_ttl = Duration::from_secs(2);
        config.credits_cents = Some(1000.0);
    });
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o interval-seconds=0.1 evidence=jpeg",
    );
    let stats = || pipeline.sink.property::<gst::Structure>("stats");
    let documented: BTreeMap<String, String> = table("| stats field |")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let names: BTreeSet<_> = documented.keys().cloned().collect();
    pipeline.play();
    // The remote peer's first report and the first renewal arrive last.
    let deadline = Instant::now() + Duration::from_secs(20);
    while fields(&stats()).len() < names.len() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let stats = stats();
    assert_eq!(fields(&stats), names, "{stats}");
    for (name, value) in stats.iter() {
        let type_ = match value.type_().name() {
            "gchararray" => "string",
            "gboolean" => "boolean",
            "gdouble" => "double",
            "guint64" => "uint64",
            "gint64" => "int64",
            "guint" => "uint",
            other => other,
        };
        assert_eq!(documented[name.as_str()], type_, "{name}");
    }
}

#[test]
fn failures_have_the_documented_details() {
    let service = Service::with(|config| config.api_keys = vec![format!("not-{KEY}")]);
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,framerate=30/1 ! overshootsink name=o",
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let details = failure.details.expect("details");
    let documented: BTreeSet<_> = table("| field | type |")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(fields(&details), documented);
    let row = table("| cause |")
        .into_iter()
        .find(|row| row[0].starts_with("401"))
        .expect("it is there");
    assert_eq!(details.get::<&str>("kind"), Ok(&*row[1]));
    assert!(failure.error.matches(gst::ResourceError::NotAuthorized));
    assert_eq!(row[2], "NOT_AUTHORIZED");
}

#[test]
fn every_signal_is_named() {
    let inspected = Command::new("gst-inspect-1.0")
        .arg("overshootsink")
        .env("GST_PLUGIN_PATH", crate::common::launch::plugin_folder())
        .output()
        .expect("it runs");
    let inspected = String::from_utf8(inspected.stdout).expect("text");
    let (_, signals) = inspected.split_once("Element Signals:").expect("there");
    let real: BTreeSet<_> = signals
        .lines()
        // GStreamer 1.26 lists actions separately, with their return type before the colon.
        .filter_map(|line| line.strip_prefix("  \"")?.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let named: BTreeSet<_> = table("| signal |")
        .into_iter()
        .filter_map(|row| row[0].split('(').next().map(str::to_owned))
        .collect();
    assert_eq!(named, real);
}

#[test]
fn the_packages_are_those_of_the_scripts() {
    let words = |text: &str| -> BTreeSet<String> {
        text.split_whitespace()
            .filter(|word| *word != "\\")
            .map(str::to_owned)
            .collect()
    };
    let (_, rest) = page("README.md")
        .split_once("apt-get install ")
        .expect("the line");
    let (named, _) = rest.split_once("\ncargo ").expect("what follows it");
    let script = include_str!("../../../scripts/setup.sh");
    let (_, rest) = script.split_once("base_packages=(").expect("the list");
    let (wanted, _) = rest.split_once(')').expect("its end");
    assert_eq!(words(named), words(wanted));
}
