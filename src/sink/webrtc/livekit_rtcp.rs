// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Changes the receiver reports (RTCP RR) of LiveKit servers so that GStreamer does not ignore them.
//!
//! LiveKit sends a report with the SSRC of the stream that the report is about
//! (<https://github.com/livekit/livekit/pull/760>). GStreamer 1.22 (tested) takes this for a report of its
//! own source and ignores it. Then round-trip time and loss are unknown, and also whether video arrives.

use gst::prelude::*;

/// RFC 3550, 6.4.2.
const RECEIVER_REPORT: u8 = 201;

/// Changes the sender SSRC of incoming reports whose sender is the stream that they are about.
pub fn rewrite_report_ssrc(rtpsession: &gst::Element) {
    rtpsession.connect_pad_added(|_, pad| {
        if pad.name() != "recv_rtcp_sink" {
            return;
        }
        pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                && buffer
                    .map_readable()
                    .is_ok_and(|packet| self_report_offset(&packet).is_some())
                && let Ok(mut packet) = buffer.make_mut().map_writable()
            {
                while let Some(sender) = self_report_offset(&packet) {
                    packet[sender + 3] ^= 1;
                }
            }
            gst::PadProbeReturn::Ok
        });
    });
}

/// The offset of the sender SSRC of the first report in a compound packet (RFC 3550, 6.1) whose sender is
/// also the stream that it is about.
fn self_report_offset(packet: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(header) = packet.get(start..start + 4) {
        let length = 4 * (usize::from(u16::from_be_bytes([header[2], header[3]])) + 1);
        let about = packet.get(start + 8..start + 12);
        if header[1] == RECEIVER_REPORT
            && length >= 12
            && about.is_some()
            && packet.get(start + 4..start + 8) == about
        {
            return Some(start + 4);
        }
        start += length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: u8, sender: u32, about: &[u32]) -> Vec<u8> {
        let words = 1 + 6 * about.len();
        let mut packet = vec![0x80 | about.len() as u8, kind, 0, words as u8];
        packet.extend(sender.to_be_bytes());
        for ssrc in about {
            packet.extend(ssrc.to_be_bytes());
            packet.extend([0; 20]);
        }
        packet
    }

    #[test]
    fn reports_with_the_ssrc_of_their_subject_are_found() {
        assert_eq!(self_report_offset(&report(201, 7, &[7])), Some(4));
        assert_eq!(self_report_offset(&report(201, 8, &[7])), None);
        assert_eq!(self_report_offset(&report(200, 7, &[7])), None);
        // A report without blocks, a report behind another packet, and a truncated packet.
        assert_eq!(self_report_offset(&report(201, 7, &[])), None);
        let first = report(201, 8, &[7]);
        let both = [first.clone(), report(201, 7, &[7])].concat();
        assert_eq!(self_report_offset(&both), Some(first.len() + 4));
        for length in 0..first.len() + 12 {
            assert_eq!(self_report_offset(&both[..length]), None, "{length}");
        }
    }
}
