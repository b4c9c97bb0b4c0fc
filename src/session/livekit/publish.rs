// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Publishing the track: announcement, offer, answer, and ICE candidates in both directions, in order.

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::{
    AddTrackRequest, SessionDescription, SignalTarget, SyncState, TrackPublishedResponse,
    TrackSource, TrackType, TrickleRequest, VideoLayer, VideoQuality,
};

use super::event::{Candidate, Publication, RoomEvent};

/// Candidates that are held back in each direction: more than any machine has.
const MAX_HELD_CANDIDATES: usize = 128;

#[derive(Default)]
pub struct TrackPublisher {
    /// Its offer is sent once the server knows the track.
    pending: Option<Publication>,
    /// The element's candidates, until the offer is sent.
    held: Vec<Candidate>,
    offered: bool,
    /// The server's candidates, until its answer has come.
    early: Vec<Candidate>,
    answered: bool,
    track: Option<TrackPublishedResponse>,
}

impl TrackPublisher {
    /// Announces the track.
    pub fn announce(&mut self, publication: Publication) -> Request {
        let cid = track_id(&publication.sdp).to_owned();
        let (width, height) = (publication.width, publication.height);
        let request = AddTrackRequest {
            name: "video".to_owned(),
            r#type: TrackType::Video.into(),
            source: TrackSource::Camera.into(),
            width,
            height,
            // One layer: no simulcast.
            layers: vec![VideoLayer {
                quality: VideoQuality::High.into(),
                width,
                height,
                ..VideoLayer::default()
            }],
            // No codec: one that the answer does not choose would stay with the track, and nobody could
            // decode it (seen with server 1.13).
            cid,
            ..AddTrackRequest::default()
        };
        self.pending = Some(publication);
        Request::AddTrack(request)
    }

    /// The server knows the track: returns the offer and the candidates that were held back.
    pub fn offer_track(&mut self, track: TrackPublishedResponse) -> Vec<Request> {
        self.track = Some(track);
        let Some(publication) = self.pending.take() else {
            return Vec::new();
        };
        self.offered = true;
        let offer = Request::Offer(SessionDescription {
            r#type: "offer".to_owned(),
            sdp: publication.sdp,
            ..SessionDescription::default()
        });
        let held = std::mem::take(&mut self.held);
        std::iter::once(offer)
            .chain(held.iter().map(trickle))
            .collect()
    }

    /// The message for a candidate of the element; `None` if it is held back.
    pub fn local_candidate(&mut self, candidate: Candidate) -> Option<Request> {
        if self.offered {
            return Some(trickle(&candidate));
        }
        if self.held.len() < MAX_HELD_CANDIDATES {
            self.held.push(candidate);
        }
        None
    }

    /// The events of the server's answer: the answer, and the candidates that came before it.
    pub fn take_answer(&mut self, sdp: String) -> Vec<RoomEvent> {
        self.answered = true;
        let early = std::mem::take(&mut self.early);
        std::iter::once(RoomEvent::Answer(sdp))
            .chain(early.into_iter().map(RoomEvent::Candidate))
            .collect()
    }

    /// The event for a candidate of the server; `None` if it is held back, invalid, or for a connection that
    /// is never made.
    pub fn remote_candidate(&mut self, trickle: &TrickleRequest) -> Option<RoomEvent> {
        if trickle.target() != SignalTarget::Publisher {
            return None;
        }
        let candidate: Candidate = serde_json::from_str(&trickle.candidate_init).ok()?;
        // The offer has one media section. A C string (for webrtcbin) ends at a NUL.
        let elsewhere = candidate.mline.is_some_and(|mline| mline > 0);
        if elsewhere || candidate.candidate.is_empty() || candidate.candidate.contains('\0') {
            return None;
        }
        if self.answered {
            return Some(RoomEvent::Candidate(candidate));
        }
        if self.early.len() < MAX_HELD_CANDIDATES {
            self.early.push(candidate);
        }
        None
    }

    /// Whether the server means the published track by this name.
    pub fn is_own_track(&self, sid: &str) -> bool {
        let track = self.track.as_ref().and_then(|track| track.track.as_ref());
        track.is_some_and(|track| track.sid == sid)
    }

    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// For a resumed connection: what the server should still know.
    pub fn sync_state(&self) -> Request {
        Request::SyncState(SyncState {
            publish_tracks: self.track.iter().cloned().collect(),
            ..SyncState::default()
        })
    }
}

