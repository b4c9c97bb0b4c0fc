//! A browser's camera, received by WebRTC. The browser offers, and one answer with all candidates
//! goes back, as WHIP has it (RFC 9725).
//!
//! It is received in a pipeline of its own, which lives as long as the session; each run of the
//! element gets the video from there as it is, without it being decoded.

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
use crate::pipeline::{Pipeline, add, link, make};

/// What the element passes on undecoded and every browser sends; the browser's first is taken.
const CODECS: &str = "application/x-rtp,media=video,encoding-name=VP8; \
    application/x-rtp,media=video,encoding-name=H264";
/// How long packets are waited for that were lost or overtaken.
const JITTER_MS: u32 = 100;
/// For all that goes before the answer.
const ANSWER_BOUND: Duration = Duration::from_secs(10);

pub(crate) struct Webcam {
    pipeline: Pipeline,
    producer: StreamProducer,
    /// Why the connection is gone.
    gone: watch::Receiver<Option<&'static str>>,
}

impl Webcam {
    /// Receives what is offered; the answer is for the browser.
    pub(crate) async fn answer(offer: &str) -> Result<(Self, String), AppError> {
        let offer = read_offer(offer)?;
        let (tell, gone) = watch::channel(None);
        let pipeline = Pipeline::new();
        let webrtcbin = make("webrtcbin")?;
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        webrtcbin.set_property("latency", JITTER_MS);
        let appsink = AppSink::builder().build();
        add(pipeline.get(), &webrtcbin)?;
        add(pipeline.get(), appsink.upcast_ref())?;
        let producer = StreamProducer::with(&appsink, ProducerSettings { sync: false });
        let webcam = Self {
            pipeline,
            producer,
            gone,
        };
        choose_codec(&webrtcbin)?;
        webcam.receive(&webrtcbin, &appsink);
        watch_connection(&webrtcbin, tell);
        let answer = timeout(ANSWER_BOUND, webcam.negotiate(&webrtcbin, offer)).await;
        match answer {
            Ok(Ok(answer)) => Ok((webcam, answer)),
            Ok(Err(why)) => {
                webcam.stop().await;
                Err(refused(&why))
            }
            Err(_) => {
                webcam.stop().await;
                Err(refused("it took too long"))
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
            .map_err(|_| "webrtcbin does not start: is gstreamer1.0-nice installed?")?;
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("set-remote-description", &[&offer, &promise]);
        fine(reply.await)?;
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, &promise]);
        let reply = fine(reply.await)?.ok_or("there is no answer")?;
        let answer = reply
            .get::<WebRTCSessionDescription>("answer")
            .map_err(|error| error.to_string())?;
        if !has_video(answer.sdp(), &["sendonly", "inactive"]) {
            return Err("the browser must be able to send VP8 or H.264".to_owned());
        }
        let (told, mut gathered) = watch::channel(());
        webrtcbin.connect_notify(Some("ice-gathering-state"), move |_, _| {
            told.send_replace(());
        });
        let (promise, reply) = gst::Promise::new_future();
        webrtcbin.emit_by_name::<()>("set-local-description", &[&answer, &promise]);
        fine(reply.await)?;
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
            Some(_) => Err("this machine has no address that a browser could send to".to_owned()),
            None => Err("there is no answer".to_owned()),
        }
    }

    /// Once there is video, it goes to the producer.
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
                    "overshoot-webapp: a webcam's video can't be taken: {}",
                    error.message()
                );
            }
        });
    }

    /// Its video into the element.
    pub(crate) fn feed(
        &self,
        pipeline: &gst::Pipeline,
        sink: &gst::Element,
    ) -> Result<ConsumptionLink, AppError> {
        let source = AppSrc::builder().build();
        add(pipeline, source.upcast_ref())?;
        link(source.upcast_ref(), sink)?;
        // One time in both, so that the times of the frames hold.
        pipeline.set_start_time(gst::ClockTime::NONE);
        if let Some(base) = self.pipeline.get().base_time() {
            pipeline.set_base_time(base);
        }
        self.producer
            .add_consumer(&source)
            .map_err(AppError::unexpected)
    }

    /// Until the browser is gone; says how. Cancel safe.
    pub(crate) async fn gone(&mut self) -> &'static str {
        match self.gone.wait_for(Option::is_some).await {
            Ok(why) => why.unwrap_or_default(),
            Err(_) => "The webcam's connection is gone.",
        }
    }

    pub(crate) async fn stop(self) {
        self.pipeline.stop().await;
    }
}

fn read_offer(text: &str) -> Result<WebRTCSessionDescription, AppError> {
    let bad = |why: &str| AppError::new(StatusCode::BAD_REQUEST, "bad-offer", why.to_owned());
    // GStreamer takes an empty one for a mistake of ours.
    let sdp = match text {
        "" => return Err(bad("The body is empty: it must be an SDP offer.")),
        text => gst_sdp::SDPMessage::parse_buffer(text.as_bytes()),
    };
    let sdp = sdp.map_err(|_| bad("The body is no SDP offer."))?;
    if !has_video(&sdp, &["recvonly", "inactive"]) {
        return Err(bad(
            "The offer sends no video: add the webcam's video track.",
        ));
    }
    Ok(WebRTCSessionDescription::new(WebRTCSDPType::Offer, sdp))
}

/// Whether video can go this way; the directions are those by which it can't.
fn has_video(sdp: &gst_sdp::SDPMessageRef, unfit: &[&str]) -> bool {
    sdp.medias().any(|media| {
        let fit = unfit.iter().all(|way| media.attribute_val(way).is_none());
        media.media() == Some("video") && media.port() != 0 && fit
    })
}

/// The transceivers take what the element can pass on, and ask for lost packets.
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

fn watch_connection(webrtcbin: &gst::Element, tell: watch::Sender<Option<&'static str>>) {
    webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
        let why = match webrtcbin.property::<WebRTCPeerConnectionState>("connection-state") {
            WebRTCPeerConnectionState::Failed => {
                "The webcam's connection failed. UDP from the browser to this server must be open."
            }
            WebRTCPeerConnectionState::Closed => "The browser has ended the webcam's connection.",
            _ => return,
        };
        tell.send_replace(Some(why));
    });
}

/// A pad of RTP to the appsink, whole frames as they are.
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
            return Err(AppError::unexpected(format!("{other:?} was not taken")));
        }
    };
    let depayloader = make(depayloader)?;
    // Where a packet is lost for good.
    depayloader.set_property("request-keyframe", true);
    depayloader.set_property("wait-for-keyframe", true);
    let mut last = depayloader.clone();
    add(pipeline, &depayloader)?;
    if let Some(parser) = parser {
        let parser = make(parser)?;
        add(pipeline, &parser)?;
        link(&last, &parser)?;
        start(&parser)?;
        last = parser;
    }
    link(&last, appsink)?;
    start(&depayloader)?;
    let entry = depayloader
        .static_pad("sink")
        .ok_or_else(|| AppError::unexpected("a depayloader has no pad"))?;
    pad.link(&entry).map_err(AppError::unexpected)?;
    Ok(())
}

fn start(element: &gst::Element) -> Result<(), AppError> {
    element
        .sync_state_with_parent()
        .map_err(AppError::unexpected)
}

fn fine(
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

fn refused(why: &str) -> AppError {
    AppError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "webcam",
        format!("The webcam can't be received: {why}."),
    )
}
