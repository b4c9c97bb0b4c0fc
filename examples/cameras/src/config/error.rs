// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Errors in the TOML file: where each is, and how to fix it. They never repeat the line, which may hold a
//! password.

use std::fmt;
use std::io;
use std::path::Path;

/// One error.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// Counted from 1, if it is known.
    pub line: Option<usize>,
    /// The name or the number of the camera.
    camera: Option<String>,
    /// Empty if the text names it.
    field: String,
    text: String,
}

/// All errors of a file, by line. There is at least one.
#[derive(Debug)]
pub struct ConfigErrors {
    file: String,
    errors: Vec<ConfigError>,
}

impl ConfigError {
    pub fn new(field: &str, text: &str) -> Self {
        Self {
            line: None,
            camera: None,
            field: field.to_owned(),
            text: text.to_owned(),
        }
    }

    pub fn field(&self) -> &str {
        &self.field
    }

    pub fn in_camera(self, name: &str) -> Self {
        let camera = Some(name.to_owned());
        Self { camera, ..self }
    }

    pub fn at_line(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }
}

impl ConfigErrors {
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        let file = path.display().to_string();
        let text = match error.kind() {
            io::ErrorKind::NotFound => {
                "there is no such file: give the path of the file with the cameras".to_owned()
            }
            _ => error.to_string(),
        };
        Self {
            file,
            errors: vec![ConfigError::new("", &text)],
        }
    }

    /// `None` if there are no errors.
    pub fn of(file: &str, mut errors: Vec<ConfigError>) -> Option<Self> {
        errors.sort_by_key(|error| error.line);
        (!errors.is_empty()).then(|| Self {
            file: file.to_owned(),
            errors,
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!("line {line}"));
        let camera = self
            .camera
            .as_ref()
            .map(|name| format!("camera \"{name}\""));
        let field = Some(self.field.clone()).filter(|field| !field.is_empty());
        let place: Vec<_> = [line, camera, field].into_iter().flatten().collect();
        match place.is_empty() {
            true => f.write_str(&self.text),
            false => write!(f, "{}: {}", place.join(", "), self.text),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.as_slice() {
            [error] if error.to_string() == error.text => write!(f, "{}: {error}", self.file),
            [error] => write!(f, "{}, {error}", self.file),
            errors => {
                write!(f, "{}: {} errors:", self.file, errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl std::error::Error for ConfigErrors {}
