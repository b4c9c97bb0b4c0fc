// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads what an RTSP server sends, and refuses what would make the client connect elsewhere: redirects, and
//! transports other than the connection itself. `rtspsrc` follows redirects and cannot be stopped from it.

/// Longer headers are no RTSP.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Longer session descriptions are none.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The part of a message that comes next.
enum Next {
    /// A message begins.
    Start,
    /// Text up to an empty line. It is checked as a whole.
    Header(Vec<u8>),
    /// The length of interleaved data: three bytes after the dollar sign.
    FrameHeader(Vec<u8>),
    /// Bytes that are not looked at.
    Skip(usize),
}

/// Reads one direction of a connection: from the server to the client.
pub(super) struct RtspGuard {
    next: Next,
}

impl RtspGuard {
    pub(super) fn new() -> Self {
        Self { next: Next::Start }
    }

    /// Reads the next bytes. Returns those of them that may be passed on: headers are held back until they are
    /// complete.
    ///
    /// # Errors
    /// If the server must not be talked to. The text says why.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut passed = Vec::with_capacity(bytes.len());
        while let Some((&first, rest)) = bytes.split_first() {
            match &mut self.next {
                Next::Start if first == b'$' => {
                    passed.push(first);
                    bytes = rest;
                    self.next = Next::FrameHeader(Vec::with_capacity(3));
                }
                // Empty lines before a message are allowed.
                Next::Start if matches!(first, b'\r' | b'\n') => {
                    passed.push(first);
                    bytes = rest;
                }
                Next::Start => self.next = Next::Header(Vec::new()),
                Next::Header(header) => {
                    header.push(first);
                    bytes = rest;
                    if header.ends_with(b"\r\n\r\n") || header.ends_with(b"\n\n") {
                        let length = check_header(header)?;
                        passed.append(header);
                        self.next = skip(length);
                    } else if header.len() > MAX_HEADER_BYTES {
                        return Err(NOT_RTSP);
                    }
                }
                Next::FrameHeader(header) => {
                    header.push(first);
                    passed.push(first);
                    bytes = rest;
                    if let [_, high, low] = header[..] {
                        self.next = skip(usize::from(u16::from_be_bytes([high, low])));
                    }
                }
                Next::Skip(left) => {
                    let skipped = (*left).min(bytes.len());
                    passed.extend_from_slice(&bytes[..skipped]);
                    bytes = &bytes[skipped..];
                    self.next = skip(*left - skipped);
                }
            }
        }
        Ok(passed)
    }
}

fn skip(length: usize) -> Next {
    match length {
        0 => Next::Start,
        length => Next::Skip(length),
    }
}

/// Checks a message. Returns the length of its body.
fn check_header(header: &[u8]) -> Result<usize, &'static str> {
    let text = String::from_utf8_lossy(header);
    let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_ascii_uppercase();
    if let Some(rest) = first.strip_prefix("RTSP/") {
        let status = rest.split_whitespace().nth(1).unwrap_or_default();
        match status.parse::<u16>() {
            Ok(300..=399) => return Err(REDIRECTS),
            Ok(100..=999) if status.len() == 3 => {}
            _ => return Err(NOT_RTSP),
        }
    } else if first.starts_with("REDIRECT") {
        // Servers may send requests, too.
        return Err(REDIRECTS);
    } else if !first.ends_with("RTSP/1.0") && !first.ends_with("RTSP/2.0") {
        return Err(NOT_RTSP);
    }
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            // The client must see the same end of the message, so only the plain form is accepted.
            "content-length" => {
                let plain = name.len() == name.trim().len() && length.is_none();
                let value = value.trim().parse().ok();
                let value = value.filter(|length| plain && *length <= MAX_BODY_BYTES);
                length = Some(value.ok_or(NOT_RTSP)?);
            }
            "transport" if !value.to_ascii_uppercase().contains("TCP") => {
                return Err("it sends video only by UDP, which this server does not accept");
            }
            _ => {}
        }
    }
    Ok(length.unwrap_or_default())
}

const NOT_RTSP: &str = "its answer is not RTSP";
const REDIRECTS: &str = "it redirects to another address. Give that address instead";

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 9\r\n\r\nRTSP/1.0 \
RTSP/1.0 200 OK\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n$\0\0\x0fRTSP/1.0 302 No\nOPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

    fn read(bytes: &[u8], chunk: usize) -> Result<Vec<u8>, &'static str> {
        let mut guard = RtspGuard::new();
        let chunks = bytes.chunks(chunk).map(|chunk| guard.read(chunk));
        Ok(chunks.collect::<Result<Vec<_>, _>>()?.concat())
    }

    #[test]
    fn a_session_passes_unchanged_in_any_pieces() {
        for chunk in [1, 2, 3, 7, 1000] {
            assert_eq!(read(SESSION, chunk), Ok(SESSION.to_vec()), "{chunk}");
        }
    }

    #[test]
    fn whatever_leads_elsewhere_is_refused() {
        for message in [
            "RTSP/1.0 302 Found\r\nLocation: rtsp://10.0.0.1/\r\n\r\n",
            "RTSP/2.0  301 x\nLocation: rtsp://10.0.0.1/\n\n",
            "\r\nREDIRECT rtsp://a RTSP/1.0\r\nLocation: rtsp://10.0.0.1/\r\n\r\n",
            "RTSP/1.0 200 OK\r\nTransport: RTP/AVP;unicast;destination=10.0.0.1;server_port=1-2\r\n\r\n",
            "HTTP/1.1 302 Found\r\n\r\n",
            "RTSP/1.0 0302 Found\r\n\r\n",
            "rtsp/1.0 302 Found\r\n\r\n",
            "RTSP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "RTSP/1.0 200 OK\r\nContent-Length : 9\r\n\r\n",
            "RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        ] {
            let after = [SESSION, message.as_bytes()].concat();
            for chunk in [1, 5, 1000] {
                assert!(read(&after, chunk).is_err(), "{message}");
            }
        }
        assert!(read(&vec![b'x'; MAX_HEADER_BYTES + 2], 4096).is_err());
    }
}
