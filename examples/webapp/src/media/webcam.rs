// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Receives a browser's camera by WebRTC, as in WHIP (RFC 9725): the browser sends an offer and gets one
//! answer with all candidates.
//!
//! The receiving pipeline lives as long as the session. Each run of the element gets the encoded video from it
//! without decoding.

use std::time::Duration;

use axum::http::StatusCode;
use gst::glib;
use gst::prelude::*;
use gst_app::{AppSink, AppSrc};
use gst_utils::streamproducer::{ConsumptionLink, ProducerSettings, StreamProducer};
use gst_webrtc::{
    WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCRTPTransceiver, WebRTCSDPType,
    WebRTCSessionDescription,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::AppError;

use super::pipeline::{Pipeline, add, link, make};

/// The codecs that every browser can send and the element passes through. The browser's first one is used.
const CODECS: &str = "application/x-rtp,media=video,encoding-name=VP8; \
    application/x-rtp,media=video,encoding-name=H264";
/// How long to wait for lost or reordered packets.
const JITTER_BUFFER_MS: u32 = 100;
/// Time limit for everything up to the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Webcam {
    pipeline: Pipeline,
    producer: StreamProducer,
    /// Why the connection was lost, once it is.
    lost: watch::Receiver<Option<&'static str>>,
}

impl Webcam {
    /// Accepts an offer. Returns the webcam and the answer for the browser.
    pub(crate) async fn accept_offer(offer: &str) -> Result<(Self, String), AppError> {
        let offer = read_offer(offer)?;
        let (sender, lost) = watch::channel(None);
        let pipeline = Pipeline::new();
        let webrtcbin = make("webrtcbin")?;
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        webrtcbin.set_property("latency", JITTER_BUFFER_MS);
        let appsink = AppSink::builder().build();
        add(pipeline.get(), &webrtcbin)?;
        add(pipeline.get(), appsink.upcast_ref())?;
        let producer = StreamProducer::with(&appsink, ProducerSettings { sync: false });
        let webcam = Self {
            pipeline,
            producer,
            lost,
        };
        choose_codec(&webrtcbin)?;
        webcam.receive(&webrtcbin, &appsink);
        watch_connection(&webrtcbin, sender);
        let answer = timeout(ANSWER_TIMEOUT, webcam.negotiate(&webrtcbin, offer)).await;
        match answer {
            Ok(Ok(answer)) => Ok((webcam, answer)),
            Ok(Err(why)) => {
                webcam.stop().await;
                Err(webcam_error(&why))
            }
            Err(_) => {
                webcam.stop().await;
                Err(webcam_error("it took too long"))
            }
        }
    }

    async fn negotiate(
        &self,
        webrtcbin: &gst::Element,
        offer: WebRTCSessionDescription,
    ) -> Result<String, String> {
        self.pipeline
            .get()
            .set_state(gst::State::Playing)
            .map_err(|_| "webrtcbin does not start. Install the package gstreamer1.0-nice")?;
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("set-remote-description", &[&offer, &promise]);
        check_reply(reply.await)?;
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, &promise]);
        let reply = check_reply(reply.await)?.ok_or("webrtcbin made no answer")?;
        let answer = reply
            .get::<WebRTCSessionDescription>("answer")
            .map_err(|error| error.to_string())?;
        if !has_video(answer.sdp(), &["sendonly", "inactive"]) {
            return Err("the browser must be able to send VP8 or H.264".to_owned());
        }
        let (sender, mut gathered) = watch::channel(());
        webrtcbin.connect_notify(Some("ice-gathering-state"), move |_, _| {
            sender.send_replace(());
        });
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("set-local-description", &[&answer, &promise]);
        check_reply(reply.await)?;
        while webrtcbin.property::<WebRTCICEGatheringState>("ice-gathering-state")
            != WebRTCICEGatheringState::Complete
        {
            let changed = gathered.changed().await;
            changed.map_err(|error| error.to_string())?;
        }
        let local = webrtcbin.property::<Option<WebRTCSessionDescription>>("local-description");
        let text = local.and_then(|local| local.sdp().as_text().ok());
        match text {
            Some(text) if text.contains("a=candidate:") => Ok(text),
            Some(_) => {
                Err("this machine has no network address that a browser can reach".to_owned())
            }
            None => Err("webrtcbin made no answer".to_owned()),
        }
    }

    /// Links incoming video to the producer.
    fn receive(&self, webrtcbin: &gst::Element, appsink: &AppSink) {
        let (pipeline, appsink) = (self.pipeline.get().downgrade(), appsink.downgrade());
        webrtcbin.connect_pad_added(move |_, pad| {
            let (Some(pipeline), Some(appsink)) = (pipeline.upgrade(), appsink.upgrade()) else {
                return;
            };
            if pad.direction() != gst::PadDirection::Src {
                return;
            }
            if let Err(error) = depayload(&pipeline, pad, appsink.upcast_ref()) {
                eprintln!(
                    "overshoot-webapp: the video of a webcam cannot be received: {}",
                    error.message()
                );
            }
        });
    }

    /// Connects the webcam's video to the element.
    pub(crate) fn connect(
        &self,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<ConsumptionLink, AppError> {
        let source = AppSrc::builder().build();
        add(pipeline, source.upcast_ref())?;
        link(source.upcast_ref(), sink)?;
        // Both pipelines get the same base time, so that the timestamps of the frames stay valid.
        pipeline.set_start_time(gst::ClockTime::NONE);
        if let Some(base) = self.pipeline.get().base_time() {
            pipeline.set_base_time(base);
        }
        self.producer
            .add_consumer(&source)
            .map_err(AppError::unexpected)
    }

    /// Waits until the connection is lost, and returns why. Cancel safe.
    pub(crate) async fn wait_until_lost(&mut self) -> &'static str {
        match self.lost.wait_for(Option::is_some).await {
            Ok(why) => why.unwrap_or_default(),
            Err(_) => "The webcam's connection was lost.",
        }
    }

    pub(crate) async fn stop(self) {
        self.pipeline.stop().await;
    }
}

