// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Budgets that end the stream, by time or on API v0.2, and budgets that are refused.

use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::Stream;

use super::{
    LIVE, WAIT_TIMEOUT, assert_only_frames_go_on, budget, budget_warnings, stats, wait_for_the_end,
};
use crate::common::{Pipeline, Service};

/// How long a stream lived.
fn life(stream: &Stream) -> Duration {
    let (ended, _) = stream.ended.expect("it has ended");
    ended - stream.created
}

#[test]
fn by_time_the_stream_is_deleted_and_a_raised_budget_makes_a_new_one() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let line = format!("{LIVE} interval-seconds=0.2 budget=budget,seconds=3");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        let message = wait_for_the_end(&pipeline, "seconds");
        let state = pipeline.wait_for_state("closed", WAIT_TIMEOUT);
        let reason = state.get::<&str>("reason");
        assert_eq!(reason, Ok("the budget is used up: seconds"));
        let seen = service.wait("the end", |seen| seen.streams[0].ended.is_some());
        let life = life(&seen.streams[0]).as_secs_f64();
        let seconds = message.get::<f64>("seconds").expect("a time");
        println!("{api}: the stream lived {life} s, {seconds} s by the element's account");
        // The deletion itself takes a few milliseconds, on a busy machine some more.
        assert!((2.97..3.1).contains(&life), "{life}");
        assert_only_frames_go_on(&pipeline, &service);
        let serial: u64 = pipeline
            .sink
            .emit_by_name("ask", &[&"And now?", &0u64, &0u64]);
        if api == "v1" {
            let refused = pipeline.wait_for("the refusal", WAIT_TIMEOUT, |message| {
                let structure = message.structure()?;
                (structure.get("ask-serial") == Ok(serial)).then(|| structure.to_owned())
            });
            let error = refused.get::<&str>("error").expect("a reason");
            assert!(error.contains("budget"), "{error}");
        }
        pipeline
            .sink
            .set_property("budget", budget("budget,seconds=5"));
        service.wait("a new stream", |seen| seen.streams.len() == 2);
        pipeline.wait_for("an answer of the new stream", WAIT_TIMEOUT, |message| {
            let epoch = message.structure()?.get::<u64>("stream-epoch").ok()?;
            (epoch == 2).then_some(())
        });
        let seen = service.wait("the second end", |seen| seen.streams[1].ended.is_some());
        let both: Duration = seen.streams.iter().map(self::life).sum();
        println!("{api}: both streams lived {both:?}");
        assert!((4.95..5.15).contains(&both.as_secs_f64()), "{both:?}");
        assert!(seen.streams.iter().all(|stream| stream.ended.is_some()));
        // The end of the video still ends the pipeline.
        pipeline.pipeline.send_event(gst::event::Eos::new());
        pipeline.wait_for_eos(Duration::from_secs(3));
        assert!(!pipeline.failures().iter().any(|f| f.fatal));
        service.assert_all_deleted();
    }
}

#[test]
fn on_v02_answers_and_cents_end_the_stream() {
    for (properties, field) in [
        ("answers=5", "answers"),
        // 0.05 cents a second; the first renewal tells it.
        ("cents=0.15", "cents"),
    ] {
        let service = Service::with(|config| {
            config.credits_cents = Some(100.0);
            config.lease_ttl = Duration::from_secs(2);
        });
        let line = format!("{LIVE} interval-seconds=0.2 budget=budget,{properties}");
        let pipeline = Pipeline::new(&service, &line);
        pipeline.play();
        let message = wait_for_the_end(&pipeline, field);
        pipeline.wait_for_state("closed", WAIT_TIMEOUT);
        let seen = service.wait("the end", |seen| seen.streams[0].ended.is_some());
        assert_only_frames_go_on(&pipeline, &service);
        match field {
            "answers" => assert_eq!(pipeline.results().len(), 5),
            _ => {
                let cents = life(&seen.streams[0]).as_secs_f64() * 0.05;
                println!("{cents} cents");
                assert!((0.147..0.155).contains(&cents), "{cents}");
                // As far as the service has told it.
                let told: f64 = pipeline
                    .element_messages("overshoot-credits")
                    .iter()
                    .filter_map(|posted| posted.structure.get::<f64>("cost-cents").ok())
                    .sum();
                let cost = stats(&pipeline)
                    .get::<u64>("cost-microcents")
                    .expect("a cost");
                assert!((told * 1e6 - cost as f64).abs() < 5.0, "{told} {cost}");
                assert_eq!(message.get("cost-microcents"), Ok(cost));
            }
        }
        assert_eq!(budget_warnings(&pipeline).len(), 1);
        // Unset, there is no limit.
        pipeline.sink.set_property("budget", None::<gst::Structure>);
        service.wait("a new stream", |seen| seen.streams.len() == 2);
        pipeline.wait_for("streaming again", WAIT_TIMEOUT, |message| {
            let structure = message.structure()?;
            (structure.get("stream-epoch") == Ok(2u64)).then_some(())
        });
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn a_budget_that_is_not_valid_is_refused_with_the_fix() {
    for (text, fix) in [
        ("budget", "at least one of cents"),
        ("budget,cent=5", "The possible fields are cents, answers"),
        ("budget,cents=many", "budget=\"budget,cents=50\""),
        ("budget,answers=0", "at least 1"),
        ("budget,seconds-per-hour=-1.5", "more than 0"),
    ] {
        for api in ["v0.2", "v1"] {
            let service = Service::of(api, |_| {});
            let pipeline = Pipeline::new(&service, LIVE);
            pipeline.sink.set_property("budget", budget(text));
            assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
            let failure = pipeline.wait_for_failure(true, WAIT_TIMEOUT);
            assert!(failure.text.contains(fix), "{failure:?}");
            assert!(failure.is(gst::ResourceError::Settings));
            assert!(service.control.snapshot().requests.is_empty());
        }
    }
}
