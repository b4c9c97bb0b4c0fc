// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The publisher in a room: its tracks, its media, its signalling connection.

use std::sync::Arc;

use livekit_protocol as proto;
use proto::participant_info::State;
use proto::request_response::Reason;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::signal_socket::SignalSocket;
use super::token::Grants;
use super::tracks::Tracks;
use super::{commands, livekit_id, room_info};
use crate::faults::fault::Fault;
use crate::media::decoder::decoder_for;
use crate::media::peer;
use crate::media::peer_command::PeerCommand;
use crate::media::receiver;
use crate::media::sdp;
use crate::service::app::App;
use crate::service::config::Config;
use crate::service::live_stream::LiveStream;

/// A participant.
pub(crate) struct Participant {
    pub sid: String,
    /// `None`: the connection is lost. The participant may come back soon.
    pub signal: Option<SignalSocket>,
    /// How its connection misbehaves, by an injected fault.
    pub fault: Option<Fault>,
    grants: Grants,
    tracks: Tracks,
    enabled: Vec<String>,
    commands: mpsc::Sender<PeerCommand>,
    media: JoinSet<()>,
    end_token: CancellationToken,
}

/// What happens with a participant.
pub(crate) enum ParticipantEvent {
    /// A request. The error: its connection has ended.
    Request(Result<Box<Request>, String>),
    /// Its media connection has ended.
    MediaEnded,
}

impl Participant {
    pub(crate) async fn new(
        signal: SignalSocket,
        grants: Grants,
        fault: Option<Fault>,
        live: &Arc<LiveStream>,
        app: &Arc<App>,
    ) -> Result<Self, String> {
        let mut peer = peer::open(&app.config, true).await?;
        peer.ignores_packets = matches!(fault, Some(Fault::DeafMedia | Fault::InactiveAnswer));
        peer.ignores_dtls = matches!(fault, Some(Fault::DeafDtls));
        let (commands, receiver) = commands();
        let end_token = live.end_token.child_token();
        let mut media = JoinSet::new();
        media.spawn(receiver::receive(
            peer,
            Some(receiver),
            end_token.clone(),
            live.clone(),
            app.clone(),
        ));
        Ok(Participant {
            sid: livekit_id("PA_"),
            signal: Some(signal),
            fault,
            grants,
            tracks: Tracks::default(),
            enabled: enabled(&app.config),
            commands,
            media,
            end_token,
        })
    }

    /// The next event of the participant. Waits forever if there is none.
    pub(crate) async fn next(participant: &mut Option<Participant>) -> ParticipantEvent {
        let Some(participant) = participant else {
            return std::future::pending().await;
        };
        let request = async {
            match &mut participant.signal {
                Some(signal) => signal.receive().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = request => ParticipantEvent::Request(request.map(Box::new)),
            _ = participant.media.join_next() => ParticipantEvent::MediaEnded,
        }
    }

    /// The participant as others see it.
    pub(crate) fn info(&self) -> proto::ParticipantInfo {
        let tracks = self.tracks.infos();
        let state = if tracks.is_empty() {
            State::Joining
        } else {
            State::Active
        };
        room_info::participant(&self.sid, &self.grants, state, tracks)
    }

    /// The responses to a request. The error: the participant must leave.
    pub(crate) async fn serve(&mut self, request: Request) -> Result<Vec<Response>, String> {
        if let Some(pong) = SignalSocket::pong(&request) {
            return Ok(vec![pong]);
        }
        match request {
            Request::AddTrack(request) => {
                let may_publish = self.grants.video.can_publish.unwrap_or(true);
                let response = self.tracks.add(request, may_publish, &self.enabled);
                if self.tracks.videos().next().is_some() {
                    self.send_command(PeerCommand::TrackAnnounced).await?;
                }
                Ok(vec![response])
            }
            Request::Offer(offer) => self.offer(offer).await,
            Request::Trickle(trickle) => Ok(self.trickle(trickle).await?.into_iter().collect()),
            // The emulator ignores all other messages of a client.
            _ => Ok(Vec::new()),
        }
    }

    async fn offer(&mut self, offer: proto::SessionDescription) -> Result<Vec<Response>, String> {
        if matches!(self.fault, Some(Fault::NoAnswer)) {
            return Ok(Vec::new());
        }
        let videos = sdp::sent_videos(&offer.sdp);
        let (sender, receiver) = oneshot::channel();
        self.send_command(PeerCommand::Offer {
            sdp: offer.sdp,
            answer: sender,
        })
        .await?;
        let answer = receiver.await.map_err(|_| GONE)?;
        let mut answer = answer.map_err(|why| format!("not a usable offer: {why}"))?;
        if let Some(codec) = self.tracks.videos().next().and_then(|t| t.codecs.first()) {
            let name = codec.mime_type.rsplit('/').next().unwrap_or_default();
            answer = sdp::prefer(&answer, name);
        }
        let answer = sdp::with_fault(answer, self.fault.as_ref());
        // Like livekit-server: the answer has no candidates, they follow.
        let (answer, candidates) = sdp::take_candidates(&answer);
        let tracks = self.tracks.videos().map(|track| track.sid.clone());
        let mut responses = vec![Response::Answer(proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp: answer,
            id: offer.id,
            mid_to_track_id: videos.into_iter().zip(tracks).collect(),
        })];
        responses.extend(candidates.into_iter().map(|candidate| {
            let init = json!({"candidate": candidate, "sdpMid": "", "sdpMLineIndex": 0});
            Response::Trickle(proto::TrickleRequest {
                candidate_init: init.to_string(),
                target: proto::SignalTarget::Publisher as i32,
                r#final: false,
            })
        }));
        Ok(responses)
    }

    async fn trickle(
        &mut self,
        trickle: proto::TrickleRequest,
    ) -> Result<Option<Response>, String> {
        let init = serde_json::from_str::<Value>(&trickle.candidate_init);
        let candidate = init
            .as_ref()
            .ok()
            .and_then(|init| init.get("candidate")?.as_str());
        let Some(candidate) = candidate else {
            return Ok(Some(Response::RequestResponse(proto::RequestResponse {
                reason: Reason::UnclassifiedError as i32,
                message: "could not decode trickle".to_owned(),
                request: Some(proto::request_response::Request::Trickle(trickle)),
                ..proto::RequestResponse::default()
            })));
        };
        let is_publisher = trickle.target == proto::SignalTarget::Publisher as i32;
        // An empty candidate marks the end of the candidates.
        if is_publisher && !candidate.is_empty() {
            self.send_command(PeerCommand::Candidate(candidate.to_owned()))
                .await?;
        }
        Ok(None)
    }

    async fn send_command(&mut self, command: PeerCommand) -> Result<(), String> {
        let sent = self.commands.send(command).await;
        sent.map_err(|_| GONE.to_owned())
    }

    /// Ends its media.
    pub(crate) async fn stop(mut self) {
        self.end_token.cancel();
        while self.media.join_next().await.is_some() {}
    }
}

const GONE: &str = "the media connection was lost";

fn enabled(config: &Config) -> Vec<String> {
    let codecs = config.codecs.iter();
    codecs
        .filter(|codec| decoder_for(**codec).is_some())
        .map(|codec| room_info::mime(*codec))
        .collect()
}
