// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Participants that come back, are replaced, or stay away.

use crate::support::Emulator;
use crate::support::signalling::{Request, Response, Signalling};
use livekit_protocol as proto;
use overshoot_emulator::EndReason;
use proto::DisconnectReason;
use proto::leave_request::Action;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_resumed() {
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let resume = |sid: &str| {
        let more = format!("&reconnect=1&sid={sid}");
        async move { more }
    };

    // Nobody is in the room who could come back.
    let more = resume("PA_nobody").await;
    let stranger = Signalling::connect(&room.url, &room.token, &more).await;
    let farewell = stranger.expect("let in").told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Reconnect, DisconnectReason::StateMismatch)
    );

    let (first, join) = Signalling::join(&room).await;
    let sid = join.participant.expect("a participant").sid;
    drop(first);
    let more = resume(&sid).await;
    let second = Signalling::connect(&room.url, &room.token, &more).await;
    let mut second = second.expect("let in");
    assert!(matches!(second.next().await, Some(Response::Reconnect(_))));
    match second.next().await {
        Some(Response::Update(update)) => assert_eq!(update.participants[0].sid, sid),
        other => panic!("{other:?}"),
    }
    assert!(matches!(second.next().await, Some(Response::RoomUpdate(_))));
    assert!(matches!(
        second.next().await,
        Some(Response::RefreshToken(_))
    ));
    second.ping().await;
    assert!(matches!(second.next().await, Some(Response::Pong(_))));
    let stream = emulator.until(&room.id, "both joins", |stream| stream.joins.len() == 2);
    assert!(!stream.joins[0].resumed && stream.joins[1].resumed);
    assert_eq!(stream.joins[0].participant, stream.joins[1].participant);

    emulator.delete(&room.id).await;
    let farewell = second.told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Disconnect, DisconnectReason::RoomDeleted)
    );
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_client_takes_over() {
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let (first, _) = Signalling::join(&room).await;
    let (mut second, _) = Signalling::join(&room).await;
    let farewell = first.told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Disconnect, DisconnectReason::DuplicateIdentity)
    );
    second.ping().await;
    assert!(matches!(second.next().await, Some(Response::Pong(_))));
    emulator.stop().await;
    let farewell = second.told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Disconnect, DisconnectReason::ServerShutdown)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_messages_end_the_connection_and_absence_the_stream() {
    let emulator = Emulator::start(|_| {}).await;
    for nonsense in [Message::text("{}"), Message::binary(vec![0xff; 9])] {
        let room = emulator.room().await;
        let (mut signalling, _) = Signalling::join(&room).await;
        signalling.send_raw(nonsense).await;
        assert_eq!(signalling.next().await, None);
        // The participant does not come back.
        let ended = emulator.until(&room.id, "the end", |stream| stream.ended.is_some());
        assert_eq!(
            ended.ended.map(|(_, reason)| reason),
            Some(EndReason::LivekitDisconnected)
        );
    }
    // If an offer cannot be answered, the participant must leave.
    let room = emulator.room().await;
    let (mut signalling, _) = Signalling::join(&room).await;
    signalling
        .send(Request::Offer(proto::SessionDescription {
            sdp: "nonsense".to_owned(),
            ..proto::SessionDescription::default()
        }))
        .await;
    let farewell = signalling.told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Reconnect, DisconnectReason::StateMismatch)
    );
    emulator.stop().await;
}
