// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Prints one readable line for each event.

use std::io::Write;
use std::time::{Duration, Instant};

use overshoot_emulator::{Codec, Event};

/// Prints events with the time since the start.
pub(crate) struct Printer {
    started: Instant,
    verbosity: Verbosity,
}

/// How much is printed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Verbosity {
    /// Only what the user must fix.
    Errors,
    Events,
    /// Samples too.
    Everything,
}

impl Printer {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        Printer {
            started: Instant::now(),
            verbosity,
        }
    }

    pub(crate) fn print(&self, event: &Event) {
        if let Event::NoModel { message } = event {
            eprintln!("overshoot-emulator: no model yet: {}", plain(message));
            return;
        }
        let shown = match event {
            Event::Sampled { .. } => self.verbosity == Verbosity::Everything,
            _ => self.verbosity != Verbosity::Errors,
        };
        if !shown {
            return;
        }
        let at = self.started.elapsed().as_secs_f64();
        let mut stdout = std::io::stdout().lock();
        // A closed stdout is no reason to stop.
        let _ = writeln!(stdout, "{at:9.3}  {}", format_event(event));
        let _ = stdout.flush();
    }
}

/// An event in words.
fn format_event(event: &Event) -> String {
    match event {
        Event::Created {
            stream,
            mode,
            codec,
            model,
            prompt,
        } => format!(
            "{}  created: {mode} mode, {}, {model}, prompt {}",
            short(stream),
            codec.map_or("in a LiveKit room", Codec::name),
            quoted(prompt)
        ),
        Event::Opened { stream } => format!("{}  created on v1", short(stream)),
        Event::Asked {
            streams,
            prompt,
            frames,
            answer,
        } => {
            let streams: Vec<&str> = streams.iter().map(|stream| short(stream)).collect();
            format!(
                "{}  asked {} of {frames} frames: {}",
                streams.join(", "),
                quoted(prompt),
                plain(answer)
            )
        }
        Event::Connected {
            stream,
            codec,
            after,
        } => format!(
            "{}  connected{} after {}",
            short(stream),
            codec.map_or_else(String::new, |codec| format!(" with {codec}")),
            ms(*after)
        ),
        Event::FirstFrame {
            stream,
            width,
            height,
            after,
        } => format!(
            "{}  first frame, {width}x{height}, after {}",
            short(stream),
            ms(*after)
        ),
        Event::RoomJoined { stream, resumed } => format!(
            "{}  the publisher {} the room",
            short(stream),
            if *resumed { "is back in" } else { "joined" }
        ),
        Event::RoomLeft { stream, why } => {
            format!("{}  the publisher is gone: {}", short(stream), plain(why))
        }
        Event::SocketOpened { stream } => format!("{}  socket opened", short(stream)),
        Event::SocketClosed { stream, how } => {
            format!("{}  socket closed: {}", short(stream), plain(how))
        }
        Event::Sampled {
            stream,
            age,
            repeat,
        } => format!(
            "{}  sampled a frame of {}{}",
            short(stream),
            ms(*age),
            if *repeat { ", again" } else { "" }
        ),
        Event::Answered {
            stream,
            result,
            total_latency,
            sockets,
        } => {
            let unheard = if *sockets == 0 { ", no socket" } else { "" };
            format!(
                "{}  answer ({}{unheard}): {}",
                short(stream),
                ms(*total_latency),
                plain(result)
            )
        }
        Event::NoModel { message } => format!("no model yet: {}", plain(message)),
        Event::Unanswered { stream, error } => {
            format!("{}  no answer: {}", short(stream), plain(error))
        }
        Event::PromptChanged { stream, prompt } => {
            format!("{}  prompt is now {}", short(stream), quoted(prompt))
        }
        Event::Refused {
            call,
            status,
            message,
        } => {
            let call = call.map_or("request", |call| call.name());
            match status {
                0 => format!("{call}: {}", plain(message)),
                status => format!("{call}: {status}, {}", plain(message)),
            }
        }
        Event::Feedback {
            stream,
            rating,
            category,
        } => format!(
            "{}  feedback: {rating}, {}",
            short(stream),
            quoted(category)
        ),
        Event::MediaTrouble { stream, message } => {
            format!("{}  media: {}", short(stream), plain(message))
        }
        Event::Ended {
            stream,
            reason,
            lived,
            frames,
            bytes,
            answers,
        } => format!(
            "{}  ended: {} after {:.1} s, {frames} frames, {:.2} MB, {answers} answers",
            short(stream),
            reason.map_or("the emulator stops", |reason| reason.name()),
            lived.as_secs_f64(),
            *bytes as f64 / 1e6
        ),
    }
}

/// The first part of an id is enough for a reader.
fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

fn ms(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1_000.0)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text))
}

/// The text as one line without control characters, which a terminal would obey: prompts and QR codes come
/// from outside.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_not_printed() {
        let line = format_event(&Event::PromptChanged {
            stream: "0123abcd-0000".to_owned(),
            prompt: "one\ntwo\u{1b}[31m".to_owned(),
        });
        assert_eq!(line, "0123abcd  prompt is now \"one two [31m\"");
    }
}