fn trickle(candidate: &Candidate) -> Request {
    Request::Trickle(TrickleRequest {
        // There are only strings and a number, so this can't fail.
        candidate_init: serde_json::to_string(candidate).unwrap_or_default(),
        target: SignalTarget::Publisher.into(),
        r#final: false,
    })
}

/// The track's id in the offer, by which the server recognises it: `a=msid:<stream> <track>` (RFC 8830), or
/// the older `a=ssrc:<ssrc> msid:<stream> <track>`, which webrtcbin (1.22) writes.
fn track_id(sdp: &str) -> &str {
    sdp.lines()
        .map(str::trim_end)
        .filter_map(|line| {
            let (_, msid) = line.split_once("msid:")?;
            (line.starts_with("a=msid:") || line.starts_with("a=ssrc:")).then_some(msid)
        })
        .find_map(|msid| msid.split_once(' '))
        .map_or("video", |(_, track)| track)
}

#[cfg(test)]
mod tests {
    use super::*;
    use livekit_protocol::TrackInfo;

    fn publication() -> Publication {
        Publication {
            sdp: "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=msid:stream track0\r\n".to_owned(),
            width: 640,
            height: 360,
        }
    }

    fn candidate(port: u32) -> Candidate {
        Candidate {
            candidate: format!("candidate:1 1 UDP 1 127.0.0.1 {port} typ host"),
            mline: Some(0),
        }
    }

    fn remote(port: u32) -> TrickleRequest {
        match trickle(&candidate(port)) {
            Request::Trickle(trickle) => trickle,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_offer_waits_for_the_track_and_local_candidates_for_the_offer() {
        let mut publisher = TrackPublisher::default();
        let Request::AddTrack(add) = publisher.announce(publication()) else {
            panic!("no track");
        };
        assert_eq!(add.cid, "track0");
        assert_eq!(track_id("v=0\r\na=ssrc:1 msid:stream track1\r\n"), "track1");
        assert_eq!(publisher.local_candidate(candidate(1)), None);
        assert_eq!(publisher.local_candidate(candidate(2)), None);
        let sent = publisher.offer_track(TrackPublishedResponse::default());
        assert!(matches!(sent[0], Request::Offer(_)));
        assert_eq!(sent[1..], [trickle(&candidate(1)), trickle(&candidate(2))]);
        assert_eq!(
            publisher.local_candidate(candidate(3)),
            Some(trickle(&candidate(3)))
        );
        // What the server does to other tracks is not this participant's business.
        let named = |sid: &str| TrackPublishedResponse {
            track: Some(TrackInfo {
                sid: sid.to_owned(),
                ..TrackInfo::default()
            }),
            ..TrackPublishedResponse::default()
        };
        assert!(publisher.offer_track(named("TR_1")).is_empty());
        assert!(publisher.is_own_track("TR_1"));
        assert!(!publisher.is_own_track("TR_2") && !publisher.is_own_track(""));
        // A server may repeat its message.
        assert!(
            publisher
                .offer_track(TrackPublishedResponse::default())
                .is_empty()
        );
    }

    #[test]
    fn remote_candidates_wait_for_the_answer_in_order() {
        let mut publisher = TrackPublisher::default();
        assert!(publisher.remote_candidate(&remote(1)).is_none());
        assert!(publisher.remote_candidate(&remote(2)).is_none());
        let events = publisher.take_answer("v=0".to_owned());
        let ports: Vec<_> = events[1..]
            .iter()
            .map(|event| match event {
                RoomEvent::Candidate(candidate) => candidate.candidate.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ports, [candidate(1).candidate, candidate(2).candidate]);
        assert!(publisher.remote_candidate(&remote(3)).is_some());
        let subscriber = TrickleRequest {
            target: SignalTarget::Subscriber.into(),
            ..remote(4)
        };
        assert!(publisher.remote_candidate(&subscriber).is_none());
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"candidate":""}"#,
            r#"{"candidate":"a\u0000"}"#,
            r#"{"candidate":"a","sdpMLineIndex":1}"#,
        ] {
            let bad = TrickleRequest {
                candidate_init: bad.to_owned(),
                ..remote(5)
            };
            assert!(publisher.remote_candidate(&bad).is_none(), "{bad:?}");
        }
    }
}
