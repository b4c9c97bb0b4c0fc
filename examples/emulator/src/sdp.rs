//! The few things that are read from SDP text, or spoilt in it, without str0m.

/// The video section of a session description.
#[derive(Debug, PartialEq)]
pub(crate) struct Video {
    /// A port other than 0.
    pub accepted: bool,
    /// Whether the one who wrote it would send.
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

/// Refuses the video of an answer, as RFC 3264 section 6 does: port 0.
pub(crate) fn without_video(sdp: &str) -> String {
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

/// Names a fingerprint that is not the certificate's.
pub(crate) fn with_wrong_fingerprint(sdp: &str) -> String {
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
    fn answers_are_spoilt() {
        let refused = without_video(SDP);
        assert!(refused.contains("m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\n"));
        assert!(refused.contains("a=inactive\r\n"));
        assert!(
            refused.contains("a=sendonly\r\n"),
            "the audio is left alone"
        );
        let wrong = with_wrong_fingerprint(SDP);
        assert!(wrong.contains("a=fingerprint:sha-256 10:00\r\n"), "{wrong}");
    }
}
