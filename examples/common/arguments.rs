// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The arguments of the small programs, and errors as a sentence.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// The arguments, in their order.
pub struct Arguments(std::vec::IntoIter<String>);

impl Arguments {
    /// `usage`: what to write, such as `answers [SECONDS [URI]]`.
    pub fn read(usage: &str, least: usize, most: usize) -> Result<Self, Box<dyn Error>> {
        let all: Vec<String> = std::env::args().skip(1).collect();
        if all
            .iter()
            .any(|text| matches!(text.as_str(), "-h" | "--help"))
        {
            println!("usage: {usage}");
            std::process::exit(0);
        }
        match (least..=most).contains(&all.len()) {
            true => Ok(Self(all.into_iter())),
            false => Err(format!(
                "{} arguments, but it takes {least} to {most}. Usage: {usage}",
                all.len()
            )
            .into()),
        }
    }

    pub fn next(&mut self) -> Option<String> {
        self.0.next()
    }

    /// A number of seconds, more than 0 and at most a day.
    pub fn seconds(&mut self, default: f64) -> Result<f64, Box<dyn Error>> {
        let Some(text) = self.next() else {
            return Ok(default);
        };
        match text.parse::<f64>() {
            Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(seconds),
            _ => {
                Err(format!("{text:?} is no number of seconds: write one such as {default}").into())
            }
        }
    }

    /// The address of a video.
    pub fn uri(&mut self) -> Result<Option<String>, Box<dyn Error>> {
        let Some(text) = self.next() else {
            return Ok(None);
        };
        if text
            .split_once("://")
            .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
        {
            return Ok(Some(text));
        }
        Err(match Path::new(&text).canonicalize() {
            Ok(path) => format!("{text:?} is a path: write file://{}", path.display()),
            Err(_) => format!(
                "{text:?} is no address of a video: write file:///path, rtsp://… or https://…"
            ),
        }
        .into())
    }
}

/// The end of a program: an error is one sentence on stderr.
pub fn end(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
