// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! How a room describes itself and its participant in messages.

use livekit_protocol as proto;
use proto::signal_response::Message;

use super::token::Grants;
use super::{livekit_id, now_ms};
use crate::codec::Codec;
use crate::media::decoder::decoder_for;
use crate::service::config::Config;

/// As livekit-server's `PingIntervalSeconds` and `PingTimeoutSeconds`.
const PING_INTERVAL: i32 = 5;
const PING_TIMEOUT: i32 = 15;
/// The version of livekit-server that the emulator imitates: clients do not use features that an older
/// version lacks.
const VERSION: &str = "1.13.5";
/// The version of the signalling protocol of that server.
const PROTOCOL: i32 = 17;

/// The description of a room with one publisher.
pub(crate) struct RoomInfo {
    room: proto::Room,
    ice_servers: Vec<proto::IceServer>,
}

impl RoomInfo {
    pub(crate) fn new(name: &str, config: &Config) -> Self {
        let now = now_ms();
        RoomInfo {
            room: proto::Room {
                sid: livekit_id("RM_"),
                name: name.to_owned(),
                empty_timeout: 300,
                departure_timeout: u32::try_from(super::DEPARTURE_TIMEOUT.as_secs())
                    .unwrap_or_default(),
                creation_time: now / 1_000,
                creation_time_ms: now,
                enabled_codecs: codecs(config),
                ..proto::Room::default()
            },
            ice_servers: config
                .turn_servers
                .iter()
                .map(|server| proto::IceServer {
                    urls: server.urls.clone(),
                    username: server.username.clone(),
                    credential: server.credential.clone(),
                })
                .collect(),
        }
    }

    /// The first message to a new participant.
    pub(crate) fn join(&self, participant: proto::ParticipantInfo) -> Message {
        Message::Join(proto::JoinResponse {
            room: Some(self.room.clone()),
            // livekit-server sends the media that it forwards on a separate connection, and waits for that
            // connection, if the token allows to subscribe. Tokens of this room do not.
            subscriber_primary: false,
            fast_publish: participant
                .permission
                .as_ref()
                .is_some_and(|may| may.can_publish),
            participant: Some(participant),
            ice_servers: self.ice_servers.clone(),
            client_configuration: None,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            server_info: Some(server_info()),
            server_version: VERSION.to_owned(),
            enabled_publish_codecs: self.room.enabled_codecs.clone(),
            ..proto::JoinResponse::default()
        })
    }

    /// The first message to a participant that resumes.
    pub(crate) fn reconnect(&self) -> Message {
        Message::Reconnect(proto::ReconnectResponse {
            ice_servers: self.ice_servers.clone(),
            server_info: Some(server_info()),
            ..proto::ReconnectResponse::default()
        })
    }

    pub(crate) fn update(&self) -> Message {
        Message::RoomUpdate(proto::RoomUpdate {
            room: Some(self.room.clone()),
        })
    }
}

fn server_info() -> proto::ServerInfo {
    proto::ServerInfo {
        version: VERSION.to_owned(),
        protocol: PROTOCOL,
        node_id: "ND_emulator".to_owned(),
        ..proto::ServerInfo::default()
    }
}

/// What may be published: the video codecs that can be decoded, and audio.
fn codecs(config: &Config) -> Vec<proto::Codec> {
    let videos = config
        .codecs
        .iter()
        .filter(|codec| decoder_for(**codec).is_some())
        .map(|codec| mime(*codec));
    ["audio/opus".to_owned()]
        .into_iter()
        .chain(videos)
        .chain(["video/rtx".to_owned()])
        .map(|mime| proto::Codec {
            mime,
            fmtp_line: String::new(),
        })
        .collect()
}

/// The media type of a codec, as LiveKit writes it.
pub(crate) fn mime(codec: Codec) -> String {
    format!("video/{}", codec.name())
}

/// A participant as others see it.
pub(crate) fn participant(
    sid: &str,
    grants: &Grants,
    state: proto::participant_info::State,
    tracks: Vec<proto::TrackInfo>,
) -> proto::ParticipantInfo {
    let now = now_ms();
    proto::ParticipantInfo {
        sid: sid.to_owned(),
        identity: grants.identity.clone(),
        state: state as i32,
        joined_at: now / 1_000,
        joined_at_ms: now,
        version: 1,
        is_publisher: !tracks.is_empty(),
        tracks,
        permission: Some(proto::ParticipantPermission {
            can_subscribe: grants.video.can_subscribe.unwrap_or(true),
            can_publish: grants.video.can_publish.unwrap_or(true),
            can_publish_data: grants.video.can_publish_data.unwrap_or(true),
            hidden: grants.video.hidden,
            ..proto::ParticipantPermission::default()
        }),
        ..proto::ParticipantInfo::default()
    }
}

/// A leave request.
pub(crate) fn leave(
    action: proto::leave_request::Action,
    reason: proto::DisconnectReason,
) -> Message {
    Message::Leave(proto::LeaveRequest {
        // For clients from before the field `action`.
        can_reconnect: action != proto::leave_request::Action::Disconnect,
        reason: reason as i32,
        action: action as i32,
        regions: None,
    })
}
