// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The plugin's documentation cache, in the form of GStreamer's own plugins (gst-hotdoc-plugins-scanner.c): what tools
//! read that list elements, properties and signals without loading the plugin.

use std::collections::BTreeMap;

use gst::glib;
use gst::prelude::*;
use serde_json::{Map, Value, json};

use super::generated;
use super::pages::table;

const PATH: &str = "docs/plugins/gst_plugins_cache.json";

/// The types of the plugin that properties use, by name.
type Types = BTreeMap<String, Value>;

#[test]
fn the_plugin_cache_is_current() {
    crate::common::init();
    // Newer versions of GStreamer print some caps and defaults differently. The file is that of the oldest.
    if gst::version() >= (1, 24, 0, 0) {
        println!("skipped: {PATH} is made with GStreamer 1.22");
        return;
    }
    let mut types = Types::new();
    let elements: Map<_, _> = ["overshootfilter", "overshootsink"]
        .map(|name| (name.to_owned(), element(name, &mut types)))
        .into_iter()
        .collect();
    let plugin = gst::Registry::get()
        .find_plugin("overshoot")
        .expect("the plugin is registered");
    let cache = json!({"overshoot": {
        "description": plugin.description().as_str(),
        "elements": elements,
        "filename": "gstovershoot",
        "license": plugin.license().as_str(),
        "other-types": types,
        "package": plugin.package().as_str(),
        "source": plugin.source().as_str(),
        "tracers": {},
        "url": plugin.origin().as_str(),
    }});
    let text = serde_json::to_string_pretty(&cache).expect("JSON");
    generated::check(PATH, &(text + "\n"));
}

fn element(name: &str, types: &mut Types) -> Value {
    let element = gst::ElementFactory::make(name).build().expect("made");
    let factory = element.factory().expect("it has one");
    let type_ = element.type_();
    let hierarchy = std::iter::successors(Some(type_), |type_| type_.parent());
    let templates = element.pad_template_list().into_iter();
    let properties = element.list_properties();
    let own = properties.iter().filter(|p| p.owner_type() == type_);
    let signals = table("| signal |").into_iter().filter_map(|row| {
        let name = row[0].split('(').next()?.to_owned();
        let signal = glib::subclass::SignalId::lookup(&name, type_)?;
        Some((name, describe_signal(&signal.query())))
    });
    json!({
        "author": factory.metadata("author"),
        "description": factory.metadata("description"),
        "hierarchy": hierarchy.map(|type_| type_.name()).collect::<Vec<_>>(),
        "interfaces": type_.interfaces().iter().map(|type_| type_.name()).collect::<Vec<_>>(),
        "klass": factory.metadata("klass"),
        "long-name": factory.metadata("long-name"),
        "pad-templates": templates.map(describe_template).collect::<BTreeMap<_, _>>(),
        "properties": own.map(|p| (p.name().to_owned(), property(&element, p, types))).collect::<BTreeMap<_, _>>(),
        "rank": rank(factory.rank()),
        "signals": signals.collect::<BTreeMap<_, _>>(),
    })
}

fn rank(rank: gst::Rank) -> Value {
    match rank {
        gst::Rank::NONE => "none".into(),
        other => i32::from(other).into(),
    }
}

fn describe_template(template: gst::PadTemplate) -> (String, Value) {
    let description = json!({
        "caps": describe_caps(template.caps()),
        "direction": match template.direction() {
            gst::PadDirection::Src => "src",
            _ => "sink",
        },
        "presence": match template.presence() {
            gst::PadPresence::Always => "always",
            gst::PadPresence::Sometimes => "sometimes",
            _ => "request",
        },
    });
    (template.name_template().to_string(), description)
}

fn describe_caps(caps: &gst::Caps) -> String {
    if caps.is_any() {
        return "ANY".to_owned();
    }
    let mut text = String::new();
    for (structure, features) in caps.iter_with_features() {
        let plain = features.is_equal(&gst::CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);
        match plain && !features.is_any() {
            true => text += &format!("{}:\n", structure.name()),
            false => text += &format!("\n{}({features}):\n", structure.name()),
        }
        for (name, value) in structure.iter() {
            let value = value.serialize().expect("caps can be written");
            text += &format!("{:>15}: {}\n", name.as_str(), value.replace("(string)", ""));
        }
    }
    text
}

fn describe_signal(query: &glib::subclass::SignalQuery) -> Value {
    use glib::SignalFlags;
    let flags = query.flags();
    let args = query.param_types().iter().enumerate();
    let mut description = json!({
        "args": args
            .map(|(number, type_)| json!({"name": format!("arg{number}"), "type": glib::Type::from(*type_).name()}))
            .collect::<Vec<_>>(),
        "return-type": glib::Type::from(query.return_type()).name(),
        "when": match () {
            () if flags.contains(SignalFlags::RUN_FIRST) => "first",
            () if flags.contains(SignalFlags::RUN_LAST) => "last",
            () => "cleanup",
        },
    });
    if flags.contains(SignalFlags::ACTION) {
        description["action"] = true.into();
    }
    description
}

