// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The signalling of hosted rooms (src/livekit/mod.rs): no media, no SDK.

mod faults;
mod negotiation;
mod reconnects;
mod tokens;

use crate::support::Room;
use crate::support::signalling::{Request, Signalling};
use livekit_protocol as proto;

/// An offer with one VP8 and one H.264 payload.
const OFFER: &str = include_str!("../../offer.sdp");

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
