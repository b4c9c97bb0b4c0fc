//! Reports of LiveKit servers, made ones that GStreamer counts.
//!
//! LiveKit reports (RTCP RR) under the very SSRC that it reports about. GStreamer (1.22, as tried)
//! takes such a report for one of our own source, and tells nothing of it: neither round trip nor
//! loss, and whether video arrives would never be known.

use gst::prelude::*;

/// RFC 3550, 6.4.2.
const RECEIVER_REPORT: u8 = 201;

/// Gives reports about ourselves in our own name another sender, on this session's way in.
pub fn rewrite_report_ssrc(rtpsession: &gst::Element) {
    rtpsession.connect_pad_added(|_, pad| {
        if pad.name() != "recv_rtcp_sink" {
            return;
        }
        pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data
                && buffer
                    .map_readable()
                    .is_ok_and(|packet| own_report(&packet).is_some())
                && let Ok(mut packet) = buffer.make_mut().map_writable()
            {
                while let Some(sender) = own_report(&packet) {
                    packet[sender + 3] ^= 1;
                }
            }
            gst::PadProbeReturn::Ok
        });
    });
}

/// Where a report of a compound packet (RFC 3550, 6.1) names its sender, which is also the one that
/// it reports about.
fn own_report(packet: &[u8]) -> Option<usize> {
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
    fn reports_in_our_own_name_are_found() {
        assert_eq!(own_report(&report(201, 7, &[7])), Some(4));
        assert_eq!(own_report(&report(201, 8, &[7])), None);
        assert_eq!(own_report(&report(200, 7, &[7])), None);
        // Without anything reported, behind another packet, and cut short.
        assert_eq!(own_report(&report(201, 7, &[])), None);
        let first = report(201, 8, &[7]);
        let both = [first.clone(), report(201, 7, &[7])].concat();
        assert_eq!(own_report(&both), Some(first.len() + 4));
        for length in 0..first.len() + 12 {
            assert_eq!(own_report(&both[..length]), None, "{length}");
        }
    }
}
