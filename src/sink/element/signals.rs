//! The element's signals, and its action signals.

use gst::glib::subclass::Signal;
use gst::prelude::*;
use gst::subclass::prelude::*;

use crate::session::protocol::Feedback;
use crate::sink::OvershootSink;

pub fn all() -> Vec<Signal> {
    vec![
        // An answer came: the structure of the `overshoot-result` message.
        Signal::builder("result")
            .param_types([gst::Structure::static_type()])
            .build(),
        // As on webrtcsink: consumer id (the stream's), pad name, encoder; `true` where the
        // application set the encoder up.
        Signal::builder("encoder-setup")
            .param_types([
                String::static_type(),
                String::static_type(),
                gst::Element::static_type(),
            ])
            .return_type::<bool>()
            .accumulator(|_, _, handled| {
                // The first handler that took care of it is the last to be asked.
                match handled.get::<bool>() {
                    Ok(true) => std::ops::ControlFlow::Break(handled.clone()),
                    _ => std::ops::ControlFlow::Continue(handled.clone()),
                }
            })
            .build(),
        Signal::builder("get-models")
            .action()
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                Some(element.imp().get_models().to_value())
            })
            .build(),
        Signal::builder("ask")
            .action()
            .param_types([
                String::static_type(),
                u64::static_type(),
                u64::static_type(),
            ])
            .return_type::<u64>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let prompt = values[1].get::<Option<String>>().ok()?.unwrap_or_default();
                let (window, end_offset) = (values[2].get().ok()?, values[3].get().ok()?);
                Some(element.imp().ask(prompt, window, end_offset).to_value())
            })
            .build(),
        Signal::builder("submit-feedback")
            .action()
            .param_types([
                i32::static_type(),
                String::static_type(),
                String::static_type(),
            ])
            .return_type::<bool>()
            .class_handler(|values| {
                let element = values[0].get::<OvershootSink>().ok()?;
                let feedback = Feedback {
                    rating: values[1].get().ok()?,
                    category: values[2].get().ok()?,
                    feedback: values[3].get().ok()?,
                };
                Some(element.imp().give_feedback(feedback).to_value())
            })
            .build(),
    ]
}
