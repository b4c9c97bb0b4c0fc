// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Server-sent events (HTML, 9.2), from bytes as they come.
//!
//! This reader is our own. The published ones (eventsource-stream 0.2, sseer 0.3) end with an error at
//! the first byte that is not UTF-8, and they drop an event that the end of the body cuts off, as
//! HTML says. Services do end a body with `data: [DONE]` and no empty line; that, like lines that end
//! in CR alone, is not read here yet, but can be.

/// Collects the data of events; names and ids are ignored.
#[derive(Default)]
pub struct EventStreamReader {
    line: Vec<u8>,
    data: String,
}

impl EventStreamReader {
    /// The data of the events that these bytes complete.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if !self.data.is_empty() {
                    events.push(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let body = ": hello\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: x\ndata: [DONE]\n\n";
        for size in 1..=body.len() {
            let mut reader = EventStreamReader::default();
            let chunks = body.as_bytes().chunks(size);
            let events: Vec<_> = chunks.flat_map(|chunk| reader.read(chunk)).collect();
            assert_eq!(events, ["{\"a\":\n1}", "[DONE]"], "in pieces of {size}");
        }
    }
}
