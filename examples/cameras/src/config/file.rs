// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the file, and finds all of its errors.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::camera::{self, Camera};
use super::document::{self, Reading, Section};
use super::{ConfigError, ConfigErrors, Place, Settings};

/// The fields for all cameras.
const TOP_FIELDS: [&str; 4] = ["keys", "turn-seconds", "metrics", "deliver"];

impl Settings {
    /// Reads a file and makes all checks that need no network.
    ///
    /// # Errors
    /// All errors of the file.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        Self::read_for(path, Camera::check_folder)
    }

    /// The same for cameras that other machines run: their folders are there.
    ///
    /// # Errors
    /// All errors of the file.
    pub fn read_for_others(path: &Path) -> Result<Self, ConfigErrors> {
        Self::read_for(path, |_| None)
    }

    /// The same, and there must be a camera.
    ///
    /// # Errors
    /// All errors of the file.
    pub fn read_cameras(
        path: &Path,
        read: fn(&Path) -> Result<Self, ConfigErrors>,
    ) -> Result<Self, ConfigErrors> {
        let settings = read(path)?;
        let missing = settings.cameras.is_empty().then(|| {
            ConfigError::new(
                "",
                "there is no camera: add a [[cameras]] with a name, a url and a prompt",
            )
        });
        let errors = ConfigErrors::of(&path.display().to_string(), missing.into_iter().collect());
        errors.map_or(Ok(settings), Err)
    }

    fn read_for(
        path: &Path,
        check: impl Fn(&Camera) -> Option<ConfigError>,
    ) -> Result<Self, ConfigErrors> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigErrors::unreadable(path, &error))?;
        let file = path.display().to_string();
        Self::parse(&text, &file, check)
    }

    /// `check`: one more check of each camera.
    pub(super) fn parse(
        text: &str,
        file: &str,
        check: impl Fn(&Camera) -> Option<ConfigError>,
    ) -> Result<Self, ConfigErrors> {
        let (mut root, errors) = DeTable::parse_recoverable(text);
        let errors = errors.into_iter().map(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let line = document::line(text, offset);
            let text = format!("this is not TOML: {}", error.message());
            ConfigError::new("", &text).at_line(Some(line))
        });
        // What follows such an error may be read as something else.
        if let Some(errors) = ConfigErrors::of(file, errors.collect()) {
            return Err(errors);
        }
        let cameras = root.get_mut().remove("cameras");
        let root = Section { text, table: root };
        let lines = root.lines();
        let Reading {
            value, mut errors, ..
        } = root.read::<Self>(&[], |path| misplaced(path, "the first [[cameras]]"));
        let mut settings = value.unwrap_or_default();
        errors.extend(located(settings.check(), &lines));
        let file: Arc<str> = file.into();
        settings.cameras = read_cameras(text, &file, cameras, &mut errors, check);
        match ConfigErrors::of(&file, errors) {
            None => Ok(settings),
            Some(errors) => Err(errors),
        }
    }

    fn check(&self) -> Vec<ConfigError> {
        let turn = super::check_range("turn-seconds", self.turn_seconds, 1.0, 86_400.0);
        turn.into_iter().chain(self.deliver.check()).collect()
    }
}

fn read_cameras(
    text: &str,
    file: &Arc<str>,
    cameras: Option<Spanned<DeValue<'_>>>,
    errors: &mut Vec<ConfigError>,
    check: impl Fn(&Camera) -> Option<ConfigError>,
) -> Vec<Camera> {
    let Some(cameras) = cameras else {
        return Vec::new();
    };
    let line = document::line(text, cameras.span().start);
    let DeValue::Array(entries) = cameras.into_inner() else {
        let text = "write [[cameras]], with two brackets, above the fields of each camera";
        errors.push(ConfigError::new("cameras", text).at_line(Some(line)));
        return Vec::new();
    };
    let mut read = Vec::new();
    let mut names = HashSet::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let span = entry.span();
        let DeValue::Table(table) = entry.into_inner() else {
            let line = document::line(text, span.start);
            let text = "each camera is a table: write [[cameras]] above its fields";
            errors.push(ConfigError::new("cameras", text).at_line(Some(line)));
            continue;
        };
        let section = Section {
            text,
            table: Spanned::new(span, table),
        };
        let name = name_of(&section).map_or_else(|| (index + 1).to_string(), Cow::into_owned);
        let place = Place {
            file: file.clone(),
            line: section.line(),
            fields: section.lines(),
        };
        let reading = section.read::<Camera>(&camera::REQUIRED, |path| {
            misplaced(path, "[cameras.trigger]")
        });
        let mut found = reading.errors;
        if let Some(mut camera) = reading.value {
            let mut checked = camera.check_except(&reading.unread);
            checked.extend(check(&camera));
            if !reading.unread.iter().any(|field| field == "name") && !names.insert(name.clone()) {
                let text = "another camera has the same name: each camera needs its own";
                checked.push(ConfigError::new("name", text));
            }
            found.extend(checked.into_iter().map(|error| {
                let line = place.line_of(error.field());
                error.at_line(line)
            }));
            camera.place = place;
            read.push(camera);
        }
        errors.extend(found.into_iter().map(|error| error.in_camera(&name)));
    }
    read
}

fn name_of<'i>(section: &Section<'_, 'i>) -> Option<Cow<'i, str>> {
    match section.table.get_ref().get("name")?.get_ref() {
        DeValue::String(name) => Some(name.clone()),
        _ => None,
    }
}

/// The lines of errors of checks.
fn located(errors: Vec<ConfigError>, lines: &BTreeMap<String, usize>) -> Vec<ConfigError> {
    let line = |field: &str| lines.get(field).copied();
    let errors = errors.into_iter().map(|error| {
        // A field that is not there has the line of its table.
        let table = error.field().rsplit_once('.').map(|(table, _)| table);
        let at = line(error.field()).or_else(|| line(table?));
        error.at_line(at)
    });
    errors.collect()
}

/// For a field that is valid elsewhere: where to write it. In TOML, everything behind a header belongs to its table.
fn misplaced(path: &[String], header: &str) -> Option<String> {
    let name = path.last()?.as_str();
    let of_all = TOP_FIELDS.contains(&name);
    let of_camera = camera::FIELDS.contains(&name);
    let text = match path.len() {
        1 if of_camera && !header.contains("trigger") => {
            format!("`{name}` is a field of a camera: write it below a [[cameras]]")
        }
        _ if of_all => {
            format!("`{name}` is for all cameras: write it above the first header in brackets")
        }
        2.. if of_camera && header.contains("trigger") => {
            format!("`{name}` is a field of the camera: write it above {header}")
        }
        _ => return None,
    };
    Some(text)
}
