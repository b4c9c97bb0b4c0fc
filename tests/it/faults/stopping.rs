//! Stopping, at any moment: within its bound, and with the stream deleted where there is one.

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
            .stops_when(|scene| scene.is("connecting"))
            .states("connecting closed")
            .requests("create=0.. socket=0.. delete=0.."),
        always("create hangs", Call::Create, Fault::Hang)
            .stops_when(|scene| scene.asked(Call::Create) == 1)
            .states("connecting closed")
            .requests("create=1"),
        // The creation is waited for, and undone.
        always(
            "create is slow",
            Call::Create,
            Fault::Delay(Duration::from_millis(400)),
        )
        .stops_when(|scene| scene.asked(Call::Create) == 1)
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1"),
        always("ICE is under way", Call::Create, Fault::DeafMedia)
            .stops_when(|scene| scene.asked(Call::Socket) == 1)
            .states("connecting closed"),
        always("DTLS is under way", Call::Create, Fault::DeafDtls)
            .stops_when(|scene| scene.asked(Call::Socket) == 1)
            .states("connecting closed"),
        always("the socket hangs", Call::Socket, Fault::Hang)
            .stops_when(|scene| scene.is("streaming") && scene.asked(Call::Socket) == 1),
        always("keepalive hangs", Call::Keepalive, Fault::Hang)
            .config(|config| config.lease_ttl = Duration::from_secs(4))
            .stops_when(|scene| scene.asked(Call::Keepalive) == 1)
            .requests("create=1 socket=1 keepalive=1 delete=1"),
        always("prompt hangs", Call::Prompt, Fault::Hang)
            .then(|scene| scene.pipeline.sink.set_property("prompt", "And now?"))
            .stops_when(|scene| scene.asked(Call::Prompt) == 1)
            .requests("create=1 socket=1 prompt=1 delete=1"),
        always("everything hangs", Call::Delete, Fault::Hang)
            .then(|scene| {
                for call in Call::ALL {
                    let control = &scene.service.control;
                    control.inject(call, Fault::Hang, Times::Always);
                }
                scene.proxy.end();
            })
            .stops_when(|scene| scene.asked(Call::Socket) == 2)
            .tells("network socket")
            .tells("timeout delete | ends with its lease")
            .requests("create=1 socket=2 delete=2 left=1"),
        always("it waits to try again", Call::Create, Fault::status(503))
            .stops_when(|scene| scene.is("reconnecting"))
            .tells("server create 503")
            .states("connecting reconnecting closed")
            .requests("create=1 models=1"),
        always("it waits for ever", Call::Create, retry_after(u64::MAX))
            .stops_when(|scene| scene.is("reconnecting"))
            .tells("busy create 429")
            .states("connecting reconnecting closed")
            .requests("create=1 models=1"),
        row("stopped while a new stream's creation hangs")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(Call::Create, Fault::Hang, Times::Always);
                assert!(control.end_stream(&scene.id(), EndReason::LeaseExpired));
            })
            .stops_when(|scene| scene.asked(Call::Create) == 2)
            .tells("stream-ended socket 1001")
            .states("connecting streaming reconnecting closed")
            .requests("create=2 socket=1"),
        row("stopped while media is cut")
            .then(|scene| {
                let control = &scene.service.control;
                assert!(control.cut_media(&scene.id(), Duration::from_secs(60)));
            })
            .stops_when(|_| true),
    ]
}
