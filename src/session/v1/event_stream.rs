// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Server-sent events (HTML, 9.2), from bytes as they come.
//!
//! This reader is our own. The published ones (eventsource-stream 0.2, sseer 0.3) end with an error at
//! the first byte that is not UTF-8, and they drop an event that the end of the body cuts off, as
//! HTML says. Services do end a body with `data: [DONE]` and no empty line, and the answer before it was paid
//! for.

use std::mem::take;

/// The data of the last event of an answer.
pub const END_MARK: &str = "[DONE]";

/// An event. Its id is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its type: `error` for example; empty if it has none.
    pub name: String,
    pub data: String,
}

/// Collects events.
#[derive(Default)]
pub struct EventStreamReader {
    line: Vec<u8>,
    /// The last line ended in CR, so an LF right after it belongs to it.
    after_cr: bool,
    after_first_line: bool,
    event: StreamEvent,
    has_data: bool,
}

impl EventStreamReader {
    /// The events that these bytes complete.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        for byte in bytes {
            let follows_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if follows_cr => {}
                b'\n' | b'\r' => self.end_line(&mut events),
                byte => self.line.push(*byte),
            }
        }
        events
    }

    /// The events that the end of the body completes.
    pub fn finish(&mut self) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        self.end_line(&mut events);
        self.end_event(&mut events);
        events
    }

    fn end_line(&mut self, events: &mut Vec<StreamEvent>) {
        let line = take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = match std::mem::replace(&mut self.after_first_line, true) {
            true => &*line,
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
        };
        if line.is_empty() {
            return self.end_event(events);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            // It ends the answer, whether an empty line follows or not.
            "data" if value.trim() == END_MARK => {
                self.end_event(events);
                events.push(StreamEvent {
                    name: String::new(),
                    data: END_MARK.to_owned(),
                });
            }
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, an id, or unknown.
            _ => {}
        }
    }

    fn end_event(&mut self, events: &mut Vec<StreamEvent>) {
        self.has_data = false;
        let event = take(&mut self.event);
        if !event.data.is_empty() {
            events.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, size: usize) -> Vec<(String, String)> {
        let mut reader = EventStreamReader::default();
        let chunks = body.as_bytes().chunks(size);
        let mut events: Vec<_> = chunks.flat_map(|chunk| reader.read(chunk)).collect();
        events.extend(reader.finish());
        events.into_iter().map(|e| (e.name, e.data)).collect()
    }

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let body =
            ": hello\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: x\ndata: é\n\ndata: [DONE]\n\n";
        let event = |name: &str, data: &str| (name.to_owned(), data.to_owned());
        let events = [
            event("", "{\"a\":\n1}"),
            event("x", "é"),
            event("", "[DONE]"),
        ];
        for size in 1..=body.len() {
            assert_eq!(read(body, size), events, "in pieces of {size}");
        }
    }

    #[test]
    fn any_end_of_a_line_and_of_a_body_is_read() {
        let event = |data: &str| (String::new(), data.to_owned());
        for body in [
            "data: a\n\ndata: b\n\ndata: [DONE]\n\n",
            "data: a\r\n\r\ndata: b\r\n\r\ndata: [DONE]\r\n\r\n",
            "data: a\r\rdata: b\r\rdata: [DONE]\r\r",
            "\u{feff}data: a\n\r\ndata:b\r\n\ndata: [DONE]",
            "data: a\n\ndata: b\ndata: [DONE]\n",
            ":\n\nevent\ndata\n\ndata: a\nid: 3\nretry: 5\n\ndata: b\n\ndata: [DONE] \n",
        ] {
            for size in 1..=body.len() {
                assert_eq!(
                    read(body, size),
                    [event("a"), event("b"), event("[DONE]")],
                    "{body:?} in pieces of {size}"
                );
            }
        }
        // An event that the end of the body cuts off.
        assert_eq!(read("data: a\n\ndata: b", 3), [event("a"), event("b")]);
    }

    #[test]
    fn the_end_mark_needs_no_empty_line() {
        let mut reader = EventStreamReader::default();
        let data = |event: StreamEvent| event.data;
        let events = reader.read(b"data: a\n\ndata: [DONE]\n");
        let events: Vec<_> = events.into_iter().map(data).collect();
        assert_eq!(events, ["a", "[DONE]"]);
    }
}
