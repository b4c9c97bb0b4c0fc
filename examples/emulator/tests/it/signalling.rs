//! The signalling of the emulator's own rooms, by rule 16 of the crate: no media, no SDK.

use crate::support::signalling::{Request, Response, Signalling};
use crate::support::{Emulator, Room};
use livekit_protocol as proto;
use overshoot_emulator::{Call, EndReason, Fault, LeaveAction, SignalMessage, Times, TurnServer};
use proto::DisconnectReason;
use proto::leave_request::Action;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// An offer with one VP8 and one H.264 payload.
const OFFER: &str = include_str!("../offer.sdp");

fn add_track(cid: &str) -> Request {
    Request::AddTrack(proto::AddTrackRequest {
        cid: cid.to_owned(),
        r#type: proto::TrackType::Video as i32,
        simulcast_codecs: vec![proto::SimulcastCodec {
            codec: "h264".to_owned(),
            cid: cid.to_owned(),
            ..proto::SimulcastCodec::default()
        }],
        ..proto::AddTrackRequest::default()
    })
}

fn offer(id: u32) -> Request {
    Request::Offer(proto::SessionDescription {
        r#type: "offer".to_owned(),
        sdp: OFFER.to_owned(),
        id,
        ..proto::SessionDescription::default()
    })
}

