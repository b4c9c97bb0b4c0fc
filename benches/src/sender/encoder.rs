// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the settings of the encoder, because only equal settings can be compared.

use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;

/// The encoder, once one is found.
#[derive(Default)]
pub struct Encoder(Arc<Mutex<Option<glib::WeakRef<gst::Element>>>>);

impl Encoder {
    /// Uses this element if it is an encoder, or else the encoder from its signal `encoder-setup`.
    pub fn find_in(&self, element: &gst::Element) {
        if is_encoder(element) {
            self.set(element);
        }
        if glib::subclass::SignalId::lookup("encoder-setup", element.type_()).is_some() {
            let this = Self(self.0.clone());
            element.connect("encoder-setup", false, move |values| {
                if let Some(Ok(encoder)) = values.get(3).map(|value| value.get::<gst::Element>()) {
                    this.set(&encoder);
                }
                // The handler did not set up the encoder.
                Some(false.to_value())
            });
        }
    }

    fn set(&self, encoder: &gst::Element) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoder.downgrade());
    }

    /// The name of the encoder, and all properties that are not at their defaults.
    pub fn describe(&self) -> Option<String> {
        let encoder = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = encoder.as_ref()?.upgrade()?;
        let mut text = encoder.factory()?.name().to_string();
        for pspec in encoder.list_properties() {
            let flags = pspec.flags();
            let wanted = glib::ParamFlags::READWRITE;
            if !flags.contains(wanted) || ["name", "parent"].contains(&pspec.name()) {
                continue;
            }
            let write = |value: &glib::Value| {
                let serialized = value.serialize();
                serialized.map_or_else(|_| format!("{value:?}"), |text| text.to_string())
            };
            let value = write(&encoder.property_value(pspec.name()));
            if value != write(pspec.default_value()) {
                text += &format!(" {}={value}", pspec.name());
            }
        }
        Some(text)
    }
}

fn is_encoder(element: &gst::Element) -> bool {
    let class = element
        .factory()
        .and_then(|factory| Some(factory.metadata("klass")?.to_string()));
    class.is_some_and(|class| class.contains("Encoder") && class.contains("Video"))
}
