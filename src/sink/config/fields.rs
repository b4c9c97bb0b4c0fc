// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Reads the fields of a structure that the application wrote. Every error names the structure and the field, and says
//! what to write instead.

use std::ops::RangeInclusive;

use super::settings;
use crate::session::error::Error;
use crate::session::request::limits;
use crate::session::schema::Schema;

const CLIP_LENGTH: &str = "clip-length-seconds";

/// The structures in an array, and what each is called in messages, such as "question 1 of questions". `example`: how to
/// write one. An element of the array that is none is an error.
pub fn structures(
    array: &gst::Array,
    kind: &str,
    property: &str,
    example: &str,
) -> Vec<(Result<gst::Structure, Error>, String)> {
    let entry = |(index, value): (usize, &gst::glib::SendValue)| {
        let nth = format!("{kind} {} of {property}", index + 1);
        // gst-launch-1.0 passes structures within arrays as strings.
        let parsed = || value.get::<String>().ok()?.parse().ok();
        let structure = value.get::<gst::Structure>().ok().or_else(parsed);
        let structure = structure.ok_or_else(|| {
            Error::settings(format!("The {nth} is not a structure: write {example}."))
        });
        (structure, nth)
    };
    array.iter().enumerate().map(entry).collect()
}

/// A structure, and what it is called in messages.
pub struct Fields<'a> {
    structure: &'a gst::StructureRef,
    title: String,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// A field is none of `known`: that is a typing error.
    pub fn new(
        structure: &'a gst::StructureRef,
        title: impl Into<String>,
        known: &[&str],
    ) -> Result<Self, Error> {
        let fields = Self {
            structure,
            title: title.into(),
        };
        let mut names = structure.fields();
        match names.find(|name| !known.contains(&name.as_str())) {
            None => Ok(fields),
            Some(unknown) => Err(fields.wrong(&format!(
                "has the unknown field {unknown}. The possible fields are {}.",
                known.join(", ")
            ))),
        }
    }

    /// Changes what the structure is called.
    pub fn with_title(self, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..self
        }
    }

    /// A settings error that begins with the structure's title.
    pub fn wrong(&self, what: &str) -> Error {
        Error::settings(format!("{} {what}", self.title))
    }

    pub fn has(&self, name: &str) -> bool {
        self.structure.has_field(name)
    }

    /// A text that says something.
    ///
    /// # Errors
    /// The field is not a text.
    pub fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let Ok(value) = self.structure.value(name) else {
            return Ok(None);
        };
        let text = value
            .get::<Option<String>>()
            .map_err(|_| self.wrong(&format!("needs a text in {name}.")))?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    /// # Errors
    /// There is no such text.
    pub fn needed_text(&self, name: &str) -> Result<String, Error> {
        self.text(name)?.ok_or_else(|| {
            self.wrong(&format!(
                "needs a {name}, which must be a non-empty string."
            ))
        })
    }

    /// A text, or a list of texts.
    ///
    /// # Errors
    /// The field is neither.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        let Ok(value) = self.structure.value(name) else {
            return Ok(Vec::new());
        };
        let listed = match (value.get::<gst::Array>(), value.get::<gst::List>()) {
            (Ok(array), _) => array.iter().map(|entry| entry.get()).collect(),
            (_, Ok(list)) => list.iter().map(|entry| entry.get()).collect(),
            _ => value.get().map(|text| vec![text]),
        };
        listed.map_err(|_| self.wrong(&format!("needs a text or a list of texts in {name}.")))
    }

    /// A number of any numeric type.
    ///
    /// # Errors
    /// It is not a number, or not in this range. `unit`: such as `" seconds"`.
    pub fn number(
        &self,
        name: &str,
        range: RangeInclusive<f64>,
        unit: &str,
    ) -> Result<Option<f64>, Error> {
        let Ok(value) = self.structure.value(name) else {
            return Ok(None);
        };
        let number = value.transform::<f64>().ok();
        let number = number.and_then(|number| number.get::<f64>().ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(&format!(
                "needs a number in {name}, {} to {}{unit}.",
                range.start(),
                range.end()
            ))),
        }
    }

    /// # Errors
    /// It is neither true nor false.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        let Ok(value) = self.structure.value(name) else {
            return Ok(false);
        };
        let flag = value.transform::<bool>().ok();
        let flag = flag.and_then(|flag| flag.get::<bool>().ok());
        flag.ok_or_else(|| self.wrong(&format!("needs true or false in {name}.")))
    }

    /// `target-fps`.
    ///
    /// # Errors
    /// The service takes no such rate.
    pub fn target_fps(&self) -> Result<Option<u32>, Error> {
        let range = f64::from(*limits::TARGET_FPS.start())..=f64::from(*limits::TARGET_FPS.end());
        let fps = self.number("target-fps", range, "")?;
        Ok(fps.map(|fps| fps as u32))
    }

    /// `clip-length-seconds`. 0 stands for a single frame.
    ///
    /// # Errors
    /// The service takes no such clip.
    pub fn clip_length_seconds(&self) -> Result<Option<f64>, Error> {
        let is_frame = self.number(CLIP_LENGTH, 0.0..=0.0, "").ok().flatten();
        match is_frame {
            Some(_) => Ok(None),
            None => self.number(CLIP_LENGTH, limits::CLIP_LENGTH_SECONDS, " seconds"),
        }
    }

    /// `max-output-tokens`. 0 leaves it to the service.
    ///
    /// # Errors
    /// It is not such a number.
    pub fn max_output_tokens(&self) -> Result<Option<u32>, Error> {
        let tokens = self.number("max-output-tokens", 0.0..=f64::from(u32::MAX), "")?;
        Ok(tokens
            .map(|tokens| tokens as u32)
            .filter(|tokens| *tokens > 0))
    }

    /// The models in `model`.
    ///
    /// # Errors
    /// The field is not a text.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        Ok(settings::list(self.text("model")?.as_deref()))
    }

    /// `output-schema`.
    ///
    /// # Errors
    /// It is not a JSON schema.
    pub fn schema(&self) -> Result<Option<Schema>, Error> {
        let Some(text) = self.text("output-schema")? else {
            return Ok(None);
        };
        let value = serde_json::from_str(&text).map_err(|error| {
            self.wrong(&format!(
                "has an output-schema that is not valid JSON: {error}."
            ))
        })?;
        let schema = Schema::new(value).map_err(|error| self.wrong(&error.message))?;
        Ok(Some(schema))
    }
}
