// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Who publishes video in a room that the emulator has joined.

use std::collections::HashMap;
use std::time::Instant;

use livekit_protocol as proto;

/// The participants, and whether they publish video.
#[derive(Debug, Default)]
pub(super) struct Publishers {
    /// By identity: the participant's id, and whether it has a video track.
    present: HashMap<String, (String, bool)>,
    /// Since when nobody publishes. `None`: somebody does, or nobody ever did.
    pub none_since: Option<Instant>,
}

impl Publishers {
    pub(super) fn update(&mut self, participants: &[proto::ParticipantInfo]) {
        let before = self.any();
        for participant in participants {
            let known = self.present.get(&participant.identity);
            if participant.state() == proto::participant_info::State::Disconnected {
                // If another client with the same identity has replaced a participant, the old one leaves
                // after the new one joined, or without a message.
                if known.is_some_and(|(sid, _)| *sid == participant.sid) {
                    self.present.remove(&participant.identity);
                }
            } else {
                let mut tracks = participant.tracks.iter();
                let video = tracks.any(|track| track.r#type() == proto::TrackType::Video);
                let (identity, sid) = (participant.identity.clone(), participant.sid.clone());
                self.present.insert(identity, (sid, video));
            }
        }
        match (before, self.any()) {
            (_, true) => self.none_since = None,
            (true, false) => self.none_since = Some(Instant::now()),
            (false, false) => {}
        }
    }

    fn any(&self) -> bool {
        self.present.values().any(|(_, video)| *video)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proto::participant_info::State;

    fn participant(sid: &str, state: State, video: bool) -> proto::ParticipantInfo {
        let track = proto::TrackInfo {
            r#type: proto::TrackType::Video as i32,
            ..proto::TrackInfo::default()
        };
        proto::ParticipantInfo {
            sid: sid.to_owned(),
            identity: "me".to_owned(),
            state: state as i32,
            tracks: video.then_some(track).into_iter().collect(),
            ..proto::ParticipantInfo::default()
        }
    }

    #[test]
    fn a_room_is_empty_once_its_publishers_are_gone() {
        let mut publishers = Publishers::default();
        publishers.update(&[participant("PA_a", State::Active, false)]);
        assert_eq!(publishers.none_since, None, "nobody was there yet");
        publishers.update(&[participant("PA_a", State::Active, true)]);
        assert_eq!(publishers.none_since, None);
        publishers.update(&[participant("PA_a", State::Disconnected, true)]);
        assert!(publishers.none_since.is_some());
        publishers.update(&[participant("PA_b", State::Active, true)]);
        assert_eq!(publishers.none_since, None, "it is back");
        publishers.update(&[participant("PA_a", State::Disconnected, true)]);
        assert_eq!(publishers.none_since, None, "that was the one before");
        publishers.update(&[participant("PA_c", State::Active, false)]);
        assert!(publishers.none_since.is_some(), "replaced, without video");
    }
}
