// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Parses `ovs://` URLs.

use std::collections::HashMap;
use std::str::FromStr;

use crate::v1::error::{Code, V1Error};

const PREFIX: &str = "ovs://streams/";
/// How many characters of a bad URL an error repeats.
const MAX_URL_CHARACTERS: usize = 200;
const DEFAULT_TOLERANCE_MS: u64 = 100;
const DEFAULT_MAX_FPS: f64 = 1.0;

/// The type of the part that contains the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Video,
}

/// A parsed URL: some frames of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OvsUrl {
    pub stream_id: String,
    pub query: Query,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Query {
    Image(Image),
    Video(Video),
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Image {
    pub at: Anchor,
    pub tolerance_ms: u64,
    pub direction: Direction,
}

/// The frames from `start` up to, but not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Video {
    pub start: Anchor,
    /// `None`: until now.
    pub end: Option<Anchor>,
    pub max_fps: f64,
}

/// A position in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// A lifetime index; a negative one counts back from the newest frame.
    Index(i64),
    /// Milliseconds since the first frame.
    Time(i64),
    /// Milliseconds. A negative offset counts back from the newest frame, any other forward from the oldest
    /// frame in the history.
    Offset(i64),
}

/// In which direction to search for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Nearest,
    Forward,
    Backward,
}

impl OvsUrl {
    /// Parses a URL in a part of this kind. `None`: it is not an `ovs://` URL.
    pub(crate) fn parse(url: &str, kind: Kind) -> Option<Result<Self, V1Error>> {
        is_ovs_url(url).then(|| parse(url, kind))
    }
}

/// Whether it is an `ovs://` URL, valid or not.
pub(crate) fn is_ovs_url(url: &str) -> bool {
    url.starts_with("ovs:")
}

fn parse(url: &str, kind: Kind) -> Result<OvsUrl, V1Error> {
    let bad_url = || {
        let shown: String = url.chars().take(MAX_URL_CHARACTERS).collect();
        let message = format!("Invalid stream URL: {shown} is not {PREFIX}<id>?<query>");
        V1Error::chat(Code::StreamUrlInvalid, message)
    };
    let rest = url.strip_prefix(PREFIX).ok_or_else(bad_url)?;
    let (stream_id, query) = rest.split_once('?').unwrap_or((rest, ""));
    if stream_id.is_empty() || stream_id.contains(['/', '#']) || query.contains('#') {
        return Err(bad_url());
    }
    let mut params = Params::read(query)?;
    let query = match kind {
        Kind::Image => Query::Image(Image {
            at: params.anchor("")?.ok_or_else(|| {
                bad("exactly one of frame_index, timestamp_ms and offset_ms is required")
            })?,
            tolerance_ms: match params.number::<u64>("tolerance_ms")? {
                None => DEFAULT_TOLERANCE_MS,
                Some(0) => return Err(bad("tolerance_ms must be more than 0")),
                Some(tolerance) => tolerance,
            },
            direction: params.direction()?,
        }),
        Kind::Video => Query::Video(Video {
            start: params.anchor("start_")?.ok_or_else(|| {
                bad("one of start_frame_index, start_timestamp_ms and start_offset_ms is required")
            })?,
            end: params.anchor("end_")?,
            max_fps: match params.number::<f64>("max_fps")? {
                None => DEFAULT_MAX_FPS,
                Some(fps) if fps.is_finite() && fps > 0.0 => fps,
                Some(_) => return Err(bad("max_fps must be more than 0")),
            },
        }),
    };
    params.check_all_read(kind)?;
    Ok(OvsUrl {
        stream_id: stream_id.to_owned(),
        query,
    })
}

fn bad(message: impl Into<String>) -> V1Error {
    V1Error::chat(Code::QueryParamInvalid, message)
}

type Make = fn(i64) -> Anchor;

/// The parameters that were not read yet.
struct Params(HashMap<String, String>);

impl Params {
    fn read(query: &str) -> Result<Self, V1Error> {
        let mut params = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if params.insert(name.to_string(), value.into()).is_some() {
                return Err(bad(format!("{name} is given twice")));
            }
        }
        Ok(Params(params))
    }

    fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, V1Error> {
        let Some(text) = self.0.remove(name) else {
            return Ok(None);
        };
        let number = text.parse();
        number
            .map(Some)
            .map_err(|_| bad(format!("{name}={text} is not a valid number")))
    }

    /// The only anchor whose parameter has this prefix.
    fn anchor(&mut self, prefix: &str) -> Result<Option<Anchor>, V1Error> {
        let kinds: [(&str, Make); 3] = [
            ("frame_index", Anchor::Index),
            ("timestamp_ms", Anchor::Time),
            ("offset_ms", Anchor::Offset),
        ];
        let mut found = None;
        for (kind, anchor) in kinds {
            let name = format!("{prefix}{kind}");
            let Some(number) = self.number(&name)? else {
                continue;
            };
            if found.replace(anchor(number)).is_some() {
                return Err(bad(format!(
                    "{name} excludes the other {prefix}… parameters"
                )));
            }
        }
        Ok(found)
    }

    fn direction(&mut self) -> Result<Direction, V1Error> {
        match self.0.remove("direction").as_deref() {
            None | Some("nearest") => Ok(Direction::Nearest),
            Some("forward") => Ok(Direction::Forward),
            Some("backward") => Ok(Direction::Backward),
            Some(_) => Err(bad("direction must be nearest, forward or backward")),
        }
    }

    fn check_all_read(self, kind: Kind) -> Result<(), V1Error> {
        match self.0.into_keys().min() {
            None => Ok(()),
            Some(unknown) => {
                let part = match kind {
                    Kind::Image => "an image_url",
                    Kind::Video => "a video_url",
                };
                Err(bad(format!("{unknown} is not a parameter of {part}")))
            }
        }
    }
}

#[cfg(test)]
#[path = "ovs_url_tests.rs"]
mod tests;
