// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A request that the endpoint receives: it is checked strictly, and its pictures are decoded.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use super::endpoint::{MODELS, VLM_KEY};

/// A request that the endpoint has received.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    pub body: Value,
    pub pictures: Vec<Picture>,
    /// The role and the text of each message.
    pub texts: Vec<(String, String)>,
    /// The number of other requests at the same time.
    pub concurrent: usize,
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// The colour near a corner, outside the QR code: red, green, blue.
    pub corner: [u8; 3],
    /// The text of the QR code.
    pub code: Option<String>,
}

pub fn authorized(headers: &HeaderMap) -> Result<(), String> {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|given| given.to_str().ok());
    if given == Some(&format!("Bearer {VLM_KEY}")) {
        Ok(())
    } else {
        Err(format!("the key is {given:?}"))
    }
}

/// Parses and checks a request. The error says what is wrong with it.
pub fn parse(headers: &HeaderMap, body: &Bytes) -> Result<ModelRequest, String> {
    authorized(headers)?;
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        return Err(format!("the content type is {kind:?}"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let fields = body.as_object().ok_or("no object")?;
    for (field, value) in fields {
        let is_valid = match field.as_str() {
            "model" => MODELS.iter().any(|model| value == model),
            "messages" => value.as_array().is_some_and(|all| !all.is_empty()),
            "max_tokens" => value.as_u64().is_some_and(|tokens| tokens > 0),
            "temperature" => value.is_number(),
            "stream" => value.is_boolean(),
            "stream_options" => value.is_object(),
            "response_format" => {
                let schema = &value["json_schema"];
                value["type"] == "json_schema"
                    && schema["name"].is_string()
                    && schema["schema"].is_object()
            }
            _ => false,
        };
        if !is_valid {
            return Err(format!("`{field}` is {value}"));
        }
    }
    if !fields.contains_key("model") || !fields.contains_key("messages") {
        return Err("the model or the messages are missing".to_owned());
    }
    let (mut pictures, mut texts) = (Vec::new(), Vec::new());
    for message in body["messages"].as_array().into_iter().flatten() {
        let role = message["role"].as_str().ok_or("no role")?.to_owned();
        let mut lines = Vec::new();
        match &message["content"] {
            Value::String(text) => lines.push(text.clone()),
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("text") => lines.push(part["text"].as_str().ok_or("no text")?.into()),
                        Some("image_url") => pictures.push(picture(&part["image_url"]["url"])?),
                        _ => return Err(format!("a part is {part}")),
                    }
                }
            }
            other => return Err(format!("a content is {other}")),
        }
        texts.push((role, lines.join("\n")));
    }
    Ok(ModelRequest {
        body,
        pictures,
        texts,
        concurrent: 0,
    })
}

/// Decodes the picture in a data URL.
fn picture(url: &Value) -> Result<Picture, String> {
    let data = url
        .as_str()
        .and_then(|url| url.strip_prefix("data:image/jpeg;base64,"));
    let data = data.ok_or_else(|| format!("a picture has the URL {url}"))?;
    let jpeg = STANDARD.decode(data).map_err(|error| error.to_string())?;
    let mut decoder = JpegDecoder::new(ZCursor::new(&jpeg));
    let rgb = decoder.decode().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    let pixel = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    };
    let grey = |x: usize, y: usize| {
        let [r, g, b] = pixel(x, y).map(u32::from);
        ((r * 3 + g * 6 + b) / 10) as u8
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    Ok(Picture {
        width,
        height,
        corner: pixel(width / 16, height / 16),
        code: grids
            .iter()
            .find_map(|grid| grid.decode().ok())
            .map(|(_, text)| text),
    })
}
