// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Stopping at any moment: it takes a bounded time, and the stream is deleted if there is one.

use std::time::Duration;

use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, Times};

use super::fault::retry_after;
use super::row::{Row, row};

pub fn rows() -> Vec<Row> {
    let always = |what: &str, call, fault| {
        row(format!("stopped while {what}")).fault(call, fault, Times::Always)
    };
    vec![
        row("stopped at the start")
            .stops_when(|test_bed| test_bed.is_in_state("connecting"))
            .states("connecting closed")
            .requests("create=0.. socket=0.. delete=0.."),
        always("create hangs", Call::Create, Fault::Hang)
            .stops_when(|test_bed| test_bed.request_count(Call::Create) == 1)
            .states("connecting closed")
            .requests("create=1"),
        // The element waits for the creation and then deletes the stream.
        always(
            "create is slow",
            Call::Create,
            Fault::Delay(Duration::from_millis(400)),
        )
        .stops_when(|test_bed| test_bed.request_count(Call::Create) == 1)
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1"),
        always("ICE is under way", Call::Create, Fault::DeafMedia)
            .stops_when(|test_bed| test_bed.request_count(Call::Socket) == 1)
            .states("connecting closed"),
        always("DTLS is under way", Call::Create, Fault::DeafDtls)
            .stops_when(|test_bed| test_bed.request_count(Call::Socket) == 1)
            .states("connecting closed"),
        always("the socket hangs", Call::Socket, Fault::Hang).stops_when(|test_bed| {
            test_bed.is_in_state("streaming") && test_bed.request_count(Call::Socket) == 1
        }),
        always("keepalive hangs", Call::Keepalive, Fault::Hang)
            .config(|config| config.lease_ttl = Duration::from_secs(4))
            .stops_when(|test_bed| test_bed.request_count(Call::Keepalive) == 1)
            .requests("create=1 socket=1 keepalive=1 delete=1"),
        always("prompt hangs", Call::Prompt, Fault::Hang)
            .then(|test_bed| test_bed.pipeline.sink.set_property("prompt", "And now?"))
            .stops_when(|test_bed| test_bed.request_count(Call::Prompt) == 1)
            .requests("create=1 socket=1 prompt=1 delete=1"),
        always("everything hangs", Call::Delete, Fault::Hang)
            .then(|test_bed| {
                for call in Call::ALL {
                    let control = &test_bed.service.control;
                    control.inject(call, Fault::Hang, Times::Always);
                }
                test_bed.proxy.close_websocket();
            })
            .stops_when(|test_bed| test_bed.request_count(Call::Socket) == 2)
            .posts("network socket")
            .posts("timeout delete | ends with its lease")
            .requests("create=1 socket=2 delete=2 left=1"),
        always("it waits to try again", Call::Create, Fault::status(503))
            .stops_when(|test_bed| test_bed.is_in_state("reconnecting"))
            .posts("server create 503")
            .states("connecting reconnecting closed")
            .requests("create=1 models=1"),
        always("it waits for ever", Call::Create, retry_after(u64::MAX))
            .stops_when(|test_bed| test_bed.is_in_state("reconnecting"))
            .posts("busy create 429")
            .states("connecting reconnecting closed")
            .requests("create=1 models=1"),
        row("stopped while a new stream's creation hangs")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Create, Fault::Hang, Times::Always);
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
            })
            .stops_when(|test_bed| test_bed.request_count(Call::Create) == 2)
            .posts("stream-ended socket 1001")
            .states("connecting streaming reconnecting closed")
            .requests("create=2 socket=1"),
        row("stopped while media is cut")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                assert!(control.cut_media(&test_bed.stream_id(), Duration::from_secs(60)));
            })
            .stops_when(|_| true),
    ]
}
