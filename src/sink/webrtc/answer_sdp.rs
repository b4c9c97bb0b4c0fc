// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Answers in SDP: what they say about the video, and small mistakes that webrtcbin does not forgive.

use super::event::bad_answer;
use crate::session::error::Error;
use crate::sink::codec::offer::OfferedFormat;

/// The same answer in the form that webrtcbin reads: no spaces at the ends of lines, and `a=setup`, which
/// webrtcbin reads only from the media, moved there from the session (RFC 8842, 5.2 allows both).
pub fn normalize(answer: &str) -> String {
    let lines = answer
        .trim_start_matches('\u{feff}')
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in lines {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    let is_setup = |line: &&str| line.starts_with("a=setup:");
    let (session, media) = sections.split_at_mut(1);
    let session = &mut session[0];
    if let Some(setup) = session.iter().copied().find(is_setup) {
        session.retain(|line| !is_setup(line));
        for section in media {
            if !section.iter().any(is_setup) {
                section.push(setup);
            }
        }
    }
    sections
        .iter()
        .flatten()
        .flat_map(|line| [*line, "\r\n"])
        .collect()
}

/// Checks that the remote peer receives the video. A direction of the session is that of all its media
/// (RFC 8866, 6.7).
///
/// # Errors
/// If the answer refuses it: no packet would ever arrive.
pub fn check_direction(
    sdp: &gst_sdp::SDPMessageRef,
    video: &gst_sdp::SDPMediaRef,
) -> Result<(), Error> {
    const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let direction = video
        .attributes()
        .chain(sdp.attributes())
        .map(|attribute| attribute.key())
        .find(|key| DIRECTIONS.contains(key));
    match direction {
        Some(direction @ ("inactive" | "sendonly")) => Err(bad_answer(&format!(
            "it refuses the video (a={direction}), as the service does when it does not want to receive it"
        ))),
        _ => Ok(()),
    }
}

/// The format that the answer selects.
///
/// # Errors
/// If the answer has no video, does not receive it, or has no format that was offered.
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
    check_direction(sdp, video)?;
    let accepted = video.formats().filter_map(|format| {
        let payload_type: u32 = format.parse().ok()?;
        offered.iter().find(|o| o.payload_type == payload_type)
    });
    // The first accepted format is the one that the remote peer prefers. But passthrough comes before it: it
    // saves the encoding here, and costs the remote peer nothing, as it accepts that format too.
    let accepted: Vec<_> = accepted.collect();
    let passthrough = accepted.iter().copied().find(|offered| offered.passthrough);
    passthrough
        .or(accepted.first().copied())
        .cloned()
        .ok_or_else(|| {
            let names: Vec<_> = offered.iter().map(|o| o.codec.encoding_name()).collect();
            bad_answer(&format!(
                "it accepts none of the offered codecs ({}); list other codecs in video-caps",
                names.join(", ")
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setup_goes_to_the_media_that_have_none() {
        let answer = "\u{feff}v=0\r\ns=- \na=setup:active \t\r\na=group:BUNDLE 0\rm=video 9 x 96 \r\n\
                      a=mid:0\r\n\r\nm=audio 0 x 0\r\na=setup:passive";
        assert_eq!(
            normalize(answer),
            "v=0\r\ns=-\r\na=group:BUNDLE 0\r\nm=video 9 x 96\r\na=mid:0\r\na=setup:active\r\n\
             m=audio 0 x 0\r\na=setup:passive\r\n"
        );
        assert_eq!(normalize(""), "");
    }

    #[test]
    fn an_answer_that_does_not_receive_is_refused() {
        gst::init().expect("GStreamer");
        let check = |session: &str, media: &str| {
            let text = normalize(&format!(
                "v=0\n{session}\nm=video 9 UDP/TLS/RTP/SAVPF 96\n{media}\n"
            ));
            let sdp = gst_sdp::SDPMessage::parse_buffer(text.as_bytes()).expect("SDP");
            let video = sdp.medias().next().expect("a video");
            check_direction(&sdp, video).map_err(|error| error.message)
        };
        for (session, media) in [
            ("", ""),
            ("", "a=recvonly"),
            ("", "a=sendrecv"),
            ("a=inactive", "a=recvonly "),
        ] {
            assert_eq!(check(session, media), Ok(()), "{session:?} {media:?}");
        }
        for (session, media) in [
            ("", "a=inactive "),
            ("", "a=sendonly"),
            ("a=inactive", ""),
            ("a=recvonly", "a=inactive"),
        ] {
            let message = check(session, media).expect_err("refused");
            assert!(message.contains("refuses the video"), "{message}");
        }
    }
}
