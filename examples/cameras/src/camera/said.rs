//! What a pipeline says, in the terms of a camera.

use crate::config::Address;

/// One message of the bus.
#[derive(Debug)]
pub enum Said {
    /// `overshoot-result`.
    Answer(gst::Structure),
    /// `overshoot-state`.
    State { state: String, reason: String },
    /// What the service charged since the last time.
    Cost(f64),
    /// The element's; it goes on by itself, or says `closed` next.
    Trouble {
        kind: String,
        stage: String,
        text: String,
    },
    /// Of another element.
    Warning(String),
    /// There will be no more video of this connection.
    CameraLost(String),
}

impl Said {
    pub fn of(message: &gst::Message, camera: &Address) -> Option<Self> {
        match message.view() {
            gst::MessageView::Element(element) => Self::of_element(element.structure()?),
            gst::MessageView::Warning(warning) => {
                let text = camera.redact(warning.error().message());
                let details = warning.details().filter(|d| d.name() == "overshoot-error");
                Some(match details {
                    Some(details) => Self::Trouble {
                        kind: details.get("kind").unwrap_or_default(),
                        stage: details.get("stage").unwrap_or_default(),
                        text,
                    },
                    None => Self::Warning(text),
                })
            }
            gst::MessageView::Error(error) => {
                let debug = error.debug().unwrap_or_default();
                // It is more to the point; before it is where in the source it is, and of which element.
                let reason = debug.lines().skip(1).last().map(str::trim);
                let text = reason.filter(|reason| !reason.is_empty());
                let text = text.unwrap_or(error.error().message()).to_owned();
                Some(Self::CameraLost(camera.redact(&text)))
            }
            gst::MessageView::Eos(_) => {
                Some(Self::CameraLost("the camera ended its video".to_owned()))
            }
            _ => None,
        }
    }

    fn of_element(said: &gst::StructureRef) -> Option<Self> {
        let text = |field| said.get::<String>(field).unwrap_or_default();
        match said.name().as_str() {
            "overshoot-result" => Some(Self::Answer(said.to_owned())),
            "overshoot-state" => Some(Self::State {
                state: text("state"),
                reason: text("reason"),
            }),
            "overshoot-credits" => said.get("cost-cents").ok().map(Self::Cost),
            _ => None,
        }
    }
}
