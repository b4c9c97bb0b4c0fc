//! The frames that a question names, and what can be said about them (rules 21 and 23).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::records::snapshot::{Mode, Named, NamedFrame};
use crate::service::stream::Live;
use crate::v1::V1;
use crate::v1::chat_request::Media;
use crate::v1::error::{Code, Refusal};
use crate::v1::history::{Kept, Selection};
use crate::v1::ovs_url::{Kind, Reference};
use crate::v1::stream::Pull;
use crate::vision::engine::{Ocr, Trouble};
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::{Sight, Taken};

/// One part of a question, resolved.
pub(crate) struct Looked {
    pub live: Arc<Live>,
    pub pull: Arc<Pull>,
    url: String,
    kind: Kind,
    selection: Selection,
}

impl Looked {
    /// What that part stands for now.
    pub(crate) fn at(api: &V1, owner: &str, media: &Media) -> Result<Self, Refusal> {
        let Some(reference) = Reference::parse(&media.url, media.kind) else {
            let scheme = media.url.split(':').next().unwrap_or_default();
            let scheme: String = scheme.chars().take(16).collect();
            return Err(Refusal::upstream(format!(
                "only ovs:// URLs can be looked at here, and this one is {scheme}:…"
            )));
        };
        let Reference { stream_id, query } = reference?;
        let not_found = || {
            let message = format!("Stream not found: {stream_id}");
            Refusal::chat(Code::StreamNotFound, message)
        };
        let (live, pull) = api.find(&stream_id).ok_or_else(not_found)?;
        if live.owner != owner {
            let message = format!("Not your stream: {stream_id}");
            return Err(Refusal::chat(Code::StreamUnauthorized, message));
        }
        if live.over.is_cancelled() {
            return Err(not_found());
        }
        let selection = pull.history.select(&query)?;
        Ok(Looked {
            live,
            pull,
            url: media.url.clone(),
            kind: media.kind,
            selection,
        })
    }

    pub(crate) fn frames(&self) -> &[Arc<Kept>] {
        &self.selection.frames
    }

    /// What is known of its frames.
    fn taken(&self) -> Taken {
        let before = self.selection.before.iter();
        let frames = before.chain(self.frames());
        Taken {
            mode: match self.kind {
                Kind::Image => Mode::Frame,
                Kind::Video => Mode::Clip,
            },
            frames: frames.map(|kept| kept.seen.clone()).collect(),
            fps: self.selection.fps,
        }
    }

    /// At most so many of its pictures.
    pub(crate) async fn pictures(&self, most: usize) -> Vec<Jpeg> {
        self.taken().pictures(most).await
    }

    /// For the record.
    pub(crate) fn named(&self) -> Named {
        let frames = self.frames().iter().map(|kept| {
            let codes = kept.seen.codes.as_ref();
            NamedFrame {
                index: kept.index,
                stream_time_ms: kept.time_ms,
                rtp_time: kept.seen.rtp_time,
                code: codes.and_then(|codes| codes.get()?.first().cloned()),
            }
        });
        Named {
            url: self.url.clone(),
            stream_id: self.live.id.clone(),
            frames: frames.collect(),
        }
    }

    /// For the answer: which frames it is about.
    pub(crate) fn summary(&self) -> Value {
        let place = |kept: Option<&Arc<Kept>>| {
            kept.map(|kept| json!({"frame_index": kept.index, "timestamp_ms": kept.time_ms}))
        };
        json!({
            "stream_id": self.live.id,
            "frame_count": self.frames().len(),
            "first": place(self.frames().first()),
            "last": place(self.frames().last()),
        })
    }
}

/// What the measures say of each part.
pub(crate) async fn measured(looked: &[Looked]) -> Vec<Sight> {
    let mut sights = Vec::new();
    for taken in looked.iter().map(Looked::taken) {
        taken.read().await;
        sights.extend(taken.sight());
    }
    sights
}

/// The text in the newest picture of each part.
pub(crate) async fn read(looked: &[Looked], ocr: &Ocr) -> Result<Vec<Sight>, Trouble> {
    let mut sights = Vec::new();
    for taken in looked.iter().map(Looked::taken) {
        let picture = taken.pictures(1).await.pop();
        if let (Some(sight), Some(picture)) = (taken.sight(), picture) {
            let read = Some(ocr.read(picture).await?);
            sights.push(Sight { read, ..sight });
        }
    }
    Ok(sights)
}

/// All that was named, in words: a line for each part, numbered where there are several.
pub(crate) fn words(sights: &[Sight]) -> String {
    match sights {
        [] => "No picture of a stream was named, and there is nothing else to describe.".to_owned(),
        [one] => one.text(),
        several => {
            let lines = several.iter().enumerate();
            let lines: Vec<String> = lines
                .map(|(n, sight)| format!("{}. {}", n + 1, sight.text()))
                .collect();
            lines.join("\n")
        }
    }
}

/// All that was named, as one sight for an output schema.
pub(crate) fn whole(looked: &[Looked], sights: &[Sight]) -> Option<Sight> {
    if let [one] = sights {
        return Some(one.clone());
    }
    let frames = looked.iter().flat_map(Looked::frames);
    let taken = Taken {
        mode: Mode::Clip,
        frames: frames.map(|kept| kept.seen.clone()).collect(),
        fps: None,
    };
    let read: Option<Vec<&str>> = sights.iter().map(|sight| sight.read.as_deref()).collect();
    let sight = taken.sight()?;
    Some(Sight {
        // From one part to the next there is no motion that anybody saw.
        motion: None,
        read: read.map(|texts| texts.join("\n")),
        ..sight
    })
}
