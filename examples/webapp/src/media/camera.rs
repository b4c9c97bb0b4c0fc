// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Receives a camera that a user named by its URL. Its video is passed on without decoding. This file has the cameras with
//! RTSP, `mjpeg` those with HTTP.

use gst::prelude::*;
use url::Url;

use super::address::resolve;
use super::camera_link::CameraLink;
use super::pipeline::{add, make};
use super::{mjpeg, relay};
use crate::config::SourceHosts;
use crate::error::AppError;

const RTSP_PORT: u16 = 554;
const JITTER_BUFFER_MS: u32 = 200;
const TIMEOUT_MICROSECONDS: u64 = 10_000_000;

/// The URL of a camera. It may contain a password, so it is never shown.
pub(crate) struct Camera {
    url: Url,
}

impl Camera {
    pub(crate) fn new(url: Url) -> Self {
        Self { url }
    }

    /// What users see of the URL: host and port. A path may contain a password, too.
    pub(crate) fn name(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Checks the address. Blocks while the name is resolved.
    pub(crate) fn check(&self, hosts: &SourceHosts) -> Result<(), AppError> {
        resolve(&self.url, RTSP_PORT, hosts).map(|_| ())
    }

    /// Connects the camera to the element. The returned link must be stopped after the pipeline. Blocks while the name
    /// is resolved. Must be called within the runtime.
    pub(crate) fn connect(
        &self,
        hosts: &SourceHosts,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<CameraLink, AppError> {
        match self.url.scheme() {
            "rtsp" => connect_rtsp(&self.url, hosts, pipeline, sink),
            _ => mjpeg::connect(&self.url, hosts, pipeline, sink),
        }
    }
}

fn connect_rtsp(
    url: &Url,
    hosts: &SourceHosts,
    pipeline: &gst::Pipeline,
    sink: &gst::Element,
) -> Result<CameraLink, AppError> {
    let target = resolve(url, RTSP_PORT, hosts)?;
    let source = make("rtspsrc")?;
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    if !url.username().is_empty() {
        source.set_property("user-id", decode(url.username()));
    }
    if let Some(password) = url.password() {
        source.set_property("user-pw", decode(password));
    }
    source.set_property("latency", JITTER_BUFFER_MS);
    source.set_property("tcp-timeout", TIMEOUT_MICROSECONDS);
    // Everything comes through the relay.
    source.set_property_from_str("protocols", "tcp");
    let parse = make("parsebin")?;
    add(pipeline, &source)?;
    add(pipeline, &parse)?;
    source.connect("select-stream", false, |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        let media = caps.structure(0)?.get::<String>("media").ok();
        Some((media.as_deref() == Some("video")).to_value())
    });
    link_once(&source, &parse)?;
    link_once(&parse, sink)?;
    // Last, so that an error before it leaves no relay behind.
    let (address, link) = relay::start(target).map_err(AppError::unexpected)?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    source.set_property("location", format!("rtsp://{address}{path}"));
    Ok(link)
}

/// Links the first pad of an element, once it is there.
fn link_once(from: &gst::Element, to: &gst::Element) -> Result<(), AppError> {
    let input = to
        .static_pad("sink")
        .ok_or_else(|| AppError::unexpected("the element has no pad"))?;
    let input = input.downgrade();
    from.connect_pad_added(move |from, pad| {
        let Some(input) = input.upgrade().filter(|input| !input.is_linked()) else {
            return;
        };
        if pad.link(&input).is_err() {
            gst::element_error!(
                from,
                gst::StreamError::CodecNotFound,
                ("the camera's codec is not supported. Set it to H.264")
            );
        }
    });
    Ok(())
}
