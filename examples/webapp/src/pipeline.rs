//! A pipeline that is stopped, whatever happens to who holds it; and how pipelines are put together.

use gst::prelude::*;

use crate::error::AppError;

/// A pipeline with an owner.
pub(crate) struct Pipeline(gst::Pipeline);

impl Pipeline {
    pub(crate) fn new() -> Self {
        let pipeline = gst::Pipeline::new();
        // The system's, not whatever a pipeline would pick: what has one clock can share times.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        Self(pipeline)
    }

    pub(crate) fn get(&self) -> &gst::Pipeline {
        &self.0
    }

    pub(crate) fn messages(&self) -> Result<gst::bus::BusStream, AppError> {
        let bus = self.0.bus();
        bus.map(|bus| bus.stream())
            .ok_or_else(|| AppError::internal("The pipeline has no bus."))
    }

    /// To NULL; the element ends its stream at the service by then, which takes some seconds at the
    /// most.
    pub(crate) async fn stop(self) {
        if tokio::task::spawn_blocking(move || drop(self))
            .await
            .is_err()
        {
            eprintln!("overshoot-webapp: a pipeline panicked when it was stopped");
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Err(error) = self.0.set_state(gst::State::Null) {
            eprintln!("overshoot-webapp: a pipeline does not stop: {error}");
        }
    }
}

pub(crate) fn make(name: &str) -> Result<gst::Element, AppError> {
    gst::ElementFactory::make(name).build().map_err(|error| {
        AppError::internal(format!(
            "{error}. Install GStreamer's base, good and bad plugins, and libnice's."
        ))
    })
}

pub(crate) fn add(pipeline: &gst::Pipeline, element: &gst::Element) -> Result<(), AppError> {
    pipeline.add(element).map_err(AppError::unexpected)
}

pub(crate) fn link(from: &gst::Element, to: &gst::Element) -> Result<(), AppError> {
    from.link(to).map_err(AppError::unexpected)
}
