//! webrtcbin itself: set up, watched, asked.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{
    WebRTCBundlePolicy, WebRTCICEConnectionState, WebRTCICEGatheringState,
    WebRTCPeerConnectionState, WebRTCSessionDescription,
};

use super::certificate::Certificate;
use super::event::{PeerEvent, PeerEventHandler, connect_failed, media_failed, offer_failed};
use super::livekit_rtcp;
use super::log_redaction::LogRedaction;
use crate::session::error::Error;
use crate::session::livekit::Candidate;
use crate::sink::CAT;
use crate::sink::config::ice_servers::IceConfig;

/// From one ICE check to the next; in ms.
const STUN_PACING_MS: u32 = 5;

/// Candidates that are told one by one.
const MAX_CANDIDATES: u64 = 40;

pub fn make(
    ice: &IceConfig,
    certificate: &Arc<Certificate>,
    dtlsdec: &Arc<OnceLock<glib::WeakRef<gst::Element>>>,
    packets_received: &Arc<AtomicU64>,
) -> Result<gst::Element, Error> {
    let webrtcbin = gst::ElementFactory::make("webrtcbin")
        .property("bundle-policy", WebRTCBundlePolicy::MaxBundle)
        .property("ice-transport-policy", ice.policy)
        .build()
        .map_err(|_| {
            offer_failed("webrtcbin is missing: install GStreamer's bad plugins and libnice's (Debian: gstreamer1.0-plugins-bad, gstreamer1.0-nice)")
        })?;
    add_servers(&webrtcbin, ice);
    // Waiting for a UPnP router costs 0.2 s of every start, and the offer can't use one.
    if let Some(agent) = nice_agent(&webrtcbin) {
        agent.set_property("upnp", false);
        // The least that RFC 8445, 14.2 allows. By libnice's own 20 ms the checks of the first pair,
        // and with them the start of the video, took 60 ms here, now 15.
        agent.set_property("stun-pacing-timer", STUN_PACING_MS);
    }
    let (pem, dtlsdec, packets_received) = (
        certificate.clone(),
        dtlsdec.clone(),
        packets_received.clone(),
    );
    webrtcbin.connect("deep-element-added", false, move |values| {
        let element = values.get(2)?.get::<gst::Element>().ok()?;
        if element.factory().is_some_and(|f| f.name() == "dtlsdec") {
            element.set_property("pem", &pem.pem);
            // One: there is one media section, and RTCP shares its transport.
            let _ = dtlsdec.set(element.downgrade());
        }
        if element.factory().is_some_and(|f| f.name() == "rtpsession") {
            livekit_rtcp::rewrite_report_ssrc(&element);
        }
        if element.factory().is_some_and(|f| f.name() == "nicesrc") {
            count_packets(&element.static_pad("src")?, packets_received.clone());
        }
        None
    });
    Ok(webrtcbin)
}

/// Adds servers and addresses to those that are there; before the offer is asked for.
pub fn add_servers(webrtcbin: &gst::Element, ice: &IceConfig) {
    if let Some(stun_server) = &ice.stun_server {
        webrtcbin.set_property("stun-server", stun_server);
    }
    for turn_server in &ice.turn_servers {
        let _redaction = LogRedaction::new();
        if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[turn_server]) {
            // Not the server itself: it holds the password.
            gst::warning!(CAT, obj = webrtcbin, "a TURN server was not taken");
        }
    }
    if let Some(agent) = ice_agent(webrtcbin) {
        for address in &ice.local_addresses {
            let address = address.to_string();
            if !agent.emit_by_name::<bool>("add-local-ip-address", &[&address]) {
                gst::warning!(CAT, obj = webrtcbin, "{address} was not taken");
            }
        }
    }
}

/// Counts the packets that come in.
fn count_packets(pad: &gst::Pad, packets_received: Arc<AtomicU64>) {
    let kind = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(kind, move |_, _| {
        packets_received.fetch_add(1, Relaxed);
        gst::PadProbeReturn::Ok
    });
}

/// webrtcbin's ICE implementation.
fn ice_agent(webrtcbin: &gst::Element) -> Option<glib::Object> {
    webrtcbin.find_property("ice-agent")?;
    webrtcbin.property("ice-agent")
}

/// libnice's agent within webrtcbin, where this version shows it.
fn nice_agent(webrtcbin: &gst::Element) -> Option<glib::Object> {
    let ice = ice_agent(webrtcbin)?;
    ice.find_property("agent")?;
    let agent = ice.property::<Option<glib::Object>>("agent")?;
    agent.find_property("upnp")?;
    Some(agent)
}

/// The end of the video must not reach webrtcbin: it would say good-bye (RTCP BYE) to a service
/// that still has answers to give.
pub fn block_eos(pad: &gst::Pad, tell: PeerEventHandler) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && event.type_() == gst::EventType::Eos
        {
            tell(PeerEvent::Drained);
            // Replaced by an event that means nothing, not dropped: before GStreamer 1.24.8 a
            // probe that drops an event draws a CRITICAL.
            let nothing = gst::Structure::new_empty("overshoot-drained");
            *event = gst::event::CustomDownstream::new(nothing);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Errors of the peer's pipeline; its other messages are dropped, as nobody reads them.
pub fn watch_errors(pipeline: &gst::Pipeline, tell: &PeerEventHandler) {
    let Some(bus) = pipeline.bus() else { return };
    let tell = tell.clone();
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let by = message.src().map(|s| s.name()).unwrap_or_default();
            gst::warning!(CAT, "{by}: {} {:?}", error.error(), error.debug());
            tell(PeerEvent::Failed(media_failed(&format!(
                "{} ({by})",
                error.error()
            ))));
        }
        gst::BusSyncReply::Drop
    });
}

