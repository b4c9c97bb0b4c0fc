//! How the encoder is set up: what is compared has to do the same.

use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;

/// The encoder of the first stream, once there is one.
#[derive(Default)]
pub struct Encoder(Arc<Mutex<Option<glib::WeakRef<gst::Element>>>>);

impl Encoder {
    /// It is this element, or one that this element tells of by its signal `encoder-setup`.
    pub fn look_for_in(&self, element: &gst::Element) {
        if is_encoder(element) {
            self.note(element);
        }
        if glib::subclass::SignalId::lookup("encoder-setup", element.type_()).is_some() {
            let this = Self(self.0.clone());
            element.connect("encoder-setup", false, move |values| {
                if let Some(Ok(encoder)) = values.get(3).map(|value| value.get::<gst::Element>()) {
                    this.note(&encoder);
                }
                // It is not set up by this.
                Some(false.to_value())
            });
        }
    }

    fn note(&self, encoder: &gst::Element) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoder.downgrade());
    }

    /// Its name and all that is not at its default.
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
