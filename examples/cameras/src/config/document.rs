// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads tables of the TOML file. An entry that cannot be read is an error, is left out, and the rest is read: so one look
//! finds every error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::ConfigError;
use super::plain::plain;

/// A table that is mostly wrong is another file.
const MAX_ERRORS: usize = 50;

/// An entry that every table of its kind has.
pub struct Required {
    pub field: &'static str,
    /// What to write.
    pub advice: &'static str,
    /// It is read in its place, so that the other errors are found, too.
    pub placeholder: &'static str,
}

/// A table of the file.
pub struct Section<'t, 'i> {
    pub text: &'t str,
    pub table: Spanned<DeTable<'i>>,
}

/// What was read of a table.
pub struct Reading<T> {
    pub value: Option<T>,
    pub errors: Vec<ConfigError>,
    /// The fields that could not be read, such as `trigger.when`. Nothing can be said about them.
    pub unread: Vec<String>,
}

impl<'i> Section<'_, 'i> {
    /// The line of the table's header.
    pub fn line(&self) -> usize {
        line(self.text, self.table.span().start)
    }

    /// The line of each field, such as `trigger.when`.
    pub fn lines(&self) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        collect_lines(self.text, self.table.get_ref(), "", &mut lines);
        lines
    }

    /// `hint`: what to add to an error about an unknown field. It gets the path of the field.
    pub fn read<T: DeserializeOwned>(
        mut self,
        required: &[Required],
        hint: impl Fn(&[String]) -> Option<String>,
    ) -> Reading<T> {
        let (mut errors, mut unread) = (Vec::new(), Vec::new());
        for entry in required {
            if self.table.get_ref().contains_key(entry.field) {
                continue;
            }
            let missing = format!("the field is missing: {}", entry.advice);
            errors.push(ConfigError::new(entry.field, &missing).at_line(Some(self.line())));
            unread.push(entry.field.to_owned());
            let placeholder = DeValue::String(Cow::Borrowed(entry.placeholder));
            self.table.get_mut().insert(
                Spanned::new(0..0, Cow::Borrowed(entry.field)),
                Spanned::new(0..0, placeholder),
            );
        }
        while unread.len() < MAX_ERRORS {
            let value = DeValue::Table(self.table.get_ref().clone());
            let value = Spanned::new(self.table.span(), value);
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(value) => {
                    return Reading {
                        value: Some(value),
                        errors,
                        unread,
                    };
                }
                Err(error) => error,
            };
            let span = error.span().unwrap_or(self.table.span());
            let path = remove(self.table.get_mut(), &span);
            let line = line(self.text, span.start);
            let is_unknown = error.message().starts_with("unknown field");
            let hint = path.as_deref().filter(|_| is_unknown).and_then(&hint);
            // An unknown field is in the text.
            let field = match &path {
                Some(path) if !is_unknown => path.join("."),
                _ => String::new(),
            };
            let text = hint.unwrap_or_else(|| error.message().to_owned());
            // It is not missing if it was left out here.
            let missing = text
                .strip_prefix("missing field `")
                .and_then(|rest| rest.strip_suffix('`'));
            let left_out = missing.map(|name| format!("{field}.{name}"));
            if !left_out.is_some_and(|path| unread.contains(&path)) {
                errors.push(ConfigError::new(&field, &plain(&text)).at_line(Some(line)));
            }
            let Some(path) = path else {
                break;
            };
            // The placeholder of a required field that is there, but wrong.
            if let [field] = path.as_slice()
                && let Some(entry) = required.iter().find(|entry| entry.field == field)
            {
                self.table.get_mut().insert(
                    Spanned::new(0..0, Cow::Borrowed(entry.field)),
                    Spanned::new(0..0, DeValue::String(Cow::Borrowed(entry.placeholder))),
                );
            }
            unread.push(path.join("."));
        }
        Reading {
            value: None,
            errors,
            unread,
        }
    }
}

/// The line of an offset, counted from 1.
pub fn line(text: &str, offset: usize) -> usize {
    let before = text.get(..offset.min(text.len())).unwrap_or_default();
    before.matches('\n').count() + 1
}

fn collect_lines(
    text: &str,
    table: &DeTable<'_>,
    prefix: &str,
    lines: &mut BTreeMap<String, usize>,
) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        lines.insert(path.clone(), line(text, key.span().start));
        if let DeValue::Table(table) = value.get_ref() {
            collect_lines(text, table, &format!("{path}."), lines);
        }
    }
}

/// Removes the innermost entry that an error is about, and returns its path.
fn remove(table: &mut DeTable<'_>, error: &Range<usize>) -> Option<Vec<String>> {
    let mut found = None;
    for (key, value) in table.iter_mut() {
        if let DeValue::Table(inner) = value.get_mut()
            && let Some(mut path) = remove(inner, error)
        {
            path.insert(0, key.get_ref().to_string());
            return Some(path);
        }
        let span = value.span();
        if key.span() == *error || (span.start <= error.start && error.end <= span.end) {
            found = Some(key.get_ref().to_string());
        }
    }
    let key = found?;
    table.remove(key.as_str());
    Some(vec![key])
}
