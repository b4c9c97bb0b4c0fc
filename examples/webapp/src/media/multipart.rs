// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Splits `multipart/x-mixed-replace` into its parts: the pictures of a camera. Cameras disagree with their own
//! headers about the boundary, so the first line of the body counts, and not all write the length of a part.
//! multipartdemux (read) has no limit for a part, and these bytes come from anybody.

/// Larger pictures are none.
const MAX_PART_BYTES: usize = 16 * 1024 * 1024;
/// Longer headers are none.
const MAX_HEADER_BYTES: usize = 16 * 1024;

const NOT_MULTIPART: &str = "it does not send pictures in the form that it announces";
const TOO_LARGE: &str = "it sends pictures of more than 16 MB";

/// What comes next.
enum Next {
    /// A line that begins with the boundary. What is before it is no part.
    Boundary,
    Headers,
    /// A part. Without a length it ends where the boundary is. So many of its bytes do not contain that.
    Part {
        length: Option<usize>,
        searched: usize,
    },
}

/// Reads a body. It keeps at most one part, and what arrived with it.
pub(super) struct PartReader {
    bytes: Vec<u8>,
    /// As the first line has it, with its dashes.
    boundary: Vec<u8>,
    next: Next,
}

impl PartReader {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            boundary: Vec::new(),
            next: Next::Boundary,
        }
    }

    /// Adds bytes that have arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete part, if it has arrived.
    ///
    /// # Errors
    /// The body is of another kind, or too large. The text says it.
    pub(super) fn next_part(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        loop {
            let done = match self.next {
                Next::Boundary => self.read_boundary()?,
                Next::Headers => self.read_headers()?,
                Next::Part { length, searched } => {
                    return self.read_part(length, searched);
                }
            };
            if !done {
                return Ok(None);
            }
        }
    }

    /// Returns whether it has arrived.
    fn read_boundary(&mut self) -> Result<bool, &'static str> {
        if !self.boundary.is_empty() {
            let Some(at) = find(&self.bytes, &self.boundary) else {
                // A part of it may have arrived.
                let useless = (self.bytes.len() + 1).saturating_sub(self.boundary.len());
                self.bytes.drain(..useless);
                return Ok(false);
            };
            let Some(end) = find(&self.bytes[at..], b"\n") else {
                return within(self.bytes.len() - at);
            };
            self.bytes.drain(..=at + end);
            self.next = Next::Headers;
            return Ok(true);
        }
        let Some(end) = find(&self.bytes, b"\n") else {
            return within(self.bytes.len());
        };
        let line: Vec<u8> = self.bytes.drain(..=end).collect();
        match line.trim_ascii() {
            [] => {}
            line if line.len() > 2 && line.starts_with(b"--") => {
                self.boundary = line.to_vec();
                self.next = Next::Headers;
            }
            _ => return Err(NOT_MULTIPART),
        }
        Ok(true)
    }

    fn read_headers(&mut self) -> Result<bool, &'static str> {
        let ends =
            [&b"\r\n\r\n"[..], b"\n\n"].map(|end| find(&self.bytes, end).map(|at| at + end.len()));
        // Without headers, an empty line follows the boundary.
        let empty = [&b"\r\n"[..], b"\n"]
            .into_iter()
            .find(|end| self.bytes.starts_with(end));
        let end = match empty {
            Some(empty) => Some(empty.len()),
            None => ends.into_iter().flatten().min(),
        };
        let Some(end) = end else {
            return within(self.bytes.len());
        };
        let headers: Vec<u8> = self.bytes.drain(..end).collect();
        let headers = String::from_utf8_lossy(&headers);
        let mut length = headers.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.trim().eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())
        });
        // A length that is none is as good as no length.
        let length = length.next().flatten().filter(|length| *length > 0);
        if length.is_some_and(|length| length > MAX_PART_BYTES) {
            return Err(TOO_LARGE);
        }
        self.next = Next::Part {
            length,
            searched: 0,
        };
        Ok(true)
    }

    fn read_part(
        &mut self,
        length: Option<usize>,
        searched: usize,
    ) -> Result<Option<Vec<u8>>, &'static str> {
        let end = match length {
            Some(length) => (self.bytes.len() >= length).then_some(length),
            None => find(&self.bytes[searched..], &self.boundary).map(|at| searched + at),
        };
        let Some(end) = end else {
            if self.bytes.len() > MAX_PART_BYTES + self.boundary.len() {
                return Err(TOO_LARGE);
            }
            // A part of the boundary may have arrived.
            let searched = (self.bytes.len() + 1).saturating_sub(self.boundary.len());
            self.next = Next::Part { length, searched };
            return Ok(None);
        };
        let mut part: Vec<u8> = self.bytes.drain(..end).collect();
        if length.is_none() {
            // The line break belongs to the boundary.
            let line_break = [&b"\r\n"[..], b"\n"]
                .into_iter()
                .find(|end| part.ends_with(end));
            part.truncate(part.len() - line_break.map_or(0, <[u8]>::len));
        }
        self.next = Next::Boundary;
        Ok(Some(part))
    }
}

