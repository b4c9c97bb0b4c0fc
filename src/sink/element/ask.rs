// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signals `ask` and `ask-about`: a single question about the present or about the last ten minutes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::OvershootSink;
use crate::lock::lock;
use crate::session::error::{Error, Stage};
use crate::session::question::{
    ExtraMedia, Moment, OneShotQuestion, OtherStream, Period, PictureMaker,
};
use crate::sink::answers::messages;
use crate::sink::config::ask_about::{AskAbout, MAX_HISTORY, Span};
use crate::sink::config::pictures;
use crate::sink::controller::newest_frame::newest_frame;
use crate::sink::enums::State;
use crate::sink::frames::orientation::Orientation;

/// A single frame may be this far from the time that is asked about: a source may send few frames.
const MAX_DISTANCE: gst::ClockTime = gst::ClockTime::from_seconds(1);

impl OvershootSink {
    /// Returns immediately, with the serial of the answer to come. A return value of 0 means that the
    /// question was rejected; a WARNING message says why.
    pub(super) fn ask(&self, prompt: String, window_ms: u64, end_offset_ms: u64) -> u64 {
        let span = Span::Ago {
            window: Duration::from_millis(window_ms),
            end_offset: Duration::from_millis(end_offset_ms),
        };
        self.send_question(AskAbout::new(prompt, span))
    }

    /// Like [`Self::ask`], with a structure.
    pub(super) fn ask_about(&self, structure: &gst::StructureRef) -> u64 {
        self.send_question(AskAbout::read(structure))
    }

    fn send_question(&self, asked: Result<AskAbout, Error>) -> u64 {
        let question = asked.and_then(|asked| self.question(asked));
        let sent = question.and_then(|question| {
            let serial = question.serial;
            let running = lock(&self.running);
            let controller = running.as_ref().map(|running| &running.controller);
            match controller.is_some_and(|controller| controller.ask(question)) {
                true => Ok(serial),
                false => Err(Error::settings(
                    "ask: there is no stream, or too many questions are waiting. Ask while the property state is streaming, and wait for answers before you ask again.",
                )),
            }
        });
        sent.unwrap_or_else(|error| {
            let error = Error {
                stage: Stage::Ask,
                ..error
            };
            messages::post_failure(&self.obj(), &error, false, true);
            0
        })
    }

    fn question(&self, asked: AskAbout) -> Result<OneShotQuestion, Error> {
        let element_fps = {
            let settings = self.settings();
            // An address that cannot be used is reported.
            settings.endpoints()?;
            settings.v1_fps()
        };
        let period = self.period(&asked, element_fps)?;
        let other_streams = self.other_streams(&asked.sinks)?;
        let stream_name = (!other_streams.is_empty()).then(|| self.obj().name().into());
        Ok(OneShotQuestion {
            extra: ExtraMedia {
                stream_name,
                other_streams,
                with_still: asked.still,
                larger_still: self.larger_still(&asked),
                pictures: asked.pictures,
            },
            models: asked.models,
            schema: asked.schema,
            max_output_tokens: asked.max_output_tokens,
            system_prompt: asked.system_prompt,
            temperature: asked.temperature,
            ..OneShotQuestion::new(self.asks.fetch_add(1, Relaxed) + 1, asked.prompt, period)
        })
    }

    /// The newest frame in the size of the source, if a still of it is wanted, and the video is sent in a smaller size.
    fn larger_still(&self, asked: &AskAbout) -> Option<PictureMaker> {
        let is_now = matches!(asked.span, Span::Ago { end_offset, .. } if end_offset.is_zero());
        if !asked.still || !is_now {
            return None;
        }
        let frame = self.video()?.newest_sent()?;
        let structure = frame.caps()?.structure(0)?;
        let side = |name| u32::try_from(structure.get::<i32>(name).ok()?).ok();
        let (width, height) = (side("width")?, side("height")?);
        let (sent_width, sent_height) = self.sent_size(self.settings().size_limits())?;
        let pixels = |width, height| u64::from(width) * u64::from(height);
        let is_larger = pixels(width, height) > pixels(sent_width, sent_height);
        // A still that is not upright would be shown as it is.
        let is_upright = Orientation::of_sample(&frame).is_upright();
        (is_larger && is_upright)
            .then(|| Arc::new(move || pictures::of_frame(&frame)) as PictureMaker)
    }

    /// The pictures that a question is about.
    fn period(&self, asked: &AskAbout, element_fps: u32) -> Result<Period, Error> {
        match asked.span {
            Span::Ago { window, end_offset } => Ok(Period::Ago(Moment {
                end_offset,
                window,
                max_fps: asked.max_fps(window, element_fps),
                lead: Duration::ZERO,
            })),
            Span::Captured { from, to } => {
                let (start, end) = self.captured(from, to)?;
                Ok(Period::Captured {
                    from: start,
                    to: end,
                    max_fps: asked.max_fps(end - start, element_fps),
                })
            }
        }
    }

    /// When the frames of these running times reached the element. The range is cut to the video that there is.
    fn captured(
        &self,
        from: gst::ClockTime,
        to: gst::ClockTime,
    ) -> Result<(Instant, Instant), Error> {
        let none = || {
            let time = match from == to {
                true => format!("{from}"),
                false => format!("{from} to {to}"),
            };
            Error::settings(format!(
                "ask-about: no video of the running time {time} has arrived. Ask about a time that has passed, such as the capture-time of an answer."
            ))
        };
        let video = self.video().ok_or_else(none)?;
        let (start, start_distance) = video.captured_at(from).ok_or_else(none)?;
        let end = match from == to {
            true => start,
            false => video.captured_at(to).ok_or_else(none)?.0,
        };
        let is_empty = match from == to {
            true => start_distance > MAX_DISTANCE,
            false => start >= end,
        };
        if is_empty {
            return Err(none());
        }
        if start.elapsed() > MAX_HISTORY {
            return Err(Error::settings(format!(
                "ask-about: the video of the running time {from} is older than ten minutes. The service does not keep it so long."
            )));
        }
        let age = Duration::from(video.age());
        Ok((start + age, end + age))
    }

    /// The streams of these elements, which are in the same pipeline.
    fn other_streams(&self, names: &[String]) -> Result<Vec<OtherStream>, Error> {
        let obj = self.obj();
        let mut top: gst::Object = obj.clone().upcast();
        while let Some(parent) = top.parent() {
            top = parent;
        }
        let names = names.iter().filter(|name| **name != obj.name());
        names
            .map(|name| {
                let bin = top.downcast_ref::<gst::Bin>();
                let element = bin.and_then(|bin| bin.by_name(name));
                let sink = element.and_then(|element| element.downcast::<crate::sink::OvershootSink>().ok());
                let sink = sink.ok_or_else(|| {
                    Error::settings(format!(
                        "ask-about: there is no overshootsink with the name {name} in this pipeline. Set sinks to names of such elements."
                    ))
                })?;
                let public = sink.imp().public_state();
                match (&public.stream_id, &public.video, public.state) {
                    (Some(id), Some(video), State::Streaming) => Ok(OtherStream {
                        name: name.clone(),
                        stream_id: id.clone(),
                        newest_frame: newest_frame(&public.stats, video),
                    }),
                    _ => Err(Error::settings(format!(
                        "ask-about: {name} has no stream. Wait until its property state is streaming."
                    ))),
                }
            })
            .collect()
    }
}
