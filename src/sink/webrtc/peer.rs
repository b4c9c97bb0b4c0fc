// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The WebRTC connection: webrtcbin in a separate pipeline, so that its failures do not reach the
//! application's pipeline. One peer makes one offer and accepts one answer.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{WebRTCRTPTransceiverDirection, WebRTCSDPType, WebRTCSessionDescription};

use super::certificate::Certificate;
use super::congestion::Congestion;
use super::encoding_chain::EncodingChain;
use super::event::{
    PeerEvent, PeerEventHandler, bad_answer, connect_failed, media_failed, offer_failed,
};
use super::{answer_sdp, certificate, encoding_chain, retransmission, webrtcbin};
use crate::session::error::Error;
use crate::session::livekit::Candidate;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::codec::picture_size::SizeLimits;
use crate::sink::config::ice_servers::IceConfig;
use crate::sink::{CAT, inner_pipelines};

/// Maximum time for webrtcbin to finish its current work before it is stopped. This takes some milliseconds,
/// but the first dtlsdec of a process generates an RSA key, which takes up to 0.4 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Frames that are older than the connection can be this old.
const MAX_FRAME_AGE: gst::ClockTime = gst::ClockTime::from_seconds(2 * 3600);

/// Which candidates an offer contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// All of them: one offer, no trickle.
    Complete,
    /// Those known when the offer is made. [`PeerEvent::Candidate`] reports the others.
    Trickled,
}

pub struct Peer {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    sinkpad: gst::Pad,
    certificate: Arc<Certificate>,
    offered: Vec<OfferedFormat>,
    ssrc: u32,
    on_event: PeerEventHandler,
    media: Option<EncodingChain>,
    congestion: Option<Arc<Congestion>>,
    /// The decrypting element. It knows the remote peer's certificate.
    dtlsdec: Arc<OnceLock<glib::WeakRef<gst::Element>>>,
    /// Packets from the remote peer: DTLS and RTCP, but not ICE.
    packets_received: Arc<AtomicU64>,
    /// How many there were when the statistics were last requested.
    packets_reported: AtomicU64,
    /// The `a=fingerprint` values of the answer.
    fingerprints: Vec<String>,
}

impl Peer {
    /// Starts webrtcbin. The next step is [`Self::offer`].
    ///
    /// # Errors
    /// If webrtcbin or a part of it is missing.
    pub fn start(name: &str, ice: &IceConfig, on_event: PeerEventHandler) -> Result<Self, Error> {
        let certificate = Arc::new(Certificate::generate().map_err(|error| {
            offer_failed(format!("generating the DTLS certificate failed: {error}"))
        })?);
        let dtlsdec = Arc::default();
        let packets_received = Arc::default();
        let webrtcbin = webrtcbin::make(ice, &certificate, &dtlsdec, &packets_received)?;
        let pipeline = gst::Pipeline::with_name(&format!("{name}-peer"));
        // The system clock from the start, not the clock that the pipeline would choose later.
        let clock = gst::SystemClock::obtain();
        pipeline.use_clock(Some(&clock));
        // The running time starts late, so that frames that are older than the connection have timestamps, too.
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(clock.time().saturating_sub(MAX_FRAME_AGE));
        pipeline.add(&webrtcbin).map_err(offer_failed)?;
        inner_pipelines::register(&pipeline);
        let congestion = Congestion::new(&webrtcbin);
        webrtcbin::watch_errors(&pipeline, &on_event);
        webrtcbin::watch_connection(&webrtcbin, &on_event);

        // 31 bits, because GStreamer prints some SSRCs as signed numbers. Not 0, which means "choose one".
        let ssrc = (rand::random::<u32>() >> 1).max(1);
        let sinkpad = webrtcbin
            .request_pad_simple("sink_%u")
            .ok_or_else(|| offer_failed("webrtcbin provides no sink pad"))?;
        let peer = Self {
            pipeline,
            webrtcbin,
            sinkpad,
            certificate,
            offered: Vec::new(),
            ssrc,
            on_event,
            media: None,
            congestion,
            dtlsdec,
            packets_received,
            packets_reported: AtomicU64::new(0),
            fingerprints: Vec::new(),
        };
        peer.pipeline.set_state(gst::State::Playing).map_err(|_| {
            offer_failed("webrtcbin does not start. Check that libnice's GStreamer plugin is installed (Debian: gstreamer1.0-nice)")
        })?;
        Ok(peer)
    }

