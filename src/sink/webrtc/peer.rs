//! The WebRTC connection: webrtcbin in a pipeline of its own, so that nothing that happens to it
//! reaches the application's pipeline. One peer makes one offer and takes one answer.

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
use super::{certificate, encoding_chain, retransmission, webrtcbin};
use crate::session::error::Error;
use crate::session::livekit::Candidate;
use crate::sink::CAT;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::config::ice_servers::IceConfig;

/// Longest time that webrtcbin is given to finish what it is doing before it is stopped. It takes
/// some milliseconds, but the first dtlsdec of a process makes an RSA key, up to 0.4 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// What an offer holds when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// All candidates: one shot, no trickle.
    Complete,
    /// Those known by then; the others are told as they are found.
    Trickled,
}

pub struct Peer {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    sinkpad: gst::Pad,
    certificate: Arc<Certificate>,
    offered: Vec<OfferedFormat>,
    ssrc: u32,
    tell: PeerEventHandler,
    media: Option<EncodingChain>,
    congestion: Option<Arc<Congestion>>,
    /// Decrypts what comes in; knows the far side's certificate.
    dtlsdec: Arc<OnceLock<glib::WeakRef<gst::Element>>>,
    /// Packets of the far side's: DTLS and RTCP, but not those of ICE.
    packets_received: Arc<AtomicU64>,
    /// The `a=fingerprint` values of the answer.
    fingerprints: Vec<String>,
}

impl Peer {
    /// Starts webrtcbin, which an offer can then be asked of.
    ///
    /// # Errors
    /// Where webrtcbin or a part of it is missing.
    pub fn start(name: &str, ice: &IceConfig, tell: PeerEventHandler) -> Result<Self, Error> {
        let certificate = Arc::new(Certificate::generate().map_err(|error| {
            offer_failed(format!("no DTLS certificate could be made: {error}"))
        })?);
        let dtlsdec = Arc::default();
        let packets_received = Arc::default();
        let webrtcbin = webrtcbin::make(ice, &certificate, &dtlsdec, &packets_received)?;
        let pipeline = gst::Pipeline::with_name(&format!("{name}-peer"));
        // The system's clock at once, not whatever the pipeline would pick.
        pipeline.use_clock(Some(&gst::SystemClock::obtain()));
        pipeline.add(&webrtcbin).map_err(offer_failed)?;
        let congestion = Congestion::new(&webrtcbin);
        webrtcbin::watch_errors(&pipeline, &tell);
        webrtcbin::watch_connection(&webrtcbin, &tell);

        // Of 31 bits, as GStreamer prints some of them signed; 0 means "choose one".
        let ssrc = (rand::random::<u32>() >> 1).max(1);
        let sinkpad = webrtcbin
            .request_pad_simple("sink_%u")
            .ok_or_else(|| offer_failed("webrtcbin gives no pad"))?;
        let peer = Self {
            pipeline,
            webrtcbin,
            sinkpad,
            certificate,
            offered: Vec::new(),
            ssrc,
            tell,
            media: None,
            congestion,
            dtlsdec,
            packets_received,
            fingerprints: Vec::new(),
        };
        peer.pipeline.set_state(gst::State::Playing).map_err(|_| {
            offer_failed("webrtcbin does not start: is gstreamer1.0-nice installed?")
        })?;
        Ok(peer)
    }

    /// More ways to be reached, before there is an offer.
    pub fn add_servers(&self, ice: &IceConfig) {
        webrtcbin::add_servers(&self.webrtcbin, ice);
    }