fn property(element: &gst::Element, pspec: &glib::ParamSpec, types: &mut Types) -> Value {
    use glib::ParamFlags;
    let flags = pspec.flags();
    let mutable = match () {
        () if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) => "playing",
        () if flags.contains(gst::PARAM_FLAG_MUTABLE_PAUSED) => "paused",
        () if flags.contains(gst::PARAM_FLAG_MUTABLE_READY) => "ready",
        () => "null",
    };
    let mut description = json!({
        "blurb": pspec.blurb(),
        "conditionally-available": false,
        "construct": flags.contains(ParamFlags::CONSTRUCT),
        "construct-only": flags.contains(ParamFlags::CONSTRUCT_ONLY),
        "controllable": flags.contains(gst::PARAM_FLAG_CONTROLLABLE),
        "mutable": mutable,
        "readable": flags.contains(ParamFlags::READABLE),
        "type": pspec.value_type().name(),
        "writable": flags.contains(ParamFlags::WRITABLE),
    });
    // The environment may set the address.
    let value = match flags.contains(ParamFlags::READABLE) && pspec.name() != "api-url" {
        true => element.property_value(pspec.name()),
        false => pspec.default_value().clone(),
    };
    let limits = limits(pspec);
    if let Some(default) = default(&value, pspec, types) {
        description["default"] = default.into();
    }
    if let Some((min, max)) = limits {
        description["min"] = min.into();
        description["max"] = max.into();
    }
    description
}

fn default(value: &glib::Value, pspec: &glib::ParamSpec, types: &mut Types) -> Option<String> {
    if let Some(class) = glib::EnumClass::with_type(pspec.value_type()) {
        let values = class.values().iter();
        types.insert(pspec.value_type().name().to_owned(), json!({"kind": "enum", "values": values
            .map(|value| json!({"desc": value.name(), "name": value.nick(), "value": value.value().to_string()}))
            .collect::<Vec<_>>()}));
        let (_, value) = glib::EnumValue::from_value(value)?;
        return Some(format!("{} ({})", value.nick(), value.value()));
    }
    if let Some(class) = glib::FlagsClass::with_type(pspec.value_type()) {
        let values = class.values().iter();
        types.insert(pspec.value_type().name().to_owned(), json!({"kind": "flags", "values": values
            .map(|value| json!({"desc": value.name(), "name": value.nick(), "value": format!("0x{:08x}", value.value())}))
            .collect::<Vec<_>>()}));
        let set = glib::FlagsValue::from_value(value)
            .map(|(_, set)| set)
            .unwrap_or_default();
        let nicks: Vec<_> = set.iter().map(|value| value.nick()).collect();
        let nicks = nicks.join("+");
        return Some(match nicks.is_empty() {
            true => "(none)".to_owned(),
            false => nicks,
        });
    }
    if let Ok(text) = value.get::<Option<String>>() {
        return Some(text.unwrap_or_else(|| "NULL".to_owned()));
    }
    if let Ok(None) = value.get::<Option<gst::Structure>>() {
        return None;
    }
    if let Ok(number) = value.get::<f64>() {
        return Some(number.to_string());
    }
    if value.type_() == gst::Array::static_type() || pspec.name() == "stats" {
        return None;
    }
    value.serialize().ok().map(|text| text.to_string())
}

/// The smallest and the largest value.
fn limits(pspec: &glib::ParamSpec) -> Option<(String, String)> {
    if let Some(int) = pspec.downcast_ref::<glib::ParamSpecInt>() {
        return Some((int.minimum().to_string(), int.maximum().to_string()));
    }
    if let Some(uint) = pspec.downcast_ref::<glib::ParamSpecUInt>() {
        return Some((uint.minimum().to_string(), uint.maximum().to_string()));
    }
    if let Some(uint) = pspec.downcast_ref::<glib::ParamSpecUInt64>() {
        return Some((uint.minimum().to_string(), uint.maximum().to_string()));
    }
    if let Some(double) = pspec.downcast_ref::<glib::ParamSpecDouble>() {
        return Some((double.minimum().to_string(), double.maximum().to_string()));
    }
    let fraction = pspec.downcast_ref::<gst::ParamSpecFraction>()?;
    let show = |value: gst::Fraction| format!("{}/{}", value.numer(), value.denom());
    Some((show(fraction.minimum()), show(fraction.maximum())))
}