async fn refused(room: &Room, token: &str) -> (u16, String) {
    match Signalling::connect(&room.url, token, "").await {
        Ok(_) => panic!("let in"),
        Err(refused) => refused,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_led_to_its_answer() {
    let emulator = Emulator::start(|config| {
        config.turn_servers = vec![TurnServer {
            urls: vec!["turn:127.0.0.1:3478".to_owned()],
            username: "u".to_owned(),
            credential: "c".to_owned(),
        }];
    })
    .await;
    let room = emulator.room().await;
    assert_eq!(room.url, format!("ws://{}", emulator.address));
    let (mut signalling, join) = Signalling::join(&room).await;
    assert_eq!(join.room.map(|room| room.name), Some(room.id.clone()));
    assert_eq!((join.ping_interval, join.ping_timeout), (5, 15));
    assert!(!join.subscriber_primary && join.fast_publish);
    assert_eq!(join.ice_servers[0].username, "u");
    let mimes: Vec<&str> = join
        .enabled_publish_codecs
        .iter()
        .map(|c| c.mime.as_str())
        .collect();
    assert!(
        mimes.contains(&"video/VP8") && mimes.contains(&"video/rtx"),
        "{mimes:?}"
    );
    let participant = join.participant.expect("a participant");
    assert!(participant.sid.starts_with("PA_"));
    let may = participant.permission.expect("permissions");
    assert!(may.can_publish && !may.can_subscribe);

    signalling.send(add_track("a")).await;
    let track = match signalling.next().await {
        Some(Response::TrackPublished(response)) if response.cid == "a" => response.track,
        other => panic!("{other:?}"),
    };
    let track = track.expect("its info").sid;
    signalling.send(add_track("a")).await;
    match signalling.next().await {
        Some(Response::RequestResponse(response)) => {
            assert_eq!(response.reason(), proto::request_response::Reason::Queued);
        }
        other => panic!("{other:?}"),
    }

    signalling.send(offer(7)).await;
    let answer = match signalling.next().await {
        Some(Response::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    };
    assert_eq!((answer.r#type.as_str(), answer.id), ("answer", 7));
    assert_eq!(answer.mid_to_track_id.get("video0"), Some(&track));
    assert!(answer.sdp.contains("a=ice-lite") && !answer.sdp.contains("a=candidate"));
    // The codec that was announced comes first.
    let types = answer
        .sdp
        .lines()
        .find_map(|line| line.strip_prefix("m=video "));
    assert_eq!(types.and_then(|types| types.split(' ').nth(2)), Some("97"));
    match signalling.next().await {
        Some(Response::Trickle(trickle)) => {
            assert_eq!(trickle.target(), proto::SignalTarget::Publisher);
            let init: Value = serde_json::from_str(&trickle.candidate_init).expect("JSON");
            let candidate = init["candidate"].as_str().expect("a candidate");
            assert!(candidate.starts_with("candidate:") && candidate.contains("typ host"));
        }
        other => panic!("{other:?}"),
    }

    signalling.ping().await;
    assert!(matches!(signalling.next().await, Some(Response::Pong(_))));
    let ping = proto::Ping {
        timestamp: 5,
        rtt: 1,
    };
    signalling.send(Request::PingReq(ping)).await;
    match signalling.next().await {
        Some(Response::PongResp(pong)) => assert_eq!(pong.last_ping_timestamp, 5),
        other => panic!("{other:?}"),
    }
    signalling
        .send(Request::Leave(proto::LeaveRequest::default()))
        .await;
    let farewell = signalling.told_to_leave().await;
    assert_eq!(
        farewell,
        (Action::Disconnect, DisconnectReason::ClientInitiated)
    );
    let ended = emulator.until(&room.id, "the end", |stream| stream.ended.is_some());
    assert_eq!(
        ended.ended.map(|(_, reason)| reason),
        Some(EndReason::LivekitDisconnected)
    );
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_good_tokens_open_the_door() {
    let emulator = Emulator::start(|_| {}).await;
    let other = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let validate = |token: &str| {
        let url = format!(
            "http://{}/rtc/validate?access_token={token}",
            emulator.address
        );
        let request = emulator.client.get(url).send();
        async { request.await.expect("a response") }
    };

    let (status, said) = refused(&room, "").await;
    assert_eq!(
        (status, said.as_str()),
        (401, "no permissions to access the room")
    );
    let (status, said) = refused(&room, "nonsense").await;
    assert!(status == 401 && said.starts_with("invalid token"), "{said}");
    let foreign = other.room().await.token;
    assert_eq!(refused(&room, &foreign).await.0, 401);
    assert_eq!(validate(&foreign).await.status(), 401);

    let good = validate(&room.token).await;
    assert_eq!(good.status(), 200);
    assert_eq!(good.text().await.expect("text"), "success");
    // Where no WebSocket is asked for, there is nothing.
    let url = format!(
        "http://{}/rtc?access_token={}",
        emulator.address, room.token
    );
    assert_eq!(
        emulator
            .client
            .get(url)
            .send()
            .await
            .expect("a response")
            .status(),
        404
    );
    let bad = format!(
        "http://{}/rtc/v1/validate?access_token={}",
        emulator.address, room.token
    );
    let bad = emulator.client.get(bad).send().await.expect("a response");
    assert_eq!(
        (
            bad.status().as_u16(),
            bad.text().await.expect("text").as_str()
        ),
        (400, "join_request is required")
    );

    let control = &emulator.control;
    control.inject(Call::Create, Fault::ExpiredToken, Times::Once);
    let expired = emulator.room().await;
    let (status, said) = refused(&expired, &expired.token).await;
    assert!(status == 401 && said.contains("xpired"), "{said}");
    // The keepalive brings one that is good, of a room that nobody has joined.
    let path = format!("/streams/{}/keepalive", expired.id);
    let renewed: Value = emulator.post(&path, None).await.json().await.expect("JSON");
    let fresh = renewed["livekit_token"].as_str().expect("a token");
    assert_eq!(validate(fresh).await.status(), 200);

    emulator.delete(&room.id).await;
    assert_eq!(refused(&room, &room.token).await.0, 404, "its room is gone");
    let seen = format!("{:?}", emulator.control.snapshot());
    for token in [&room.token, &expired.token, &foreign] {
        assert!(!seen.contains(token.as_str()), "a token in the records");
    }
    other.stop().await;
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_resumed() {
    let emulator = Emulator::start(|_| {}).await;
    let room = emulator.room().await;
    let resume = |sid: &str| {
        let more = format!("&reconnect=1&sid={sid}");
        async move { more }
    };

    // Nobody is there who could come back.
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
async fn nonsense_ends_the_connection_and_silence_the_stream() {
    let emulator = Emulator::start(|_| {}).await;
    for nonsense in [Message::text("{}"), Message::binary(vec![0xff; 9])] {
        let room = emulator.room().await;
        let (mut signalling, _) = Signalling::join(&room).await;
        signalling.send_raw(nonsense).await;
        assert_eq!(signalling.next().await, None);
        // It does not come back.
        let ended = emulator.until(&room.id, "the end", |stream| stream.ended.is_some());
        assert_eq!(
            ended.ended.map(|(_, reason)| reason),
            Some(EndReason::LivekitDisconnected)
        );
    }
    // An offer that cannot be answered is the end of a participant.
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

#[tokio::test(flavor = "multi_thread")]
async fn faults_meet_those_who_join() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_room_elsewhere_must_let_it_in() {
    let emulator = Emulator::start(|_| {}).await;
    let other = Emulator::start(|_| {}).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("ws://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let there = format!("ws://{}", other.address);
    for (url, token, field) in [
        (closed.as_str(), "t", "source.url"),
        ("wss://127.0.0.1", "t", "source.url"),
        ("nowhere", "t", "source.url"),
        (there.as_str(), "t", "source.token"),
    ] {
        let source = json!({"type": "livekit", "url": url, "token": token});
        let refused = emulator.create(source).await;
        assert_eq!(refused.status(), 422, "{url}");
        let refused: Value = refused.json().await.expect("JSON");
        assert_eq!(refused["details"]["field"], field, "{refused}");
    }
    // A refusal holds no place among the key's streams.
    for _ in 0..5 {
        emulator.room().await;
    }
    other.stop().await;
    emulator.stop().await;
}