    /// Starts making an offer of these formats; [`PeerEvent::Offer`] brings it. Once only.
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
        let (certificate, tell) = (self.certificate.clone(), self.tell.clone());
        let promise = gst::Promise::with_change_func(move |reply| {
            let Some(webrtcbin) = webrtcbin.upgrade() else {
                return;
            };
            match webrtcbin::description(reply, "offer") {
                Ok(offer) => {
                    let weak = webrtcbin.downgrade();
                    // Where nobody waits for it, too: without one webrtcbin (1.22, as tried) leaks
                    // what it replies once it is closed.
                    let is_set = gst::Promise::with_change_func(move |_| {
                        if gathering == Gathering::Trickled
                            && let Some(webrtcbin) = weak.upgrade()
                        {
                            tell(webrtcbin::offered(&webrtcbin, &certificate));
                        }
                    });
                    webrtcbin.emit_by_name::<()>("set-local-description", &[&offer, &is_set]);
                }
                Err(why) => tell(PeerEvent::Failed(offer_failed(why))),
            }
        });
        match gathering {
            Gathering::Complete => {
                webrtcbin::watch_gathering(&self.webrtcbin, &self.certificate, &self.tell)
            }
            Gathering::Trickled => webrtcbin::watch_candidates(&self.webrtcbin, &self.tell),
        }
        self.webrtcbin
            .emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
    }

    /// The offer with the candidates known so far, where gathering takes too long.
    pub fn offer_so_far(&self) -> PeerEvent {
        webrtcbin::gathered(&self.webrtcbin, &self.certificate)
    }

    /// Takes the service's answer and builds the encoder that it chose.
    ///
    /// # Errors
    /// Where the answer makes no sense, has no video, or names no codec that was offered.
    pub fn accept(&mut self, answer: &str, media: ChainSettings) -> Result<(), Error> {
        let sdp = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes())
            .map_err(|_| bad_answer("it is not SDP"))?;
        let chosen = chosen_codec(&sdp, &self.offered)?;
        self.fingerprints = certificate::fingerprints(answer);
        gst::debug!(CAT, obj = self.pipeline, "the answer chose {chosen:?}");
        // Where the far side will not report, there is nothing to follow.
        self.congestion
            .take_if(|_| !Congestion::is_accepted(answer));
        let media = EncodingChain::add_to(
            &self.pipeline,
            &encoding_chain::ChainConfig {
                chosen: &chosen,
                ssrc: self.ssrc,
                bitrate: media.bitrate,
                max_width: media.max_width,
                max_height: media.max_height,
                numbered: self.congestion.is_some(),
                encoder_setup: media.encoder_setup,
            },
        )?;
        webrtcbin::block_eos(&media.src, self.tell.clone());
        media
            .src
            .link(&self.sinkpad)
            .map_err(|error| bad_answer(&format!("webrtcbin does not take the video: {error}")))?;

        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        let tell = self.tell.clone();
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Err(why) = webrtcbin::check_reply(reply) {
                tell(PeerEvent::Failed(bad_answer(&why)));
            }
        });
        self.webrtcbin
            .emit_by_name::<()>("set-remote-description", &[&answer, &promise]);
        for element in self.pipeline.iterate_sorted().into_iter().flatten() {
            // The encoder may wait for the size of its pictures.
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

    /// Takes a candidate of the far side's, once its answer was accepted.
    pub fn add_candidate(&self, candidate: &Candidate) {
        self.webrtcbin.emit_by_name::<()>(
            "add-ice-candidate",
            &[&candidate.mline.unwrap_or(0), &candidate.candidate],
        );
    }

    /// Whether the far side is the one that the answer spoke of: webrtcbin (1.22, as tried) takes
    /// any certificate, though RFC 8827, 6.5 forbids it.
    ///
    /// # Errors
    /// Where it is not, or can't be known.
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
                "the far side's certificate is not the one that the service's answer names (DTLS fingerprint)",
            )),
        }
    }

    /// The encoding chain, once there is one.
    pub fn media(&self) -> Option<&EncodingChain> {
        self.media.as_ref()
    }

    /// The estimate of what the network carries, where there is one.
    pub fn congestion(&self) -> Option<&Arc<Congestion>> {
        self.congestion.as_ref()
    }

    /// How many packets have come from the far side.
    pub fn packets_received(&self) -> u64 {
        self.packets_received.load(Relaxed)
    }

    /// Asks webrtcbin how the connection is; it answers from a thread of its own.
    pub fn request_stats(&self, tell: impl FnOnce(&gst::StructureRef) + Send + 'static) {
        let promise = gst::Promise::with_change_func(move |reply| {
            if let Ok(Some(report)) = reply {
                tell(report);
            }
        });
        self.webrtcbin
            .emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    }

    /// For `GST_DEBUG_DUMP_DOT_DIR`.
    pub fn dump(&self, what: &str) {
        // Without the elements' properties: the DTLS key is one of them.
        self.pipeline.debug_to_dot_file_with_ts(
            gst::DebugGraphDetails::MEDIA_TYPE
                | gst::DebugGraphDetails::CAPS_DETAILS
                | gst::DebugGraphDetails::STATES,
            format!("{}-{what}", self.pipeline.name()),
        );
    }
}

impl Peer {
    /// Waits until webrtcbin has done what it was asked for. Descriptions are set by a thread of
    /// its own, which adds elements and starts them: where the pipeline is stopped meanwhile, they
    /// go on running, and leak with all that they hold (seen with 1.22, 2 times in 100).
    fn wait_until_idle(&self) {
        // Statistics are asked for by the same queue, and so come after what was asked before.
        // Twice, as the offer, once made, asks for the local description to be set.
        for _ in 0..2 {
            let (done, is_done) = mpsc::channel();
            let promise = gst::Promise::with_change_func(move |_| {
                // Nobody waits any more where the bound was passed.
                let _ = done.send(());
            });
            self.webrtcbin
                .emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
            if is_done.recv_timeout(IDLE_TIMEOUT).is_err() {
                gst::warning!(CAT, obj = self.webrtcbin, "it does not settle");
                return;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.wait_until_idle();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            gst::error!(CAT, obj = self.pipeline, "it does not stop");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// How the video is to be encoded.
pub struct ChainSettings<'a> {
    /// bit/s
    pub bitrate: u32,
    pub max_width: u32,
    pub max_height: u32,
    pub encoder_setup: &'a dyn Fn(&gst::Element) -> bool,
}

/// The first codec of the answer's video that was offered.
pub fn chosen_codec(
    sdp: &gst_sdp::SDPMessageRef,
    offered: &[OfferedFormat],
) -> Result<OfferedFormat, Error> {
    let video = sdp
        .medias()
        .find(|media| media.media() == Some("video"))
        .ok_or_else(|| bad_answer("it has no video section"))?;
    if video.port() == 0 {
        return Err(bad_answer("it refuses the video"));
    }
    let taken = video.formats().filter_map(|format| {
        let payload_type: u32 = format.parse().ok()?;
        offered.iter().find(|o| o.payload_type == payload_type)
    });
    // The first one, as the far side likes it best; but it costs it nothing to get another one of
    // those that it takes, and passing through costs us nothing.
    let taken: Vec<_> = taken.collect();
    let passed = taken.iter().copied().find(|offered| offered.passthrough);
    passed.or(taken.first().copied()).cloned().ok_or_else(|| {
        let names: Vec<_> = offered.iter().map(|o| o.codec.encoding_name()).collect();
        bad_answer(&format!(
            "it takes none of the codecs that were offered ({}); check video-caps",
            names.join(", ")
        ))
    })
}
