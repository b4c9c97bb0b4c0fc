// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Creates and configures webrtcbin, watches it, and reads its replies.

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
use super::packet_lists;
use super::warm_up;
use crate::session::error::Error;
use crate::session::livekit::Candidate;
use crate::sink::CAT;
use crate::sink::config::ice_servers::IceConfig;

/// Time between two ICE checks.
const STUN_PACING_MS: u32 = 5;

/// Maximum number of candidates that are reported one by one.
const MAX_CANDIDATES: u64 = 40;

/// Creates webrtcbin. `dtlsdec` and `packets_received` are filled in when its inner elements exist.
///
/// # Errors
/// If webrtcbin cannot be loaded.
pub fn make(
    ice: &IceConfig,
    certificate: &Arc<Certificate>,
    dtlsdec: &Arc<OnceLock<glib::WeakRef<gst::Element>>>,
    packets_received: &Arc<AtomicU64>,
) -> Result<gst::Element, Error> {
    let broken = "webrtcbin cannot be loaded. Install GStreamer's bad plugins again (Debian: gstreamer1.0-plugins-bad)";
    // The warm-up may not have loaded them yet. webrtcbin loads srtpenc next, and libsrtp's self-tests load and unload NSS
    // a dozen times (Debian 12).
    let factory = warm_up::load_element("webrtcbin").ok_or_else(|| offer_failed(broken))?;
    let _ = warm_up::load_element("srtpenc");
    let webrtcbin = factory
        .create()
        .property("bundle-policy", WebRTCBundlePolicy::MaxBundle)
        .property("ice-transport-policy", ice.policy)
        .build()
        .map_err(|_| offer_failed(broken))?;
    add_servers(&webrtcbin, ice);
    // libnice waits 0.2 s for a UPnP router at every start. The offer can't use the result.
    if let Some(agent) = nice_agent(&webrtcbin) {
        agent.set_property("upnp", false);
        // The minimum of RFC 8445, 14.2. With libnice's default of 20 ms the checks of the first pair took
        // 60 ms (measured), now they take 15 ms. The video starts after them.
        agent.set_property("stun-pacing-timer", STUN_PACING_MS);
    }
    let (pem, dtlsdec, packets_received) = (
        certificate.clone(),
        dtlsdec.clone(),
        packets_received.clone(),
    );
    webrtcbin.connect("deep-element-added", false, move |values| {
        let element = values.get(2)?.get::<gst::Element>().ok()?;
        match element.factory()?.name().as_str() {
            "dtlsdec" => {
                element.set_property("pem", &pem.pem);
                // There is only one dtlsdec: one media section, and RTCP shares its transport.
                let _ = dtlsdec.set(element.downgrade());
            }
            "rtpsession" => livekit_rtcp::rewrite_report_ssrc(&element),
            "clocksync" => packet_lists::keep_together(&element),
            "nicesrc" => count_packets(&element.static_pad("src")?, packets_received.clone()),
            _ => {}
        }
        None
    });
    Ok(webrtcbin)
}

/// Adds STUN and TURN servers and local addresses. Must be called before the offer is made.
pub fn add_servers(webrtcbin: &gst::Element, ice: &IceConfig) {
    if let Some(stun_server) = &ice.stun_server {
        webrtcbin.set_property("stun-server", stun_server);
    }
    for turn_server in &ice.turn_servers {
        let _redaction = LogRedaction::new();
        if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[turn_server]) {
            // The server is not logged, because its URI contains the password.
            gst::warning!(
                CAT,
                obj = webrtcbin,
                "webrtcbin rejected a server of turn-servers, or one that the service sent"
            );
        }
    }
    if let Some(agent) = ice_agent(webrtcbin) {
        for address in &ice.local_addresses {
            let address = address.to_string();
            if !agent.emit_by_name::<bool>("add-local-ip-address", &[&address]) {
                gst::warning!(
                    CAT,
                    obj = webrtcbin,
                    "webrtcbin rejected the local address {address}"
                );
            }
        }
    }
}

/// Counts the incoming packets.
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

/// libnice's agent in webrtcbin, if the installed version exposes it.
fn nice_agent(webrtcbin: &gst::Element) -> Option<glib::Object> {
    let ice = ice_agent(webrtcbin)?;
    ice.find_property("agent")?;
    let agent = ice.property::<Option<glib::Object>>("agent")?;
    agent.find_property("upnp")?;
    Some(agent)
}

/// Keeps EOS away from webrtcbin and reports [`PeerEvent::Drained`] instead. At EOS webrtcbin would send an
/// RTCP BYE, while the service still has answers to send.
pub fn block_eos(pad: &gst::Pad, on_event: PeerEventHandler) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &mut info.data
            && event.type_() == gst::EventType::Eos
        {
            on_event(PeerEvent::Drained);
            // The event is replaced by one without a meaning. Before GStreamer 1.24.8, dropping an event in a
            // probe logs a CRITICAL (<https://github.com/restreamio/docker-gstreamer/pull/67>).
            let replacement = gst::Structure::new_empty("overshoot-drained");
            *event = gst::event::CustomDownstream::new(replacement);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Reports errors of the peer's pipeline. Its other messages are dropped, because nobody reads them.
pub fn watch_errors(pipeline: &gst::Pipeline, on_event: &PeerEventHandler) {
    let Some(bus) = pipeline.bus() else { return };
    let on_event = on_event.clone();
    bus.set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            let source = message.src().map(|s| s.name()).unwrap_or_default();
            gst::warning!(CAT, "{source}: {} {:?}", error.error(), error.debug());
            on_event(PeerEvent::Failed(media_failed(&format!(
                "{} ({source})",
                error.error()
            ))));
        }
        gst::BusSyncReply::Drop
    });
}

