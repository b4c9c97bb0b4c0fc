// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Passes questions on to a vision model, and returns its answers.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::http::request::IncomingRequest;
use crate::v1::error::V1Error;
use crate::v1::proxied_question::ProxiedQuestion;
use crate::v1::proxied_stream::ProxiedStream;
use crate::vision::engine::EngineError;
use crate::vision::engine::vlm::{self, Completion, Vlm};
use crate::vision::jpeg::Jpeg;

/// Asks the model, and returns its answer as the response.
pub(crate) async fn answer(
    incoming: &IncomingRequest,
    vlm: &Vlm,
    question: ProxiedQuestion,
) -> Result<Response, V1Error> {
    let error = |error| V1Error::engine(&error);
    let model = vlm
        .model_for(&question.request.model)
        .await
        .map_err(error)?;
    let body = request(&incoming.body, model, &question).await?;
    if question.request.chunks {
        let turn = vlm.permit().await.map_err(error)?;
        let response = vlm.ask(&body).await.map_err(error)?;
        if is_event_stream(&response) {
            let chunks = ProxiedStream::new(vlm.clone(), response, turn, question);
            return Ok(chunks.into_response());
        }
        // Some endpoints answer in one piece, above all with an error.
        return whole(vlm.completion(response).await, question);
    }
    let (done, _) = vlm.complete(&body).await;
    whole(done, question)
}

fn is_event_stream(response: &reqwest::Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind.starts_with("text/event-stream")
}

/// The response to an answer in one piece.
fn whole(
    done: Result<Completion, EngineError>,
    question: ProxiedQuestion,
) -> Result<Response, V1Error> {
    let done = done.map_err(|error| V1Error::engine(&error))?;
    (question.record_answer)(&question.request, &question.media, &done.content);
    let mut body = done.body;
    body.insert("overshoot".to_owned(), question.overshoot());
    Ok(Json(Value::Object(body)).into_response())
}

/// The client's request as sent to the endpoint: pictures replace the `ovs://` URLs.
async fn request(body: &[u8], model: String, question: &ProxiedQuestion) -> Result<Value, V1Error> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| V1Error::invalid(&[], format!("JSON decode error: {error}")))?;
    let mut pictures = Vec::new();
    for media in &question.media {
        pictures.push(media.pictures(vlm::MAX_PICTURES).await);
    }
    let Value::Object(mut body) = body else {
        return Err(V1Error::invalid(&[], "Input should be an object"));
    };
    body.insert("model".to_owned(), json!(model));
    // Only the service knows this field. A strict endpoint would reject it.
    body.remove("thread_id");
    // As in `VlmRequest::body`.
    if let Some(most) = question.request.max_tokens {
        body.remove("max_completion_tokens");
        body.insert("max_tokens".to_owned(), json!(most));
    }
    insert_pictures(&mut body, pictures);
    Ok(Value::Object(body))
}

/// Replaces each `ovs://` part with its pictures, in the order of the request.
fn insert_pictures(body: &mut Map<String, Value>, pictures: Vec<Vec<Jpeg>>) {
    let mut pictures = pictures.into_iter();
    let messages = body.get_mut("messages").and_then(Value::as_array_mut);
    for message in messages.into_iter().flatten() {
        let Some(Value::Array(parts)) = message.get_mut("content") else {
            continue;
        };
        let shown = std::mem::take(parts).into_iter().flat_map(|part| {
            if !is_reference(&part) {
                return vec![part];
            }
            let shown = pictures.next().unwrap_or_default();
            shown.iter().map(|jpeg| vlm::image(jpeg)).collect()
        });
        *parts = shown.collect();
    }
}

fn is_reference(part: &Value) -> bool {
    let kind = part.get("type").and_then(Value::as_str);
    let kind = kind.filter(|kind| matches!(*kind, "image_url" | "video_url"));
    let url = kind.and_then(|kind| part.get(kind)?.get("url")?.as_str());
    url.is_some_and(super::ovs_url::is_ovs_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_replace_ovs_urls_in_place() {
        let media = |kind: &str, url: &str| json!({"type": kind, kind: {"url": url}});
        let text = |text: &str| json!({"type": "text", "text": text});
        let body = json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                text("one"),
                media("video_url", "ovs://streams/a?start_offset_ms=-1000"),
                media("image_url", "https://models.example/a.png"),
                media("image_url", "ovs://streams/a?frame_index=-1"),
                text("two"),
            ]},
        ]});
        let Value::Object(mut body) = body else {
            panic!("an object");
        };
        let jpeg = |byte: u8| Jpeg::from([byte].as_slice());
        insert_pictures(&mut body, vec![vec![jpeg(1), jpeg(2)], vec![jpeg(3)]]);
        assert_eq!(
            body["messages"],
            json!([
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [
                    text("one"),
                    media("image_url", "data:image/jpeg;base64,AQ=="),
                    media("image_url", "data:image/jpeg;base64,Ag=="),
                    media("image_url", "https://models.example/a.png"),
                    media("image_url", "data:image/jpeg;base64,Aw=="),
                    text("two"),
                ]},
            ])
        );
    }
}