    /// Adds STUN and TURN servers and local addresses. Must be called before [`Self::offer`].
    pub fn add_servers(&self, ice: &IceConfig) {
        webrtcbin::add_servers(&self.webrtcbin, ice);
    }

    /// Starts making an offer with these formats. [`PeerEvent::Offer`] reports it. Call it only once.
    pub fn offer(&mut self, offered: Vec<OfferedFormat>, gathering: Gathering) {
        let transceiver = self.sinkpad.property::<gst::glib::Object>("transceiver");
        let formats = offered
            .iter()
            .map(|offered| offered.rtp_caps(self.ssrc))
            .map(|caps| match &self.congestion {
                Some(congestion) => congestion.with_extension(caps),
                None => caps,
            })
            .chain(retransmission::rtx(&offered));
        transceiver.set_property("codec-preferences", formats.collect::<gst::Caps>());
        transceiver.set_property("direction", WebRTCRTPTransceiverDirection::Sendonly);
        retransmission::enable(&transceiver);
        self.offered = offered;
        let webrtcbin = self.webrtcbin.downgrade();
        let (certificate, on_event) = (self.certificate.clone(), self.on_event.clone());
        let promise = gst::Promise::with_change_func(move |reply| {
            let Some(webrtcbin) = webrtcbin.upgrade() else {
                return;
            };
            match webrtcbin::description(reply, "offer") {
                Ok(offer) => {
                    let weak = webrtcbin.downgrade();
                    // A promise is needed even if nobody waits for it: without one, webrtcbin 1.22 (tested)
                    // leaks its reply when it is closed.
                    let is_set = gst::Promise::with_change_func(move |_| {
                        if gathering == Gathering::Trickled
                            && let Some(webrtcbin) = weak.upgrade()
                        {
                            on_event(webrtcbin::offered(&webrtcbin, &certificate));
                        }
                    });
                    webrtcbin.emit_by_name::<()>("set-local-description", &[&offer, &is_set]);
                }
                Err(why) => on_event(PeerEvent::Failed(offer_failed(why))),
            }
        });
        match gathering {
            Gathering::Complete => {
                webrtcbin::watch_gathering(&self.webrtcbin, &self.certificate, &self.on_event)
            }
            Gathering::Trickled => webrtcbin::watch_candidates(&self.webrtcbin, &self.on_event),
        }
        self.webrtcbin
            .emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
    }

    /// The offer with the candidates known so far, for when gathering takes too long.
    pub fn offer_so_far(&self) -> PeerEvent {
        webrtcbin::gathered(&self.webrtcbin, &self.certificate)
    }