/// Distributes the pipeline's latency again. The pipeline starts without a source, so at first it has no
/// latency. From GStreamer 1.24 on, an rtpsession without a latency sends no sender reports, and without
/// these the remote peer's reports contain no round-trip time.
fn recalculate_latency_async(webrtcbin: &gst::Element) {
    let Some(pipeline) = webrtcbin.parent().and_downcast::<gst::Pipeline>() else {
        return;
    };
    // In another thread, because webrtcbin's thread may hold locks that the query needs.
    pipeline.call_async(|pipeline| {
        if pipeline.recalculate_latency().is_err() {
            gst::warning!(CAT, obj = pipeline, "recalculating the latency failed");
        }
    });
}

/// Reports when the connection is established, and when it fails.
pub fn watch_connection(webrtcbin: &gst::Element, on_event: &PeerEventHandler) {
    let on_event = on_event.clone();
    webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
        let state: WebRTCPeerConnectionState = webrtcbin.property("connection-state");
        gst::debug!(CAT, obj = webrtcbin, "connection state: {state:?}");
        match state {
            WebRTCPeerConnectionState::Connected => {
                recalculate_latency_async(webrtcbin);
                on_event(PeerEvent::Connected);
            }
            WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed => {
                let ice: WebRTCICEConnectionState = webrtcbin.property("ice-connection-state");
                let why = match ice {
                    WebRTCICEConnectionState::Connected | WebRTCICEConnectionState::Completed => {
                        "DTLS failed: the remote peer rejected the handshake or closed the connection"
                    }
                    _ => "ICE failed: there is no path to the remote peer. Allow UDP in the firewall, or set turn-servers (with the right password)",
                };
                on_event(PeerEvent::Failed(connect_failed(why)));
            }
            _ => {}
        }
    });
}

/// Reports the offer once gathering is complete.
pub fn watch_gathering(
    webrtcbin: &gst::Element,
    certificate: &Arc<Certificate>,
    on_event: &PeerEventHandler,
) {
    let (certificate, on_event) = (certificate.clone(), on_event.clone());
    webrtcbin.connect_notify(Some("ice-gathering-state"), move |webrtcbin, _| {
        let state: WebRTCICEGatheringState = webrtcbin.property("ice-gathering-state");
        if state == WebRTCICEGatheringState::Complete {
            on_event(gathered(webrtcbin, &certificate));
        }
    });
}

/// Reports each candidate when it is found.
pub fn watch_candidates(webrtcbin: &gst::Element, on_event: &PeerEventHandler) {
    let (on_event, reported) = (on_event.clone(), AtomicU64::new(0));
    webrtcbin.connect("on-ice-candidate", false, move |values| {
        // A host with many networks, such as one that runs containers, has dozens of candidates. They must
        // not crowd out other events.
        if reported.fetch_add(1, Relaxed) >= MAX_CANDIDATES {
            return None;
        }
        let mline = values.get(1)?.get::<u32>().ok()?;
        let candidate = values.get(2)?.get::<String>().ok()?;
        // Newer versions of GStreamer report the end of the candidates as an empty candidate.
        if !candidate.is_empty() {
            let mline = Some(mline);
            on_event(PeerEvent::Candidate(Candidate { candidate, mline }));
        }
        None
    });
}

/// The offer to send, with the candidates known so far.
pub fn offered(webrtcbin: &gst::Element, certificate: &Certificate) -> PeerEvent {
    let local: Option<WebRTCSessionDescription> = webrtcbin.property("local-description");
    match local.and_then(|description| description.sdp().as_text().ok()) {
        Some(sdp) => PeerEvent::Offer(certificate.correct_fingerprint(&sdp)),
        None => PeerEvent::Failed(offer_failed("webrtcbin has no local description")),
    }
}

/// The offer to send after gathering. It fails if there is no candidate.
pub fn gathered(webrtcbin: &gst::Element, certificate: &Certificate) -> PeerEvent {
    let local: Option<WebRTCSessionDescription> = webrtcbin.property("local-description");
    let sdp = local.and_then(|description| description.sdp().as_text().ok());
    match sdp {
        Some(sdp) if sdp.contains("a=candidate:") => {
            PeerEvent::Offer(certificate.correct_fingerprint(&sdp))
        }
        _ => PeerEvent::Failed(offer_failed(
            "webrtcbin found no ICE candidate. Check that a network interface is up; behind a strict firewall, set turn-servers (with the right password)",
        )),
    }
}

/// Returns the error in the reply of a promise, if there is one.
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

/// Reads the session description `field` from the reply of a promise.
pub fn description(
    reply: Result<Option<&gst::StructureRef>, gst::PromiseError>,
    field: &str,
) -> Result<WebRTCSessionDescription, String> {
    check_reply(reply)?;
    match reply {
        Ok(Some(reply)) => reply.get(field).map_err(|error| error.to_string()),
        _ => Err(format!("webrtcbin returned no {field}")),
    }
}
