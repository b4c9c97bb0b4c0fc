// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of the signalling.

use super::{offer, refused};
use crate::support::Emulator;
use crate::support::signalling::{Response, Signalling};
use livekit_protocol as proto;
use overshoot_emulator::{Call, Fault, LeaveAction, SignalMessage, Times};
use proto::leave_request::Action;

#[tokio::test(flavor = "multi_thread")]
async fn faults_apply_to_joins() {
    let emulator = Emulator::start(|_| {}).await;
    let control = &emulator.control;
    let room = emulator.room().await;

    control.inject(Call::Signal, Fault::status(401), Times::Once);
    assert_eq!(refused(&room, &room.token).await.0, 401);

    for (action, told) in [
        (LeaveAction::Disconnect, Action::Disconnect),
        (LeaveAction::Resume, Action::Resume),
        (LeaveAction::Reconnect, Action::Reconnect),
    ] {
        control.inject(Call::Signal, Fault::Leave(action), Times::Once);
        let (signalling, _) = Signalling::join(&room).await;
        assert_eq!(signalling.told_to_leave().await.0, told);
    }

    control.inject(Call::Signal, Fault::NoAnswer, Times::Once);
    let (mut signalling, _) = Signalling::join(&room).await;
    signalling.send(offer(1)).await;
    signalling.ping().await;
    assert!(matches!(signalling.next().await, Some(Response::Pong(_))));

    control.inject(Call::Signal, Fault::GarbageSdp, Times::Once);
    let (mut signalling, _) = Signalling::join(&room).await;
    signalling.send(offer(1)).await;
    match signalling.next().await {
        Some(Response::Answer(answer)) => assert!(!answer.sdp.contains("m=video")),
        other => panic!("{other:?}"),
    }

    let send = |message| assert!(control.send_on_signal(&room.id, message));
    send(SignalMessage::Binary(vec![0xff; 4]));
    assert_eq!(signalling.next_raw().await, [0xff; 4]);
    send(SignalMessage::RefreshToken);
    assert!(matches!(
        signalling.next().await,
        Some(Response::RefreshToken(_))
    ));
    send(SignalMessage::Silence);
    signalling.ping().await;
    send(SignalMessage::Close);
    assert_eq!(signalling.next().await, None, "no pong, and then the end");

    control.inject(Call::Signal, Fault::Silent, Times::Once);
    let silent = Signalling::connect(&room.url, &room.token, "").await;
    let mut silent = silent.expect("let in");
    emulator.until(&room.id, "the silent join", |stream| {
        stream.joins.len() == 6
    });
    send(SignalMessage::Reset);
    assert_eq!(silent.next().await, None, "not even a join");
    assert!(!control.send_on_signal("no-such-stream", SignalMessage::Close));
    emulator.stop().await;
}
