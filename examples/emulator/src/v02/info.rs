// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the service knows about a stream, and a token to watch it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Json;
use serde_json::{Value, json};

use crate::http::request::{ApiResponse, IncomingRequest};
use crate::records::snapshot::Source;
use crate::v02::error::V02Error;
use crate::v02::streams::state_name;
use crate::v02::{V02, key};

/// `fps` counts the frames of this period.
const FPS_WINDOW: Duration = Duration::from_secs(2);
/// Pictures are made smaller than this for the model.
const MAX_EFFECTIVE_SIZE: [u32; 2] = [1280, 720];

pub(super) fn info(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let (live, state) = api.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    let seen = incoming.app.config.control.snapshot();
    let (mut frames, mut answers) = (&[][..], &[][..]);
    let mut source = "native";
    if let Some(stream) = seen.stream(&live.id) {
        (frames, answers) = (&stream.frames, &stream.answers);
        source = match stream.source {
            Source::Webrtc => "webrtc",
            Source::Livekit if live.room.get().is_none() => "livekit",
            Source::Livekit => source,
        };
    }
    let uptime = live.created.elapsed();
    let recent = frames.iter().rev();
    let recent = recent
        .take_while(|frame| frame.at.elapsed() < FPS_WINDOW)
        .count();
    let size = frames.last().map(|frame| [frame.width, frame.height]);
    let effective = size.map(effective_size);
    let answers: Vec<Value> = answers
        .iter()
        .filter_map(|answer| serde_json::from_str(&answer.text).ok())
        .collect();
    let failed = answers
        .iter()
        .filter(|answer| answer["ok"] == false)
        .count() as u64;
    let latency = answers
        .last()
        .and_then(|answer| answer["inference_latency_ms"].as_f64());
    Ok(Json(json!({
        "source_type": source,
        "state": state_name(&live, &state),
        "uptime_seconds": uptime.as_secs_f64(),
        "fps": recent as f64 / FPS_WINDOW.min(uptime).as_secs_f64(),
        "frame_width": size.map(|[width, _]| width),
        "frame_height": size.map(|[_, height]| height),
        "effective_width": effective.map(|[width, _]| width),
        "effective_height": effective.map(|[_, height]| height),
        "inferences_completed": state.answers.load(Relaxed).saturating_sub(failed),
        "inferences_failed": failed,
        "last_inference_latency_seconds": latency.map(|ms| ms / 1_000.0),
    }))
    .into())
}

fn effective_size([width, height]: [u32; 2]) -> [u32; 2] {
    let [max_width, max_height] = MAX_EFFECTIVE_SIZE.map(f64::from);
    let scale = (max_width / f64::from(width)).min(max_height / f64::from(height));
    [width, height].map(|side| (f64::from(side) * scale.min(1.0)).round() as u32)
}

/// A token to watch the room that was made for a stream.
pub(super) fn spectate(api: &V02, incoming: &IncomingRequest) -> Result<ApiResponse, V02Error> {
    let owner = key(incoming)?;
    let (live, _) = api.find_alive(&incoming.id, Some(&owner), &incoming.parts.headers)?;
    if live.room.get().is_none() {
        return Err(V02Error::invalid(
            "source",
            "only streams in a room of the service can be watched",
        ));
    }
    let (access, _) = api.rooms.viewer_access(incoming, &live);
    Ok(Json(json!({"livekit": {"url": access.url, "token": access.token}})).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_are_made_smaller() {
        for (size, effective) in [
            ([320, 240], [320, 240]),
            ([1280, 720], [1280, 720]),
            ([3840, 2160], [1280, 720]),
            ([1080, 1920], [405, 720]),
        ] {
            assert_eq!(effective_size(size), effective, "{size:?}");
        }
    }
}
