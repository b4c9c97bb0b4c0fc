// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Server-sent events (HTML, 9.2) of an endpoint, from bytes as they come. Endpoints leave out the last empty line.

/// The data of the last event.
pub(crate) const LAST_EVENT_DATA: &str = "[DONE]";

#[derive(Debug, Default, PartialEq)]
pub(crate) struct ModelEvent {
    /// Its type, such as `error`; empty if it has none.
    pub name: String,
    pub data: String,
}

/// Collects events.
#[derive(Default)]
pub(crate) struct EventReader {
    line: Vec<u8>,
    /// The last line ended in CR, so an LF right after it belongs to it.
    after_cr: bool,
    event: ModelEvent,
}

impl EventReader {
    /// How many bytes wait for the rest of their event.
    pub(crate) fn waiting(&self) -> usize {
        self.line.len() + self.event.data.len()
    }

    /// The events that these bytes complete.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<ModelEvent> {
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

    /// The events that the end of the answer completes.
    pub(crate) fn finish(&mut self) -> Vec<ModelEvent> {
        let mut events = Vec::new();
        self.end_line(&mut events);
        self.end_event(&mut events);
        events
    }

    fn end_line(&mut self, events: &mut Vec<ModelEvent>) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_start_matches('\u{feff}');
        if line.is_empty() {
            return self.end_event(events);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" if value.trim() == LAST_EVENT_DATA => {
                self.end_event(events);
                events.push(ModelEvent {
                    data: LAST_EVENT_DATA.to_owned(),
                    ..ModelEvent::default()
                });
            }
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A comment, which keeps the connection alive, or a field that nobody needs.
            _ => {}
        }
    }

    fn end_event(&mut self, events: &mut Vec<ModelEvent>) {
        let event = std::mem::take(&mut self.event);
        if !event.data.is_empty() {
            events.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_complete_however_their_lines_end() {
        let event = |name: &str, data: &str| ModelEvent {
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let body = "data: a\n\n: ping\n\nevent: x\ndata:b\ndata: c\n\ndata: [DONE]";
        let expected = [event("", "a"), event("x", "b\nc"), event("", "[DONE]")];
        for end in ["\n", "\r\n", "\r"] {
            let body = format!("\u{feff}{}", body.replace('\n', end));
            for size in 1..body.len() {
                let mut reader = EventReader::default();
                let pieces = body.as_bytes().chunks(size);
                let mut events: Vec<_> = pieces.flat_map(|piece| reader.read(piece)).collect();
                events.extend(reader.finish());
                assert_eq!(events, expected, "{body:?} in pieces of {size}");
            }
        }
    }
}