/// Not yet there. An error, if it is longer than headers can be.
fn within(length: usize) -> Result<bool, &'static str> {
    match length {
        0..=MAX_HEADER_BYTES => Ok(false),
        _ => Err(NOT_MULTIPART),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All parts of a body that arrives in pieces of this size.
    fn read(body: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, &'static str> {
        let mut reader = PartReader::new();
        let mut parts = Vec::new();
        for piece in body.chunks(piece) {
            reader.push(piece);
            while let Some(part) = reader.next_part()? {
                parts.push(part);
            }
        }
        Ok(parts)
    }

    #[test]
    fn parts_are_the_same_in_any_pieces_and_styles() {
        let picture = b"\xff\xd8\r\n--\n\n-\0\r\n\r\n\xff\xd9";
        let wanted = vec![picture.to_vec(), picture.to_vec()];
        let part = |before: &str, headers: &str, after: &str| {
            [
                before.as_bytes(),
                headers.as_bytes(),
                picture,
                after.as_bytes(),
            ]
            .concat()
        };
        let length = format!("content-length:{}\r\n\r\n", picture.len());
        let styles = [
            // By the standard, with and without a length.
            (
                "--b\r\n",
                "Content-Type: image/jpeg\r\n\r\n".to_owned(),
                "\r\n",
                "--b--\r\n",
            ),
            ("--b\r\n", length.clone(), "\r\n", "--b--\r\n"),
            // Nothing between a part and the boundary, and line breaks in front.
            ("\r\n--myboundary\r\n", length, "", "\r\n--myboundary\r\n"),
            // Only line feeds, no headers, and a length that is none.
            ("----b \n", "\n".to_owned(), "\n", "----b \n"),
            (
                "--b\n",
                "Content-Length: many\n\n".to_owned(),
                "\n",
                "--b\n",
            ),
        ];
        for (before, headers, after, end) in styles {
            let one = part(before, &headers, after);
            let body = [&one[..], &one, end.as_bytes()].concat();
            for piece in [1, 2, 3, 7, 1000] {
                assert_eq!(
                    read(&body, piece),
                    Ok(wanted.clone()),
                    "{before}{headers} {piece}"
                );
            }
        }
    }

    #[test]
    fn a_wrong_length_costs_one_picture() {
        let body = b"--b\r\nContent-Length: 3\r\n\r\n123456\r\n--b\r\nContent-Length: 6\r\n\r\nabcdef\r\n--b\r\n";
        for piece in [1, 5, 1000] {
            let parts = read(body, piece).expect("it goes on");
            assert_eq!(parts, [&b"123"[..], b"abcdef"]);
        }
    }

    #[test]
    fn memory_is_bounded() {
        assert_eq!(read(b"<html>\n", 9), Err(NOT_MULTIPART));
        assert_eq!(read(b"--\n", 9), Err(NOT_MULTIPART));
        assert_eq!(
            read(&[b'x'; MAX_HEADER_BYTES + 9], 4096),
            Err(NOT_MULTIPART)
        );
        let headers = [b"--b\n", &[b'x'; MAX_HEADER_BYTES + 9][..]].concat();
        assert_eq!(read(&headers, 4096), Err(NOT_MULTIPART));
        assert_eq!(
            read(b"--b\nContent-Length: 16777217\n\n", 99),
            Err(TOO_LARGE)
        );
        let endless = [b"--b\n\n", &vec![b'x'; MAX_PART_BYTES + 99][..]].concat();
        assert_eq!(read(&endless, 1 << 20), Err(TOO_LARGE));
        // What is between parts is not kept.
        let mut reader = PartReader::new();
        reader.push(b"--b\nContent-Length: 1\n\nx");
        assert_eq!(reader.next_part(), Ok(Some(b"x".to_vec())));
        for _ in 0..100 {
            reader.push(&[b'y'; 1000]);
            assert_eq!(reader.next_part(), Ok(None));
        }
        assert!(reader.bytes.len() < 4);
    }
}