    /// Accepts the service's answer, and starts the encoding chain for the codec that the answer chose.
    ///
    /// # Errors
    /// If the answer is not valid SDP, has no video, or lists no codec that was offered.
    pub fn accept(&mut self, answer: &str, media: ChainSettings) -> Result<(), Error> {
        let answer = answer_sdp::normalize(answer);
        let sdp = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes())
            .map_err(|_| bad_answer("it is not SDP"))?;
        let chosen = answer_sdp::chosen_codec(&sdp, &self.offered)?;
        self.fingerprints = certificate::fingerprints(&answer);
        gst::debug!(CAT, obj = self.pipeline, "the answer selects {chosen:?}");
        // Without reports from the remote peer there is no estimate.
        self.congestion
            .take_if(|_| !Congestion::is_accepted(&answer));
        let media = EncodingChain::add_to(
            &self.pipeline,
            &encoding_chain::ChainConfig {
                chosen: &chosen,
                ssrc: self.ssrc,
                bitrate: media.bitrate,
                limits: media.limits,
                input: media.input,
                frames_are_read: media.frames_are_read,
                upstream: media.upstream,
                numbered: self.congestion.is_some(),
                encoder_setup: media.encoder_setup,
            },
        )?;
        webrtcbin::block_eos(&media.src, self.on_event.clone());
        media.src.link(&self.sinkpad).map_err(|error| {
            bad_answer(&format!("the video can't be linked to webrtcbin: {error}"))
        })?;

        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        let on_event = self.on_event.clone();
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Err(why) = webrtcbin::check_reply(reply) {
                on_event(PeerEvent::Failed(bad_answer(&why)));
            }
        });
        self.webrtcbin
            .emit_by_name::<()>("set-remote-description", &[&answer, &promise]);
        for element in self.pipeline.iterate_sorted().into_iter().flatten() {
            // `EncoderThreads` holds the encoder back until the frame size is known.
            if element.is_locked_state() {
                continue;
            }
            element
                .sync_state_with_parent()
                .map_err(|_| media_failed(&format!("{} does not start", element.name())))?;
        }
        self.media = Some(media);
        Ok(())
    }

    /// Adds a candidate of the remote peer. Call it after [`Self::accept`].
    pub fn add_candidate(&self, candidate: &Candidate) {
        self.webrtcbin.emit_by_name::<()>(
            "add-ice-candidate",
            &[&candidate.mline.unwrap_or(0), &candidate.candidate.trim()],
        );
    }

    /// Checks that the remote peer's certificate has a fingerprint of the answer. webrtcbin 1.22 (tested)
    /// accepts any certificate, although RFC 8827, 6.5 forbids it.
    ///
    /// # Errors
    /// If the certificate does not match, or is not known.
    pub fn verify(&self) -> Result<(), Error> {
        let pem = self
            .dtlsdec
            .get()
            .and_then(glib::WeakRef::upgrade)
            .and_then(|dtlsdec| dtlsdec.property::<Option<String>>("peer-pem"));
        let actual = pem.and_then(|pem| certificate::fingerprint_of_pem(&pem));
        match actual {
            Some(actual) if self.fingerprints.contains(&actual) => Ok(()),
            _ => Err(connect_failed(
                "the remote peer's certificate does not match the service's answer (DTLS fingerprint)",
            )),
        }
    }

    /// The encoding chain; `None` before [`Self::accept`].
    pub fn media(&self) -> Option<&EncodingChain> {
        self.media.as_ref()
    }

    /// Congestion control; `None` if its plugin is missing or the remote peer sends no reports.
    pub fn congestion(&self) -> Option<&Arc<Congestion>> {
        self.congestion.as_ref()
    }

    /// How many packets have arrived from the remote peer, without those of ICE.
    pub fn packets_received(&self) -> u64 {
        self.packets_received.load(Relaxed)
    }

    /// Requests webrtcbin's statistics, if a packet of the remote peer can have changed them. webrtcbin calls `on_report`
    /// from its own thread.
    pub fn request_stats(&self, on_report: impl FnOnce(&gst::StructureRef) + Send + 'static) {
        let received = self.packets_received();
        if self.packets_reported.swap(received, Relaxed) == received {
            return;
        }
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Ok(Some(report)) = reply {
                on_report(report);
            }
        });
        self.webrtcbin
            .emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    }

    /// Writes a dot file of the pipeline to `GST_DEBUG_DUMP_DOT_DIR`.
    pub fn dump(&self, what: &str) {
        // The elements' properties are left out, because one of them is the DTLS key.
        self.pipeline.debug_to_dot_file_with_ts(
            gst::DebugGraphDetails::MEDIA_TYPE
                | gst::DebugGraphDetails::CAPS_DETAILS
                | gst::DebugGraphDetails::STATES,
            format!("{}-{what}", self.pipeline.name()),
        );
    }
}

impl Peer {
    /// Waits until webrtcbin has finished its current work. webrtcbin sets descriptions in its own thread,
    /// which adds and starts elements. If the pipeline is stopped at the same time, these elements keep
    /// running and leak with everything that they hold (seen with GStreamer 1.22, in 2 of 100 stops).
    fn wait_until_idle(&self) {
        // Statistics go through the same queue, so their reply comes after those of earlier requests. A
        // second round is needed if one of these was `create-offer`: its reply puts `set-local-description`
        // into the queue.
        for _ in 0..2 {
            let (done, finished) = mpsc::channel();
            let promise = gst::Promise::with_change_func(move |_| {
                // This fails after a timeout, when nobody waits for the reply.
                let _ = done.send(());
            });
            self.webrtcbin
                .emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
            if finished.recv_timeout(IDLE_TIMEOUT).is_err() {
                gst::warning!(
                    CAT,
                    obj = self.webrtcbin,
                    "webrtcbin did not finish its work within {IDLE_TIMEOUT:?}"
                );
                return;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.wait_until_idle();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            gst::error!(CAT, obj = self.pipeline, "the pipeline can't go to NULL");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// The settings of the encoding chain.
pub struct ChainSettings<'a> {
    /// bit/s
    pub bitrate: u32,
    pub limits: SizeLimits,
    /// The format of the input, if it is known.
    pub input: Option<&'a InputFormat>,
    /// Something else than the encoder reads its frames, so they must be in system memory.
    pub frames_are_read: bool,
    /// The pad at which the input arrives in the application's pipeline.
    pub upstream: glib::WeakRef<gst::Pad>,
    pub encoder_setup: &'a dyn Fn(&gst::Element) -> bool,
}
