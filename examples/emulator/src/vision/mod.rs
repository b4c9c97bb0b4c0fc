// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Vision: what answers say about pictures. Measures and QR codes, OCR, vision models, and JSON that fits an
//! output schema. Nothing here knows a stream, a call or a network peer.
//!
//! - **Measures never invent.** An answer has the decoded size, the frame rate by the RTP timestamps of the last
//!   second, the mean colour and its name, the brightness, the mean change from one picture to the next, and
//!   the texts of QR codes. What is not known is omitted.
//! - **Output schemas** get JSON that fits. A property with the name of an observation (`width`, `height`, `fps`,
//!   `frame_rate`, `color`, `brightness`, `motion`, `moving`, `position` (of the bright part: `up left`), `qr`,
//!   `codes`, `text`, `description`, `count`, …) holds it. Other required properties hold the smallest value
//!   that fits, other optional ones are omitted. An answer that is no object, and the items of an array, hold what
//!   suits their type: the description (string, or any), whether something moves (boolean), the brightness
//!   (number), the number of frames (integer). If the JSON is longer than the allowed tokens, optional
//!   properties are omitted and strings are shortened; if that is not enough, it is truncated.
//! - **Engines** ([`Engine`](engine::Engine)) replace the measures as the source of answers. They get JPEGs of
//!   quality 85, at most 1920 pixels wide. On v0.2 the pictures are kept as long as an answer can be about them,
//!   at most about 64 for a clip. Every model name is accepted: answers and `GET /models` name the model that
//!   answers. `inference_latency_ms` is the engine's time. While the engine works on as many answers of a stream
//!   as it may, ticks are skipped. Without an answer from the engine, an answer of v0.2 has `ok` false and the
//!   reason in `error`, and the stream goes on.
//! - **OCR** ([`Engine::Ocr`](engine::Engine::Ocr)) answers with the text of the newest named picture, line by
//!   line, as tesseract reads it: the words that it is confident of, within 20 s. In an output schema `text`,
//!   `description`, `summary` and `answer`, or else the only string, hold it.
//! - **A vision model** ([`Engine::Vlm`](engine::Engine::Vlm)) is asked with OpenAI's chat completions. On v0.2
//!   it gets up to 8 pictures, spread over the clip, the unchanged prompt, `max_tokens`, and an output schema as
//!   `response_format`. The model is the one in the settings, else the requested one if the endpoint lists it,
//!   else the first of its list. A limited number of questions is asked at a time, in turn.

pub(crate) mod answer_text;
pub(crate) mod colour;
pub(crate) mod engine;
pub(crate) mod jpeg;
pub(crate) mod lazy;
pub(crate) mod measures;
pub(crate) mod model;
pub(crate) mod observation;
pub(crate) mod schema_check;
pub(crate) mod schema_fill;
mod schema_values;
pub(crate) mod still;
