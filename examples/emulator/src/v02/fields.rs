// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads JSON objects strictly: unknown fields are errors.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::v02::error::{V02Error, WHOLE_BODY};

/// A JSON object that has only known fields.
pub(crate) struct Fields<'a> {
    path: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(path: &'a str, value: &'a Value, known: &[&str]) -> Result<Self, V02Error> {
        let Value::Object(map) = value else {
            let field = if path.is_empty() { WHOLE_BODY } else { path };
            return Err(V02Error::invalid(field, "must be an object"));
        };
        let fields = Fields { path, map };
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(fields),
            Some(unknown) => Err(V02Error::invalid(
                fields.name(unknown),
                format!(
                    "is not a known field; the known fields are {}",
                    known.join(", ")
                ),
            )),
        }
    }

    fn name(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// `null` counts as absent.
    pub(super) fn optional(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, field: &str) -> Result<&'a Value, V02Error> {
        self.map
            .get(field)
            .ok_or_else(|| V02Error::invalid(self.name(field), "is required"))
    }

    pub(crate) fn text(&self, field: &str) -> Result<&'a str, V02Error> {
        match self.required(field)?.as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text),
            Some(_) => Err(V02Error::invalid(self.name(field), "must not be empty")),
            None => Err(V02Error::invalid(self.name(field), "must be a string")),
        }
    }

    pub(super) fn integer(&self, field: &str, range: RangeInclusive<u64>) -> Result<u64, V02Error> {
        match self.required(field)?.as_u64() {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(V02Error::invalid(
                self.name(field),
                format!(
                    "must be an integer from {} to {}",
                    range.start(),
                    range.end()
                ),
            )),
        }
    }

    pub(super) fn number(&self, field: &str, range: RangeInclusive<f64>) -> Result<f64, V02Error> {
        match self.required(field)?.as_f64() {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(V02Error::invalid(
                self.name(field),
                format!("must be a number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    pub(crate) fn one_of(&self, field: &str, choices: &[&str]) -> Result<&'a str, V02Error> {
        match self.required(field)?.as_str() {
            Some(text) if choices.contains(&text) => Ok(text),
            _ => Err(V02Error::invalid(
                self.name(field),
                format!("must be one of {}", choices.join(", ")),
            )),
        }
    }

    pub(super) fn tokens(&self, field: &str) -> Result<Option<usize>, V02Error> {
        if self.optional(field).is_none() {
            return Ok(None);
        }
        let tokens = self.integer(field, 1..=u64::from(u32::MAX))?;
        Ok(usize::try_from(tokens).ok())
    }

    /// An output schema: a valid JSON schema of any kind.
    pub(super) fn schema(&self, field: &str) -> Result<Option<Value>, V02Error> {
        let Some(schema) = self.optional(field) else {
            return Ok(None);
        };
        crate::vision::schema_check::check(schema)
            .map_err(|problem| V02Error::invalid(self.name(field), problem))?;
        Ok(Some(schema.clone()))
    }
}