/// The pipeline started before it had anything to ask for its latency. From GStreamer 1.24 on, an
/// rtpsession that was told none sends no sender reports, and without them the far side's reports
/// tell no round trip.
fn recalculate_latency_async(webrtcbin: &gst::Element) {
    let Some(pipeline) = webrtcbin.parent().and_downcast::<gst::Pipeline>() else {
        return;
    };
    // Not in webrtcbin's thread, which may hold what the query wants.
    pipeline.call_async(|pipeline| {
        if pipeline.recalculate_latency().is_err() {
            gst::warning!(CAT, obj = pipeline, "the latency is not known");
        }
    });
}

pub fn watch_connection(webrtcbin: &gst::Element, tell: &PeerEventHandler) {
    let connection = tell.clone();
    webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
        let state: WebRTCPeerConnectionState = webrtcbin.property("connection-state");
        gst::debug!(CAT, obj = webrtcbin, "connection {state:?}");
        match state {
            WebRTCPeerConnectionState::Connected => {
                recalculate_latency_async(webrtcbin);
                connection(PeerEvent::Connected);
            }
            WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed => {
                let ice: WebRTCICEConnectionState = webrtcbin.property("ice-connection-state");
                let what = match ice {
                    WebRTCICEConnectionState::Connected | WebRTCICEConnectionState::Completed => {
                        "DTLS failed: the far side refused the handshake or closed the connection"
                    }
                    _ => "ICE failed: no path to the far side. Open UDP in the firewall, or set turn-servers (with the right password)",
                };
                connection(PeerEvent::Failed(connect_failed(what)));
            }
            _ => {}
        }
    });
}

/// Tells the offer once all candidates are known: one shot, no trickle.
pub fn watch_gathering(
    webrtcbin: &gst::Element,
    certificate: &Arc<Certificate>,
    tell: &PeerEventHandler,
) {
    let (certificate, tell) = (certificate.clone(), tell.clone());
    webrtcbin.connect_notify(Some("ice-gathering-state"), move |webrtcbin, _| {
        let state: WebRTCICEGatheringState = webrtcbin.property("ice-gathering-state");
        if state == WebRTCICEGatheringState::Complete {
            tell(gathered(webrtcbin, &certificate));
        }
    });
}

/// Tells each candidate as it is found.
pub fn watch_candidates(webrtcbin: &gst::Element, tell: &PeerEventHandler) {
    let (tell, told) = (tell.clone(), AtomicU64::new(0));
    webrtcbin.connect("on-ice-candidate", false, move |values| {
        // Dozens of networks, as on hosts of containers, must not crowd out what else is told.
        if told.fetch_add(1, Relaxed) >= MAX_CANDIDATES {
            return None;
        }
        let mline = values.get(1)?.get::<u32>().ok()?;
        let candidate = values.get(2)?.get::<String>().ok()?;
        // Newer versions tell the end of the candidates by an empty one.
        if !candidate.is_empty() {
            let mline = Some(mline);
            tell(PeerEvent::Candidate(Candidate { candidate, mline }));
        }
        None
    });
}

/// The offer as it is to be sent, whatever candidates it has so far.
pub fn offered(webrtcbin: &gst::Element, certificate: &Certificate) -> PeerEvent {
    let local: Option<WebRTCSessionDescription> = webrtcbin.property("local-description");
    match local.and_then(|description| description.sdp().as_text().ok()) {
        Some(sdp) => PeerEvent::Offer(certificate.correct_fingerprint(&sdp)),
        None => PeerEvent::Failed(offer_failed("webrtcbin gave none")),
    }
}

/// The same, where it must be complete.
pub fn gathered(webrtcbin: &gst::Element, certificate: &Certificate) -> PeerEvent {
    let local: Option<WebRTCSessionDescription> = webrtcbin.property("local-description");
    let sdp = local.and_then(|description| description.sdp().as_text().ok());
    match sdp {
        Some(sdp) if sdp.contains("a=candidate:") => {
            PeerEvent::Offer(certificate.correct_fingerprint(&sdp))
        }
        _ => PeerEvent::Failed(offer_failed(
            "no address to be reached at was found. Is a network interface up? Behind a strict firewall set turn-servers (with the right password)",
        )),
    }
}

pub fn check_reply(
    reply: Result<Option<&gst::StructureRef>, gst::PromiseError>,
) -> Result<(), String> {
    match reply {
        Ok(Some(reply)) => match reply.get::<glib::Error>("error") {
            Ok(error) => Err(error.to_string()),
            Err(_) => Ok(()),
        },
        Ok(None) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

pub fn description(
    reply: Result<Option<&gst::StructureRef>, gst::PromiseError>,
    field: &str,
) -> Result<WebRTCSessionDescription, String> {
    check_reply(reply)?;
    match reply {
        Ok(Some(reply)) => reply.get(field).map_err(|error| error.to_string()),
        _ => Err("webrtcbin gave none".to_owned()),
    }
}
