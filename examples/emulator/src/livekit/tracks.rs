// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The tracks that a publisher announces: `AddTrackRequest` in, `TrackInfo` out.

use livekit_protocol as proto;
use proto::request_response::Reason;
use proto::signal_response::Message;

use super::livekit_id;

/// livekit-server's `cMaxPendingTracks`; here it is the limit of one participant.
const MAX_TRACKS: usize = 64;

/// The tracks of a participant, in the order of their announcement.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    known: Vec<Track>,
}

#[derive(Debug)]
struct Track {
    cid: String,
    info: proto::TrackInfo,
}

impl Tracks {
    /// Handles an announcement, like livekit-server's `AddTrack`.
    pub(crate) fn add(
        &mut self,
        request: proto::AddTrackRequest,
        may_publish: bool,
        enabled: &[String],
    ) -> Message {
        if !may_publish {
            return refused(Reason::NotAllowed, request);
        }
        let kind = proto::TrackType::try_from(request.r#type);
        if !matches!(kind, Ok(proto::TrackType::Audio | proto::TrackType::Video)) {
            return refused(Reason::UnsupportedType, request);
        }
        if !request.sid.is_empty() {
            // Another codec of a known track.
            let known = self
                .known
                .iter()
                .find(|track| track.info.sid == request.sid);
            return match known {
                Some(track) => published(request.cid, track.info.clone()),
                None => refused(Reason::NotFound, request),
            };
        }
        if self.known.len() >= MAX_TRACKS {
            return refused(Reason::LimitExceeded, request);
        }
        if self.known.iter().any(|track| track.cid == request.cid) {
            return refused(Reason::Queued, request);
        }
        let info = info(&request, enabled);
        self.known.push(Track {
            cid: request.cid.clone(),
            info: info.clone(),
        });
        published(request.cid, info)
    }

    pub(crate) fn infos(&self) -> Vec<proto::TrackInfo> {
        self.known.iter().map(|track| track.info.clone()).collect()
    }

    /// The video tracks.
    pub(crate) fn videos(&self) -> impl Iterator<Item = &proto::TrackInfo> {
        let infos = self.known.iter().map(|track| &track.info);
        infos.filter(|info| info.r#type == proto::TrackType::Video as i32)
    }
}

fn published(cid: String, info: proto::TrackInfo) -> Message {
    Message::TrackPublished(proto::TrackPublishedResponse {
        cid,
        track: Some(info),
    })
}

fn refused(reason: Reason, request: proto::AddTrackRequest) -> Message {
    Message::RequestResponse(proto::RequestResponse {
        reason: reason as i32,
        request: Some(proto::request_response::Request::AddTrack(request)),
        ..proto::RequestResponse::default()
    })
}

// These fields are deprecated, but current clients read them: `simulcast`, `layers`.
#[allow(deprecated)]
fn info(request: &proto::AddTrackRequest, enabled: &[String]) -> proto::TrackInfo {
    let is_video = request.r#type == proto::TrackType::Video as i32;
    let mut codecs: Vec<proto::SimulcastCodecInfo> = Vec::new();
    for codec in &request.simulcast_codecs {
        let mime = mime(&codec.codec, is_video, enabled);
        if mime.is_empty() || codecs.iter().any(|known| known.mime_type == mime) {
            continue;
        }
        codecs.push(proto::SimulcastCodecInfo {
            mime_type: mime,
            cid: codec.cid.clone(),
            layers: layers(if codec.layers.is_empty() {
                &request.layers
            } else {
                &codec.layers
            }),
            video_layer_mode: codec.video_layer_mode,
            ..proto::SimulcastCodecInfo::default()
        });
    }
    let simulcast = codecs.first().is_some_and(|codec| codec.layers.len() > 1);
    if request.simulcast_codecs.is_empty() {
        codecs.push(proto::SimulcastCodecInfo {
            cid: request.cid.clone(),
            layers: layers(&request.layers),
            ..proto::SimulcastCodecInfo::default()
        });
    }
    proto::TrackInfo {
        sid: livekit_id(if is_video { "TR_V" } else { "TR_A" }),
        r#type: request.r#type,
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast,
        source: request.source,
        layers: layers(&request.layers),
        codecs,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: if request.stream.is_empty() {
            "camera".to_owned()
        } else {
            request.stream.clone()
        },
        backup_codec_policy: request.backup_codec_policy,
        ..proto::TrackInfo::default()
    }
}

/// The media type of a codec. A codec that is not accepted is replaced by the first accepted one.
fn mime(codec: &str, is_video: bool, enabled: &[String]) -> String {
    if !is_video {
        return if codec.contains('/') {
            codec.to_owned()
        } else {
            format!("audio/{codec}")
        };
    }
    let name = codec.rsplit('/').next().unwrap_or(codec);
    let wanted = format!("video/{}", name.to_ascii_uppercase());
    let taken = enabled.iter().find(|mime| **mime == wanted);
    taken.or(enabled.first()).cloned().unwrap_or_default()
}

fn layers(layers: &[proto::VideoLayer]) -> Vec<proto::VideoLayer> {
    let mut layers = layers.to_vec();
    layers.sort_by_key(|layer| layer.quality);
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cid: &str) -> proto::AddTrackRequest {
        proto::AddTrackRequest {
            cid: cid.to_owned(),
            r#type: proto::TrackType::Video as i32,
            simulcast_codecs: vec![proto::SimulcastCodec {
                codec: "vp8".to_owned(),
                cid: cid.to_owned(),
                ..proto::SimulcastCodec::default()
            }],
            ..proto::AddTrackRequest::default()
        }
    }

    fn enabled() -> Vec<String> {
        vec!["video/H264".to_owned(), "video/VP8".to_owned()]
    }

    fn reason(message: Message) -> Reason {
        match message {
            Message::RequestResponse(response) => response.reason(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_video_track_is_published_once() {
        let mut tracks = Tracks::default();
        let Message::TrackPublished(response) = tracks.add(request("a"), true, &enabled()) else {
            panic!("not published");
        };
        let info = response.track.expect("its info");
        assert_eq!(response.cid, "a");
        assert!(info.sid.starts_with("TR_V") && info.sid.len() == 16);
        assert_eq!(info.codecs[0].mime_type, "video/VP8");
        assert_eq!(tracks.videos().count(), 1);
        let again = tracks.add(request("a"), true, &enabled());
        assert_eq!(reason(again), Reason::Queued);
    }

    #[test]
    fn others_are_rejected() {
        let mut tracks = Tracks::default();
        let refused = tracks.add(request("a"), false, &enabled());
        assert_eq!(reason(refused), Reason::NotAllowed);
        let mut data = request("b");
        data.r#type = proto::TrackType::Data as i32;
        assert_eq!(
            reason(tracks.add(data, true, &enabled())),
            Reason::UnsupportedType
        );
        let mut more = request("c");
        more.sid = "TR_nobody".to_owned();
        assert_eq!(reason(tracks.add(more, true, &enabled())), Reason::NotFound);
    }

    #[test]
    fn a_codec_that_is_not_accepted_is_replaced() {
        assert_eq!(mime("video/av1", true, &enabled()), "video/H264");
        assert_eq!(mime("h264", true, &enabled()), "video/H264");
        assert_eq!(mime("opus", false, &enabled()), "audio/opus");
    }
}
