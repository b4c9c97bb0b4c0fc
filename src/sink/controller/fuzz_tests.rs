// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzes what the controller does with an answer: its message, and the deadline of the drain.

use std::time::{Duration, Instant};

use super::drain::{AnswerPace, Drain};
use crate::fuzz::{JSON, fuzz};
use crate::session::Answer;
use crate::session::protocol::{InferenceResult, without_nul};
use crate::sink::answers::messages;

#[test]
fn answers_of_the_model() {
    gst::init().expect("GStreamer");
    let hour = gst::ClockTime::from_seconds(3600);
    let interval = Duration::from_secs(1);
    fuzz("result", JSON, |input| {
        // The results socket removes NUL from the message.
        let json = without_nul(String::from_utf8_lossy(input).into_owned());
        let Ok(result) = InferenceResult::parse(&json) else {
            return false;
        };
        let arrived = Instant::now();
        let answer = Answer {
            result,
            prompt_serial: None,
            json,
            arrived,
            schema_error: None,
            question: None,
            ask_serial: None,
            usage: None,
            cost_microcents: None,
            end_offset: Duration::ZERO,
            thinned_by: Duration::ZERO,
        };
        let context = messages::Context {
            running_time: Some(hour),
            capture_time: messages::estimated_capture_time(
                &answer,
                Some(hour),
                gst::ClockTime::SECOND,
            ),
            capture_time_accuracy: None,
            picture: None,
            file: None,
            prompt_serial: None,
            late: false,
            stale: false,
            repeated: false,
            stream_epoch: 1,
        };
        let message = messages::result(&answer, &context);
        assert!(
            message
                .get::<gst::ClockTime>("capture-time")
                .is_ok_and(|at| at <= hour)
                || message.get::<gst::ClockTime>("capture-time").is_err()
        );
        let latency = messages::latency(&answer);
        let mut pace = AnswerPace::default();
        pace.add_answer(arrived, latency);
        pace.add_answer(arrived, latency);
        let latest = arrived + interval;
        assert!(Drain::new(arrived, interval, interval, pace).deadline() <= latest);
        true
    });
}
