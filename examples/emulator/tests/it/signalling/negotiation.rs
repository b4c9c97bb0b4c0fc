// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! From a join to an SDP answer.

use super::{add_track, offer};
use crate::support::Emulator;
use crate::support::signalling::{Request, Response, Signalling};
use livekit_protocol as proto;
use overshoot_emulator::{EndReason, TurnServer};
use proto::DisconnectReason;
use proto::leave_request::Action;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_gets_its_messages_in_order() {
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
    // The announced codec comes first.
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
