// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The frames that a question names, and what the answer says about them.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::records::snapshot::{Mode, Named, NamedFrame};
use crate::service::live_stream::LiveStream;
use crate::v1::chat_request::Media;
use crate::v1::error::{Code, V1Error};
use crate::v1::history::{HistoryFrame, Selection};
use crate::v1::ovs_url::{Kind, OvsUrl};
use crate::v1::stream_state::V1StreamState;
use crate::v1::{V1, data_url};
use crate::vision::engine::{EngineError, Ocr};
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::{AnswerFrames, Observation};
use crate::vision::still;

/// One picture or clip of a question, with its frames.
pub(crate) struct NamedMedia {
    /// `None`: a picture that came in the question.
    pub stream: Option<NamedStream>,
    url: String,
    kind: Kind,
    selection: Selection,
}

/// The stream of a picture or clip.
pub(crate) struct NamedStream {
    pub live: Arc<LiveStream>,
    pub state: Arc<V1StreamState>,
}

impl NamedMedia {
    /// Finds the frames that a part of the question stands for now.
    pub(crate) async fn resolve(api: &V1, owner: &str, media: &Media) -> Result<Self, V1Error> {
        match (
            OvsUrl::parse(&media.url, media.kind),
            data_url::picture(&media.url),
        ) {
            (Some(reference), _) => Self::of_stream(api, owner, media, reference?),
            (None, Some(picture)) => Self::sent(media, picture.map_err(V1Error::upstream)?).await,
            (None, None) => {
                let scheme = media.url.split(':').next().unwrap_or_default();
                let scheme: String = scheme.chars().take(16).collect();
                Err(V1Error::upstream(format!(
                    "only ovs:// and data: URLs are supported here, but this one is {scheme}:…"
                )))
            }
        }
    }

    /// A picture that came in the question.
    async fn sent(media: &Media, picture: Vec<u8>) -> Result<Self, V1Error> {
        // Decoding takes some milliseconds. If the decoder panics, the picture cannot be read.
        let measured = spawn_blocking(move || still::measure(picture)).await;
        let measured = measured.unwrap_or_else(|_| Err("it cannot be decoded".to_owned()));
        let measured =
            measured.map_err(|why| V1Error::upstream(format!("cannot read the picture: {why}")))?;
        Ok(NamedMedia {
            stream: None,
            url: data_url::shortened(&media.url),
            kind: media.kind,
            selection: Selection {
                frames: vec![Arc::new(HistoryFrame::sent(measured))],
                before: None,
                fps: None,
            },
        })
    }

    fn of_stream(api: &V1, owner: &str, media: &Media, reference: OvsUrl) -> Result<Self, V1Error> {
        let OvsUrl { stream_id, query } = reference;
        let not_found = || {
            let message = format!("Stream not found: {stream_id}");
            V1Error::chat(Code::StreamNotFound, message)
        };
        let (live, state) = api.find(&stream_id).ok_or_else(not_found)?;
        if live.owner != owner {
            let message = format!("Not your stream: {stream_id}");
            return Err(V1Error::chat(Code::StreamUnauthorized, message));
        }
        if live.end_token.is_cancelled() {
            return Err(not_found());
        }
        let selection = state.history.select(&query)?;
        Ok(NamedMedia {
            stream: Some(NamedStream { live, state }),
            url: media.url.clone(),
            kind: media.kind,
            selection,
        })
    }

    pub(crate) fn frames(&self) -> &[Arc<HistoryFrame>] {
        &self.selection.frames
    }

    /// The frames with their measures.
    fn answer_frames(&self) -> AnswerFrames {
        let before = self.selection.before.iter();
        let frames = before.chain(self.frames());
        AnswerFrames {
            mode: match self.kind {
                Kind::Image => Mode::Frame,
                Kind::Video => Mode::Clip,
            },
            frames: frames.map(|kept| kept.measured.clone()).collect(),
            fps: self.selection.fps,
        }
    }

    /// At most `max` of its pictures.
    pub(crate) async fn pictures(&self, max: usize) -> Vec<Jpeg> {
        self.answer_frames().pictures(max).await
    }

    /// For the record.
    pub(crate) fn record(&self) -> Named {
        let frames = self.frames().iter().map(|kept| {
            let codes = kept.measured.codes.as_ref();
            NamedFrame {
                index: kept.index,
                stream_time_ms: kept.time_ms,
                rtp_time: kept.measured.rtp_time,
                code: codes.and_then(|codes| codes.get()?.first().cloned()),
            }
        });
        Named {
            url: self.url.clone(),
            stream_id: self.stream_id().unwrap_or_default().to_owned(),
            frames: frames.collect(),
        }
    }

    pub(crate) fn stream_id(&self) -> Option<&str> {
        self.stream.as_ref().map(|stream| stream.live.id.as_str())
    }

    /// For the answer: which frames of a stream it is about.
    pub(crate) fn summary(&self) -> Option<Value> {
        let stream_id = self.stream_id()?;
        let place = |kept: Option<&Arc<HistoryFrame>>| {
            kept.map(|kept| json!({"frame_index": kept.index, "timestamp_ms": kept.time_ms}))
        };
        Some(json!({
            "stream_id": stream_id,
            "frame_count": self.frames().len(),
            "first": place(self.frames().first()),
            "last": place(self.frames().last()),
        }))
    }
}

/// The measures of each part.
pub(crate) async fn observe(media: &[NamedMedia]) -> Vec<Observation> {
    let mut observations = Vec::new();
    for frames in media.iter().map(NamedMedia::answer_frames) {
        frames.read_codes().await;
        observations.extend(frames.observe());
    }
    observations
}

/// The text in the newest picture of each part.
pub(crate) async fn read(media: &[NamedMedia], ocr: &Ocr) -> Result<Vec<Observation>, EngineError> {
    let mut observations = Vec::new();
    for frames in media.iter().map(NamedMedia::answer_frames) {
        let picture = frames.pictures(1).await.pop();
        if let (Some(observation), Some(picture)) = (frames.observe(), picture) {
            let read = Some(ocr.read(picture).await?);
            observations.push(Observation {
                read,
                ..observation
            });
        }
    }
    Ok(observations)
}

/// Describes all parts in words: one line for each, numbered if there are several.
pub(crate) fn describe(observations: &[Observation]) -> String {
    match observations {
        [] => "No picture of a stream was named, and there is nothing else to describe.".to_owned(),
        [one] => one.text(),
        several => {
            let lines = several.iter().enumerate();
            let lines: Vec<String> = lines
                .map(|(n, observation)| format!("{}. {}", n + 1, observation.text()))
                .collect();
            lines.join("\n")
        }
    }
}

/// Combines all parts into one observation, for an output schema.
pub(crate) fn combine(media: &[NamedMedia], observations: &[Observation]) -> Option<Observation> {
    if let [one] = observations {
        return Some(one.clone());
    }
    let frames = media.iter().flat_map(NamedMedia::frames);
    let frames = AnswerFrames {
        mode: Mode::Clip,
        frames: frames.map(|kept| kept.measured.clone()).collect(),
        fps: None,
    };
    let read: Option<Vec<&str>> = observations
        .iter()
        .map(|observation| observation.read.as_deref())
        .collect();
    let observation = frames.observe()?;
    Some(Observation {
        // Different parts are not successive pictures, so there is no motion between them.
        motion: None,
        read: read.map(|texts| texts.join("\n")),
        ..observation
    })
}
