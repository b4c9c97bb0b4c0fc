// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads and changes SDP text without str0m.

use crate::faults::fault::Fault;

/// The video section of a session description.
#[derive(Debug, PartialEq)]
pub(crate) struct Video {
    /// Whether the port is not 0.
    pub accepted: bool,
    /// Whether the author of the description sends.
    pub sends: bool,
    /// The encoding names of its `a=rtpmap` lines, in upper case.
    pub codecs: Vec<String>,
}

/// The first `m=video` section, RFC 8866.
pub(crate) fn video(sdp: &str) -> Option<Video> {
    let mut lines = sdp.lines().map(str::trim);
    let media = lines.find(|line| line.starts_with("m=video "))?;
    let mut video = Video {
        accepted: media.split(' ').nth(1).is_some_and(|port| port != "0"),
        sends: true,
        codecs: Vec::new(),
    };
    for line in lines.take_while(|line| !line.starts_with("m=")) {
        match line {
            "a=recvonly" | "a=inactive" => video.sends = false,
            _ => {
                let name = line
                    .strip_prefix("a=rtpmap:")
                    .and_then(|map| map.split_once(' '))
                    .and_then(|(_, encoding)| encoding.split('/').next());
                video.codecs.extend(name.map(str::to_ascii_uppercase));
            }
        }
    }
    Some(video)
}

/// The `a=mid` of each video section that sends, in order.
pub(crate) fn sent_videos(sdp: &str) -> Vec<String> {
    sections(sdp)
        .filter(|section| section.starts_with("m=video ") && !section.starts_with("m=video 0 "))
        .filter(|section| {
            let mut lines = section.lines().map(str::trim);
            !lines.any(|line| line == "a=recvonly" || line == "a=inactive")
        })
        .filter_map(|section| {
            let mut lines = section.lines().map(str::trim);
            lines.find_map(|line| line.strip_prefix("a=mid:").map(str::to_owned))
        })
        .collect()
}

/// The media sections, each from its `m=` line on.
fn sections(sdp: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = sdp
        .match_indices("m=")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || sdp.get(..*at).is_some_and(|before| before.ends_with('\n')))
        .collect();
    let ends = starts.iter().copied().skip(1).chain([sdp.len()]);
    let ranges: Vec<_> = starts.iter().copied().zip(ends).collect();
    ranges
        .into_iter()
        .filter_map(|(start, end)| sdp.get(start..end))
}

