// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What webrtcbin's statistics say about the current connection.

/// The last statistics of webrtcbin about the current connection.
#[derive(Default)]
pub struct LinkStats {
    pub rtt: Option<f64>,
    packets_lost: Option<i64>,
    fraction_lost: Option<f64>,
    nacks: Option<u32>,
    plis: Option<u32>,
    ice_local: Option<String>,
    ice_remote: Option<String>,
}

impl LinkStats {
    /// Reads the structures of `get-stats`, whose names are those of the W3C specification webrtc-stats.
    pub fn of(report: &gst::StructureRef) -> Self {
        let parts: Vec<(String, gst::Structure)> = report
            .iter()
            .filter_map(|(id, value)| Some((id.to_string(), value.get().ok()?)))
            .collect();
        let named = |name: &str| {
            parts
                .iter()
                .map(|(_, part)| part)
                .find(|p| p.name() == name)
        };
        let with_id = |id: &str| {
            parts
                .iter()
                .find(|(own, _)| own == id)
                .map(|(_, part)| part)
        };

        let mut link = Self::default();
        if let Some(sent) = named("outbound-rtp") {
            link.nacks = sent.get("nack-count").ok();
            link.plis = sent.get("pli-count").ok();
        }
        if let Some(received) = named("remote-inbound-rtp") {
            // All values are 0 until the first report of the remote peer.
            link.rtt = received
                .get("round-trip-time")
                .ok()
                .filter(|rtt| *rtt > 0.0);
            if link.rtt.is_some() {
                link.packets_lost = received.get("packets-lost").ok();
                link.fraction_lost = received.get("fraction-lost").ok();
            }
        }
        let pair = named("transport")
            .and_then(|transport| transport.get("selected-candidate-pair-id").ok())
            .and_then(with_id);
        // The ids select them, because GStreamer 1.22 mixes up the types of the two candidates.
        let candidate = |field: &str| describe(with_id(pair?.get(field).ok()?)?);
        link.ice_local = candidate("local-candidate-id");
        link.ice_remote = candidate("remote-candidate-id");
        link
    }

    /// Adds the fields to `stats`.
    pub fn add_to(&self, stats: &mut gst::StructureRef) {
        stats.set_if_some("rtt-ms", self.rtt.map(|seconds| seconds * 1000.0));
        stats.set_if_some("packets-lost", self.packets_lost);
        stats.set_if_some("fraction-lost", self.fraction_lost);
        stats.set_if_some("nacks", self.nacks);
        stats.set_if_some("plis", self.plis);
        stats.set_if_some("ice-local", self.ice_local.as_deref());
        stats.set_if_some("ice-remote", self.ice_remote.as_deref());
    }
}

/// The text of a candidate, such as `udp host 10.0.0.2:4711`.
fn describe(candidate: &gst::Structure) -> Option<String> {
    let protocol: &str = candidate.get("protocol").ok()?;
    let kind: &str = candidate.get("candidate-type").ok()?;
    let address: &str = candidate.get("address").ok()?;
    let port: u32 = candidate.get("port").ok()?;
    Some(match address.contains(':') {
        true => format!("{protocol} {kind} [{address}]:{port}"),
        false => format!("{protocol} {kind} {address}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reported_is_absent() {
        gst::init().expect("GStreamer");
        // Before the first report of the remote peer.
        let silent = gst::Structure::builder("remote-inbound-rtp")
            .field("packets-lost", 0i64)
            .field("fraction-lost", 0f64)
            .field("round-trip-time", 0f64)
            .build();
        let report = gst::Structure::builder("stats").field("remote", silent);
        let link = LinkStats::of(&report.build());
        assert!(link.rtt.is_none() && link.packets_lost.is_none() && link.ice_local.is_none());
    }
}
