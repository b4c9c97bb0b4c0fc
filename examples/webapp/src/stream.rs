//! One run of the element: a pipeline from a session's video into `overshootsink`, and what its bus
//! tells.

use axum::http::StatusCode;
use futures_util::StreamExt;
use gst::prelude::*;
use gst_utils::ConsumptionLink;
use serde_json::{Map, Number, Value};

use crate::config::Service;
use crate::error::AppError;
use crate::hub::{Event, State};
use crate::pipeline::{Pipeline, add};
use crate::settings::{Settings, named_field};
use crate::source::Source;

/// Something that the bus told.
#[derive(Debug)]
pub(crate) enum Told {
    Event(Event),
    /// The video has come to its end, and the last answer is here.
    Ended,
    Failed(AppError),
}

pub(crate) struct Stream {
    pipeline: Pipeline,
    sink: gst::Element,
    messages: gst::bus::BusStream,
    /// Brings a webcam's video.
    _link: Option<ConsumptionLink>,
}

impl Stream {
    /// Starts asking about this video.
    pub(crate) fn start(
        source: &Source,
        settings: &Settings,
        service: &Service,
    ) -> Result<Self, AppError> {
        let pipeline = Pipeline::new();
        let sink = element(service)?;
        settings.apply(&sink);
        add(pipeline.get(), &sink)?;
        let link = source.feed(pipeline.get(), &sink)?;
        let messages = pipeline.messages()?;
        // Where it does not start, the bus says why.
        let _ = pipeline.get().set_state(gst::State::Playing);
        Ok(Self {
            pipeline,
            sink,
            messages,
            _link: link,
        })
    }

    /// The next thing to tell; cancel safe.
    pub(crate) async fn told(&mut self) -> Told {
        while let Some(message) = self.messages.next().await {
            if let Some(told) = told(&message) {
                return told;
            }
        }
        Told::Failed(AppError::unexpected("the pipeline's bus is gone"))
    }

    pub(crate) fn ask(&self, prompt: &str) {
        self.sink.set_property("prompt", prompt);
    }

    /// Ends the stream at the service, and with it the billing.
    pub(crate) async fn stop(self) {
        self.pipeline.stop().await;
    }
}

/// The element, for this service.
pub(crate) fn element(service: &Service) -> Result<gst::Element, AppError> {
    let sink = gst::ElementFactory::make("overshootsink")
        .property("api-key", &service.key)
        .build()
        .map_err(AppError::unexpected)?;
    if let Some(url) = &service.url {
        sink.set_property("api-url", url);
    }
    Ok(sink)
}

fn told(message: &gst::Message) -> Option<Told> {
    match message.view() {
        gst::MessageView::Eos(_) => Some(Told::Ended),
        gst::MessageView::Error(error) => {
            Some(Told::Failed(failure(&error.error(), error.details())))
        }
        gst::MessageView::Warning(warning) => Some(Told::Event(Event::Warning {
            message: sentence(warning.error().message()),
        })),
        gst::MessageView::Element(_) => said(message.structure()?).map(Told::Event),
        _ => None,
    }
}

/// An element message of `overshootsink`.
fn said(structure: &gst::StructureRef) -> Option<Event> {
    match structure.name().as_str() {
        "overshoot-result" => Some(Event::Result(fields(structure))),
        "overshoot-prompt" => Some(Event::Prompt {
            prompt: structure.get("prompt").ok()?,
        }),
        "overshoot-state" => {
            let state = match structure.get::<&str>("state").ok()? {
                "connecting" => State::Connecting,
                "streaming" => State::Streaming,
                "reconnecting" => State::Reconnecting,
                // The end comes with a reason of its own.
                _ => return None,
            };
            let reason = structure.get("reason").ok();
            Some(Event::State { state, reason })
        }
        _ => None,
    }
}

/// Their fields in the form of JSON; times are nanoseconds.
fn fields(structure: &gst::StructureRef) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in structure.iter() {
        // The same once more, as the service has it.
        if name == "json" {
            continue;
        }
        let value = if let Ok(text) = value.get::<String>() {
            Value::String(text)
        } else if let Ok(yes) = value.get::<bool>() {
            Value::Bool(yes)
        } else if let Ok(number) = value.get::<u64>() {
            Value::Number(number.into())
        } else if let Some(number) = value.get::<f64>().ok().and_then(Number::from_f64) {
            Value::Number(number)
        } else {
            continue;
        };
        map.insert(name.as_str().replace('-', "_"), value);
    }
    map
}

pub(crate) fn failure(error: &gst::glib::Error, details: Option<&gst::StructureRef>) -> AppError {
    let message = sentence(error.message());
    let Some(kind) = details.and_then(|details| details.get::<&str>("kind").ok()) else {
        return AppError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "video",
            format!("The video can't be played: {message}"),
        );
    };
    let status = match kind {
        "invalid-settings" => StatusCode::UNPROCESSABLE_ENTITY,
        "out-of-credits" => StatusCode::PAYMENT_REQUIRED,
        "busy" => StatusCode::TOO_MANY_REQUESTS,
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let told = AppError::new(status, kind, message.as_str());
    match named_field(&message).filter(|_| kind == "invalid-settings") {
        Some(field) => told.field(field),
        None => told,
    }
}

/// Where the service's own words end without a full stop.
fn sentence(text: &str) -> String {
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
