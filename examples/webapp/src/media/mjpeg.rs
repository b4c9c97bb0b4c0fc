// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Receives a camera that sends JPEG after JPEG by HTTP (MJPEG). The element takes them as they are, and decodes those
//! that it needs.

use std::time::Duration;

use gst::prelude::*;
use gst_app::{AppLeakyType, AppSrc};
use tokio::time::timeout;
use url::Url;

use super::camera_link::{CameraLink, Refusal, cannot_watch};
use super::download::is_live;
use super::http_get::get;
use super::multipart::PartReader;
use super::pipeline::{add, link};
use crate::config::SourceHosts;
use crate::error::AppError;

/// How many pictures may wait for the element. Then the oldest are lost.
const MAX_QUEUED_PICTURES: u64 = 4;
/// Time limit for the next bytes of the camera.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(10);
/// After so many other parts in a row there will be no picture.
const MAX_OTHER_PARTS: u32 = 50;
/// A decoded picture of this width and height takes about 100 MB.
const MAX_SIDE: u16 = 8192;

/// Connects the camera to the element. Must be called within the runtime.
pub(super) fn connect(
    url: &Url,
    hosts: &SourceHosts,
    pipeline: &gst::Pipeline,
    sink: &gst::Element,
) -> Result<CameraLink, AppError> {
    let source = AppSrc::builder()
        .caps(&gst::Caps::new_empty_simple("image/jpeg"))
        .format(gst::Format::Time)
        .is_live(true)
        .do_timestamp(true)
        .max_bytes(0)
        .max_buffers(MAX_QUEUED_PICTURES)
        .leaky_type(AppLeakyType::Downstream)
        .build();
    add(pipeline, source.upcast_ref())?;
    link(source.upcast_ref(), sink)?;
    let (url, hosts) = (url.clone(), hosts.clone());
    Ok(CameraLink::spawn(move |refusal| async move {
        match receive(url, &hosts, &source).await {
            // If the pipeline has stopped, nobody waits for the end.
            Ok(()) => drop(source.end_of_stream()),
            Err(error) => fail(error, &refusal, &source),
        }
    }))
}

fn fail(error: AppError, refusal: &Refusal, source: &AppSrc) {
    let message = error.message().to_owned();
    // Before the message, because whoever gets it asks for the reason.
    refusal.set(error);
    gst::element_error!(source, gst::ResourceError::Read, ("{message}"));
}

/// Passes pictures on until the camera ends them.
async fn receive(url: Url, hosts: &SourceHosts, source: &AppSrc) -> Result<(), AppError> {
    let mut response = get(url, hosts).await?;
    if !is_live(&response) {
        return Err(cannot_watch("its address leads to something else now"));
    }
    let mut reader = PartReader::new();
    let mut pictures: u64 = 0;
    let mut other_parts = 0;
    loop {
        let chunk = match timeout(CHUNK_TIMEOUT, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) if pictures > 0 => return Ok(()),
            Ok(Ok(None)) => return Err(cannot_watch("it sends no JPEG pictures")),
            Ok(Err(_)) => return Err(cannot_watch("the connection broke")),
            Err(_) => return Err(cannot_watch("it has stopped sending pictures")),
        };
        reader.push(&chunk);
        while let Some(part) = reader.next_part().map_err(cannot_watch)? {
            match size_of(&part) {
                Some((width, height)) if width.max(height) > MAX_SIDE => {
                    return Err(cannot_watch("its pictures are larger than 8192 × 8192"));
                }
                Some(_) => {
                    other_parts = 0;
                    pictures += 1;
                    if source.push_buffer(gst::Buffer::from_slice(part)).is_err() {
                        // The pipeline has stopped.
                        return Ok(());
                    }
                }
                None => other_parts += 1,
            }
            if other_parts > MAX_OTHER_PARTS {
                return Err(cannot_watch("it sends no JPEG pictures"));
            }
        }
    }
}

/// The width and height of a JPEG. `None`: it is none.
fn size_of(picture: &[u8]) -> Option<(u16, u16)> {
    let mut rest = picture.strip_prefix(&[0xff, 0xd8])?;
    loop {
        rest = match *rest {
            // Bytes that fill up.
            [0xff, 0xff, ..] => &rest[1..],
            // All frame headers. Between their codes are those of tables.
            [
                0xff,
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf,
                _,
                _,
                _,
                h1,
                h2,
                w1,
                w2,
                ..,
            ] => {
                return Some((u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2])));
            }
            // The picture begins without a frame header.
            [0xff, 0xda, ..] => return None,
            [0xff, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest.get(2 + length.max(2)..)?
            }
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_a_size() {
        let tables = [
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 0xff, 0xc0, 0xff, 0xff, 0xc4, 0, 3, 7,
        ];
        let frame = [0xff, 0xc2, 0, 11, 8, 0x01, 0x90, 0x03, 0xc0, 3];
        let picture = [&tables[..], &frame].concat();
        assert_eq!(size_of(&picture), Some((960, 400)));
        for end in 0..picture.len() - 1 {
            assert_eq!(size_of(&picture[..end]), None, "{end}");
        }
        for other in [
            &b"no picture"[..],
            &frame,
            &[&tables[..], &[0xff, 0xda, 0, 3, 1]].concat(),
            &[&tables[..], &[0xff, 0xe1, 0, 0, 0]].concat(),
        ] {
            assert_eq!(size_of(other), None, "{other:?}");
        }
    }
}
