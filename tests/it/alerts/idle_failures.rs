// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `idle-timeout`: a way back that fails, and stops at each moment.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

use super::idle::{
    BACK_WITHIN, CLIPS, RED, is_red, model_of_200_ms, next_answer, pipeline, sampled_red, service,
    wait_until_idle,
};
use super::{WAIT, show, wait_for_answers};
use crate::common::Service;

#[test]
fn a_network_that_is_gone_while_idle_costs_no_frame_of_the_change() {
    let first = service();
    let (pipeline, sibling) = pipeline(&first, &format!("{CLIPS} on-error=warn"));
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let address = first.url.trim_start_matches("http://").to_owned();
    let address = address.trim_end_matches("/v0.2");
    first.wait("the deletion", |seen| seen.streams[0].ended.is_some());
    first.assert_all_deleted();
    drop(first);
    thread::sleep(Duration::from_secs(1));
    assert!(pipeline.failures().is_empty(), "nothing is needed yet");
    let (before, frames) = (pipeline.results().len(), sibling.load(Relaxed));
    show(&pipeline, RED);
    thread::sleep(Duration::from_millis(300));
    show(&pipeline, "blue");
    let failure = pipeline.wait_for_failure(false, WAIT);
    assert_eq!(failure.detail::<&str>("kind"), Some("network"));
    pipeline.wait_for_state("reconnecting", WAIT);
    thread::sleep(Duration::from_secs(1));
    let passed = sibling.load(Relaxed) - frames;
    assert!(passed > 30, "the branch beside it goes on: {passed}");
    let service = Service::on(address, model_of_200_ms);
    next_answer(&pipeline, before);
    let stream = service.stream();
    assert!(is_red(stream.frames[0].rgb), "{:?}", stream.frames[0]);
    assert!(sampled_red(&stream));
    wait_until_idle(&pipeline, 2);
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_service_that_refuses_to_come_back_is_an_error() {
    for (status, kind) in [(402, "out-of-credits"), (401, "not-authorized")] {
        let service = service();
        let (pipeline, _) = pipeline(&service, CLIPS);
        pipeline.play();
        wait_until_idle(&pipeline, 1);
        let fault = Fault::status(status);
        service.control.inject(Call::Create, fault, Times::Always);
        show(&pipeline, RED);
        let failure = pipeline.wait_for_failure(true, WAIT);
        assert_eq!(failure.detail::<&str>("kind"), Some(kind), "{failure:?}");
        pipeline.wait_for_state("closed", WAIT);
    }
}

#[test]
fn too_many_streams_delay_the_way_back() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.play();
    wait_until_idle(&pipeline, 1);
    let fault = Fault::status(429);
    service.control.inject(Call::Create, fault, Times::Once);
    let before = pipeline.results().len();
    show(&pipeline, RED);
    let failure = pipeline.wait_for_failure(false, WAIT);
    assert_eq!(failure.detail::<u32>("status-code"), Some(429));
    next_answer(&pipeline, before);
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("reconnects"), Ok(1));
    pipeline.stop();
    assert!(sampled_red(&service.control.snapshot().streams[1]));
    service.assert_all_deleted();
}

#[test]
fn it_stops_at_each_moment() {
    let slow = || Fault::Delay(Duration::from_millis(400));
    for moment in ["idle", "going idle", "asking", "connecting", "sending"] {
        let service = service();
        let (pipeline, _) = pipeline(&service, CLIPS);
        pipeline.play();
        if moment == "going idle" {
            wait_for_answers(&pipeline, 1);
            service.control.inject(Call::Delete, slow(), Times::Once);
        }
        wait_until_idle(&pipeline, 1);
        if moment == "asking" {
            service.control.inject(Call::Create, slow(), Times::Once);
        }
        let streams = if ["idle", "going idle"].contains(&moment) {
            1
        } else {
            2
        };
        if streams == 2 {
            show(&pipeline, RED);
        }
        service.wait(moment, |seen| match moment {
            "asking" => seen.calls(Call::Create).count() == 2,
            "connecting" => seen.streams.len() == 2,
            "sending" => seen.streams.len() == 2 && seen.streams[1].received > 0,
            _ => true,
        });
        let took = pipeline.stop();
        println!("{moment}: stopping took {took:?}");
        assert!(took < Duration::from_secs(3), "{moment}: {took:?}");
        let created = service.control.snapshot().streams.len();
        assert_eq!(created, streams, "{moment}");
        service.assert_all_deleted();
        let failures = pipeline.failures();
        assert!(failures.is_empty(), "{moment}: {failures:?}");
        assert_eq!(pipeline.states().last().map(String::as_str), Some("closed"));
        // The next start is a new run.
        pipeline.play();
        service.wait("another stream", |seen| seen.streams.len() == streams + 1);
        pipeline.stop();
        service.assert_all_deleted();
    }
}

#[test]
fn a_change_while_the_stream_is_being_deleted_is_not_lost() {
    let service = service();
    let (pipeline, _) = pipeline(&service, CLIPS);
    pipeline.play();
    wait_for_answers(&pipeline, 1);
    let slow = Fault::Delay(Duration::from_millis(500));
    service.control.inject(Call::Delete, slow, Times::Once);
    wait_until_idle(&pipeline, 1);
    let (before, changed) = (pipeline.results().len(), Instant::now());
    show(&pipeline, RED);
    let answer = next_answer(&pipeline, before);
    let late = answer.at - changed;
    assert!(late < BACK_WITHIN, "{late:?}");
    pipeline.stop();
    assert!(pipeline.failures().is_empty(), "{:?}", pipeline.failures());
    let seen = service.control.snapshot();
    assert_eq!(seen.streams.len(), 2);
    assert!(is_red(seen.streams[1].frames[0].rgb));
    service.assert_all_deleted();
}