/// Removes the candidates, to trickle them. Returns each candidate once, without `a=`.
pub(crate) fn take_candidates(sdp: &str) -> (String, Vec<String>) {
    let mut candidates: Vec<String> = Vec::new();
    let mut kept = String::with_capacity(sdp.len());
    for line in sdp.lines().map(str::trim_end) {
        if let Some(candidate) = line
            .strip_prefix("a=")
            .filter(|a| a.starts_with("candidate:"))
        {
            if !candidates.iter().any(|known| known == candidate) {
                candidates.push(candidate.to_owned());
            }
        } else if line != "a=end-of-candidates" {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    (kept, candidates)
}

/// Moves a codec's payload types to the front of the video sections, so that it is the one to send.
pub(crate) fn prefer(sdp: &str, codec: &str) -> String {
    let types: Vec<&str> = sdp
        .lines()
        .filter_map(|line| line.trim().strip_prefix("a=rtpmap:")?.split_once(' '))
        .filter(|(_, encoding)| {
            let name = encoding.split('/').next().unwrap_or_default();
            name.eq_ignore_ascii_case(codec)
        })
        .map(|(payload_type, _)| payload_type)
        .collect();
    edit(sdp, |line| {
        if !line.starts_with("m=video ") {
            return line.to_owned();
        }
        // m=video <port> <proto> <type>…
        let parts: Vec<&str> = line.split(' ').collect();
        let (head, tail) = parts.split_at(parts.len().min(3));
        let (first, rest): (Vec<&str>, Vec<&str>) =
            tail.iter().copied().partition(|part| types.contains(part));
        [head, &first, &rest].concat().join(" ")
    })
}

/// Changes an answer as the fault says.
pub(crate) fn with_fault(answer: String, fault: Option<&Fault>) -> String {
    match fault {
        Some(Fault::AnswerWithoutVideo) => without_video(&answer),
        Some(Fault::WrongFingerprint) => with_wrong_fingerprint(&answer),
        Some(Fault::GarbageSdp) => "this is not a session description".to_owned(),
        Some(Fault::InactiveAnswer) => inactive(&answer),
        Some(Fault::LooseAnswer) => loose(&answer),
        _ => answer,
    }
}

/// Answers that nothing is to be sent, but rejects nothing (RFC 3264 section 6.1).
fn inactive(sdp: &str) -> String {
    edit(sdp, |line| match line {
        "a=sendrecv" | "a=recvonly" | "a=sendonly" => "a=inactive".to_owned(),
        _ => line.to_owned(),
    })
}

/// Moves `a=setup` to the session, which RFC 8842 section 5.2 allows, and puts spaces at the ends of all lines.
fn loose(sdp: &str) -> String {
    let is_setup = |line: &&str| line.starts_with("a=setup:");
    let setup = sdp.lines().find(is_setup);
    let rest = sdp.lines().filter(|line| !is_setup(line));
    let (session, media): (Vec<_>, Vec<_>) = {
        let mut in_media = false;
        rest.partition(|line| {
            in_media |= line.starts_with("m=");
            !in_media
        })
    };
    let lines = session.into_iter().chain(setup).chain(media);
    lines.map(|line| format!("{line} \r\n")).collect()
}

/// Rejects the video in an answer, with port 0 (RFC 3264 section 6).
fn without_video(sdp: &str) -> String {
    let mut in_video = false;
    edit(sdp, |line| {
        if line.starts_with("m=") {
            in_video = line.starts_with("m=video ");
            if in_video {
                let mut parts: Vec<&str> = line.split(' ').collect();
                if let Some(port) = parts.get_mut(1) {
                    *port = "0";
                }
                return parts.join(" ");
            }
        }
        match line {
            "a=sendrecv" | "a=recvonly" | "a=sendonly" if in_video => "a=inactive".to_owned(),
            _ => line.to_owned(),
        }
    })
}

/// Replaces the fingerprint with one that is not the certificate's.
fn with_wrong_fingerprint(sdp: &str) -> String {
    edit(sdp, |line| match line.strip_prefix("a=fingerprint:") {
        Some(fingerprint) => {
            let (hash, digits) = fingerprint.split_once(' ').unwrap_or((fingerprint, ""));
            let wrong = digits
                .chars()
                .map(|c| match c {
                    ':' => ':',
                    '0' => '1',
                    _ => '0',
                })
                .collect::<String>();
            format!("a=fingerprint:{hash} {wrong}")
        }
        None => line.to_owned(),
    })
}

fn edit(sdp: &str, line: impl FnMut(&str) -> String) -> String {
    let mut text = sdp.lines().map(line).collect::<Vec<_>>().join("\r\n");
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\nm=audio 9 X 0\r\na=sendonly\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtpmap:97 h264/90000\r\na=fingerprint:sha-256 0A:FF\r\na=recvonly\r\n\
        m=video 9 X 98\r\na=rtpmap:98 AV1/90000\r\n";

    #[test]
    fn the_first_video_section_is_read() {
        assert_eq!(
            video(SDP),
            Some(Video {
                accepted: true,
                sends: false,
                codecs: vec!["VP8".to_owned(), "H264".to_owned()],
            })
        );
        assert_eq!(video("v=0\r\nm=audio 9 X 0\r\n"), None);
        assert_eq!(video(""), None);
    }

    #[test]
    fn sent_videos_are_found() {
        let sdp = "v=0\r\nm=video 9 X 96\r\na=mid:0\r\na=recvonly\r\nm=audio 9 X 0\r\na=mid:1\r\n\
            m=video 9 X 96\r\na=sendonly\r\na=mid:2\r\nm=video 0 X 96\r\na=mid:3\r\n";
        assert_eq!(sent_videos(sdp), ["2"]);
        assert!(sent_videos("").is_empty());
    }

    #[test]
    fn candidates_are_taken_out() {
        let (sdp, candidates) = take_candidates(
            "v=0\r\nm=video 9 X 96\r\na=candidate:1 a\r\na=mid:0\r\na=end-of-candidates\r\n\
            m=audio 9 X 0\r\na=candidate:1 a\r\n",
        );
        assert_eq!(candidates, ["candidate:1 a"]);
        assert_eq!(sdp, "v=0\r\nm=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 0\r\n");
    }

    #[test]
    fn a_codec_is_put_first() {
        let preferred = prefer(SDP, "h264");
        assert!(preferred.contains("m=video 9 UDP/TLS/RTP/SAVPF 97 96\r\n"));
        assert!(preferred.contains("m=audio 9 X 0\r\n"));
        assert_eq!(prefer(SDP, "none"), SDP);
    }

    #[test]
    fn answers_are_changed_by_faults() {
        let refused = without_video(SDP);
        assert!(refused.contains("m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n"));
        assert!(refused.contains("a=inactive\r\n"));
        assert!(
            refused.contains("a=sendonly\r\n"),
            "the audio is left alone"
        );
        let wrong = with_wrong_fingerprint(SDP);
        assert!(wrong.contains("a=fingerprint:sha-256 10:00\r\n"), "{wrong}");
        assert!(!inactive(SDP).contains("a=recvonly"));
        assert_eq!(
            loose("v=0\r\nm=video 9 X 96\r\na=setup:active\r\na=mid:0\r\n"),
            "v=0 \r\na=setup:active \r\nm=video 9 X 96 \r\na=mid:0 \r\n"
        );
    }
}
