// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The properties and signals of `overshootsink` as those of the filter. They are copied when the class is made, so a new
//! one of `overshootsink` needs no change here. A specification belongs to one class, so each is made anew.

#![expect(
    unsafe_code,
    reason = "the bindings make specifications of enumerations and boxed types only for types known at compile time"
)]

use gst::glib;
use gst::glib::gobject_ffi::{
    G_PARAM_STATIC_BLURB, G_PARAM_STATIC_NAME, G_PARAM_STATIC_NICK, g_param_spec_boxed,
    g_param_spec_enum, g_param_spec_flags,
};
use gst::glib::subclass::Signal;
use gst::glib::translate::{IntoGlib, ToGlibPtr, from_glib_none};
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::OvershootFilter;
use crate::sink::enums::OnError;
use crate::sink::{self, OvershootSink};

/// Of the filter, other than of the sink: the video must go on.
pub const DEFAULT_ON_ERROR: OnError = OnError::Warn;
pub const ON_ERROR: &str = "on-error";

/// All properties that `overshootsink` itself has, without those of its parent classes.
pub fn properties() -> Vec<glib::ParamSpec> {
    let all = sink_class().list_properties();
    let own = OvershootSink::static_type();
    let own = all.iter().filter(|spec| spec.owner_type() == own);
    own.map(copy).collect()
}

/// The templates of the pads that bring answers.
pub fn request_pad_templates() -> Vec<gst::PadTemplate> {
    let all = sink_class().pad_template_list();
    let requested = all
        .iter()
        .filter(|template| template.presence() == gst::PadPresence::Request);
    let copies = requested.map(|template| {
        gst::PadTemplate::new(
            template.name_template(),
            template.direction(),
            template.presence(),
            template.caps(),
        )
    });
    copies.collect::<Result<_, _>>().expect("valid templates")
}

fn sink_class() -> glib::object::ClassRef<'static, OvershootSink> {
    glib::Class::from_type(OvershootSink::static_type()).expect("a registered class")
}

fn copy(spec: &glib::ParamSpec) -> glib::ParamSpec {
    let name = spec.name();
    let blurb = spec.blurb().unwrap_or_default();
    // The texts are copied.
    let static_texts = G_PARAM_STATIC_NAME | G_PARAM_STATIC_NICK | G_PARAM_STATIC_BLURB;
    let flags = spec.flags() - glib::ParamFlags::from_bits_retain(static_texts);
    macro_rules! copy_as {
        ($type:ty $(, $field:ident)*) => {
            if let Some(spec) = spec.downcast_ref::<$type>() {
                return <$type>::builder(name)
                    .nick(spec.nick())
                    .blurb(blurb)
                    .flags(flags)
                    $(.$field(spec.$field()))*
                    .build();
            }
        };
    }
    copy_as!(glib::ParamSpecInt, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecUInt, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecInt64, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecUInt64, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecFloat, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecDouble, minimum, maximum, default_value);
    copy_as!(glib::ParamSpecBoolean, default_value);
    copy_as!(gst::ParamSpecFraction, minimum, maximum, default_value);
    copy_as!(gst::ParamSpecArray, element_spec);

    if spec.is::<glib::ParamSpecString>() {
        let default = spec.default_value().get::<Option<String>>();
        return glib::ParamSpecString::builder(name)
            .nick(spec.nick())
            .blurb(blurb)
            .flags(flags)
            .default_value(default.ok().flatten().as_deref())
            .build();
    }

    let (nick, type_) = (spec.nick(), spec.value_type().into_glib());
    let (name, nick, blurb) = (
        name.to_glib_none(),
        nick.to_glib_none(),
        blurb.to_glib_none(),
    );
    let flags = flags.into_glib();
    // SAFETY: the types are those of the specification that is copied, and so are the default values. The texts are
    // copied, because no flag says that they are static.
    unsafe {
        if let Some(spec) = spec.downcast_ref::<glib::ParamSpecEnum>() {
            let default = match spec.name() {
                ON_ERROR => DEFAULT_ON_ERROR.into_glib(),
                _ => spec.default_value_as_i32(),
            };
            return from_glib_none(g_param_spec_enum(
                name.0, nick.0, blurb.0, type_, default, flags,
            ));
        }
        if let Some(spec) = spec.downcast_ref::<glib::ParamSpecFlags>() {
            let default = spec.default_value_as_u32();
            return from_glib_none(g_param_spec_flags(
                name.0, nick.0, blurb.0, type_, default, flags,
            ));
        }
        assert!(
            spec.is::<glib::ParamSpecBoxed>(),
            "the property {} has a type that copy() does not know",
            spec.name()
        );
        from_glib_none(g_param_spec_boxed(name.0, nick.0, blurb.0, type_, flags))
    }
}

/// All signals of `overshootsink`. Its actions are passed on to the `overshootsink` inside, which emits the others on the
/// filter itself.
pub fn signals() -> Vec<Signal> {
    sink::signals().iter().map(mirror).collect()
}

fn mirror(signal: &Signal) -> Signal {
    let name = signal.name().to_owned();
    let builder = Signal::builder(&name)
        .param_types(signal.param_types().iter().copied())
        .return_type_from(signal.return_type())
        .flags(signal.flags());
    if signal.flags().contains(glib::SignalFlags::ACTION) {
        return builder
            .class_handler(move |values| {
                let filter = values[0].get::<OvershootFilter>().ok()?;
                let sink = &filter.imp().overshootsink;
                sink.emit_by_name_with_values(&name, &values[1..])
            })
            .build();
    }
    match signal.return_type() == glib::Type::BOOL {
        true => builder.accumulator(sink::first_true).build(),
        false => builder.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_is_the_same() {
        gst::init().expect("GStreamer");
        let sink = glib::Object::new::<OvershootSink>();
        let filter = glib::Object::new::<OvershootFilter>();
        let own = OvershootSink::static_type();
        let all = sink.list_properties();
        let all: Vec<_> = all.iter().filter(|spec| spec.owner_type() == own).collect();
        assert!(all.len() > 40, "{}", all.len());
        for spec in all {
            let name = spec.name();
            let copy = filter.find_property(name).expect(name);
            assert_eq!(copy.type_(), spec.type_(), "{name}");
            assert_eq!(copy.value_type(), spec.value_type(), "{name}");
            assert_eq!(copy.nick(), spec.nick(), "{name}");
            assert_eq!(copy.blurb(), spec.blurb(), "{name}");
            assert_eq!(copy.flags(), spec.flags(), "{name}");
            if let Some(spec) = spec.downcast_ref::<glib::ParamSpecUInt64>() {
                let copy = copy
                    .downcast_ref::<glib::ParamSpecUInt64>()
                    .expect("a copy");
                assert_eq!(copy.minimum(), spec.minimum());
                assert_eq!(copy.maximum(), spec.maximum());
            }
            if name == ON_ERROR {
                let default = copy.default_value().get::<OnError>();
                assert_eq!(default.expect("its type"), DEFAULT_ON_ERROR);
                assert_eq!(filter.property::<OnError>(name), DEFAULT_ON_ERROR);
            } else {
                let [copy, spec] = [&copy, spec].map(|spec| spec.default_value().serialize().ok());
                assert_eq!(copy, spec, "{name}");
            }
        }
    }
}