fn read_offer(text: &str) -> Result<WebRTCSessionDescription, AppError> {
    let bad = |why: &str| AppError::new(StatusCode::BAD_REQUEST, "bad-offer", why.to_owned());
    // GStreamer treats an empty text as a programming error.
    let sdp = match text {
        "" => return Err(bad("The body is empty: it must be an SDP offer.")),
        text => gst_sdp::SDPMessage::parse_buffer(text.as_bytes()),
    };
    let sdp = sdp.map_err(|_| bad("The body is not an SDP offer."))?;
    if !has_video(&sdp, &["recvonly", "inactive"]) {
        return Err(bad(
            "The offer contains no video to send. Add the webcam's video track.",
        ));
    }
    Ok(WebRTCSessionDescription::new(WebRTCSDPType::Offer, sdp))
}

/// Whether there is video in an allowed direction.
fn has_video(sdp: &gst_sdp::SDPMessageRef, excluded: &[&str]) -> bool {
    sdp.medias().any(|media| {
        let included = excluded
            .iter()
            .all(|way| media.attribute_val(way).is_none());
        media.media() == Some("video") && media.port() != 0 && included
    })
}

/// Makes the transceivers accept only codecs that the element passes through, and request lost packets.
fn choose_codec(webrtcbin: &gst::Element) -> Result<(), AppError> {
    let codecs: gst::Caps = CODECS.parse().map_err(AppError::unexpected)?;
    webrtcbin.connect("on-new-transceiver", false, move |values| {
        let transceiver = values.get(1)?.get::<WebRTCRTPTransceiver>().ok()?;
        transceiver.set_property("codec-preferences", &codecs);
        transceiver.set_property("do-nack", true);
        None
    });
    Ok(())
}

fn watch_connection(webrtcbin: &gst::Element, sender: watch::Sender<Option<&'static str>>) {
    webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
        let why = match webrtcbin.property::<WebRTCPeerConnectionState>("connection-state") {
            WebRTCPeerConnectionState::Failed => {
                "The webcam's connection failed. Allow UDP from the browser to this server."
            }
            WebRTCPeerConnectionState::Closed => "The browser closed the webcam's connection.",
            _ => return,
        };
        sender.send_replace(Some(why));
    });
}

/// Links a pad with RTP to the appsink, which gets complete encoded frames.
fn depayload(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    appsink: &gst::Element,
) -> Result<(), AppError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let encoding = caps
        .structure(0)
        .and_then(|structure| structure.get::<&str>("encoding-name").ok());
    let (depayloader, parser) = match encoding {
        Some("VP8") => ("rtpvp8depay", None),
        Some("H264") => ("rtph264depay", Some("h264parse")),
        other => {
            return Err(AppError::unexpected(format!(
                "the codec {other:?} was not negotiated"
            )));
        }
    };
    let depayloader = make(depayloader)?;
    // After a lost packet, request a key frame and wait for it.
    depayloader.set_property("request-keyframe", true);
    depayloader.set_property("wait-for-keyframe", true);
    let mut last = depayloader.clone();
    add(pipeline, &depayloader)?;
    if let Some(parser) = parser {
        let parser = make(parser)?;
        add(pipeline, &parser)?;
        link(&last, &parser)?;
        sync_state(&parser)?;
        last = parser;
    }
    link(&last, appsink)?;
    sync_state(&depayloader)?;
    let entry = depayloader
        .static_pad("sink")
        .ok_or_else(|| AppError::unexpected("the depayloader has no pad"))?;
    pad.link(&entry).map_err(AppError::unexpected)?;
    Ok(())
}

fn sync_state(element: &gst::Element) -> Result<(), AppError> {
    element
        .sync_state_with_parent()
        .map_err(AppError::unexpected)
}

fn check_reply(
    reply: Result<Option<gst::promise::PromiseReply>, gst::PromiseError>,
) -> Result<Option<gst::promise::PromiseReply>, String> {
    let reply = reply.map_err(|error| format!("{error:?}"))?;
    match reply
        .as_ref()
        .and_then(|reply| reply.get::<glib::Error>("error").ok())
    {
        Some(error) => Err(error.to_string()),
        None => Ok(reply),
    }
}

fn webcam_error(why: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "webcam",
        format!("The webcam cannot be received: {why}."),
    )
}
