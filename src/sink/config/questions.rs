// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `questions`: more questions about the same video, each with its own interval (API v1).

use std::sync::Arc;

use super::fields::{Fields, structures};
use super::settings;
use crate::session::error::Error;
use crate::session::protocol::{Mode, Processing};
use crate::session::question::{Moment, Question};
use crate::session::request::limits;

/// More questions than anybody needs. Each question costs one request per interval.
const MAX_QUESTIONS: usize = 32;
/// The fields of a question. Any other field is a typing error.
const FIELDS: [&str; 8] = [
    "name",
    "prompt",
    "interval-seconds",
    "clip-length-seconds",
    "target-fps",
    "output-schema",
    "model",
    "max-output-tokens",
];

/// Reads the questions. `default_fps` is the sampling rate of a clip if its question has no `target-fps`.
///
/// # Errors
/// If a question is not valid. The text names the question, or has its number, and says what to write
/// instead.
pub fn read(array: &gst::Array, default_fps: u32) -> Result<Vec<Question>, Error> {
    if array.len() > MAX_QUESTIONS {
        return Err(Error::settings(format!(
            "questions has {} questions: at most {MAX_QUESTIONS} are allowed.",
            array.len()
        )));
    }
    let mut questions: Vec<Question> = Vec::new();
    let example = "\"question,name=…,prompt=…,interval-seconds=…\"";
    for (structure, nth) in structures(array, "question", "questions", example) {
        let structure = structure?;
        let question = one(&structure, &nth, default_fps)?;
        if questions.iter().any(|other| other.name == question.name) {
            return Err(Error::settings(format!(
                "The {nth} has the name of another question: give it a name of its own, so that the answers can be told apart."
            )));
        }
        questions.push(question);
    }
    Ok(questions)
}

fn one(structure: &gst::StructureRef, nth: &str, default_fps: u32) -> Result<Question, Error> {
    let fields = Fields::new(structure, format!("The {nth}"), &FIELDS)?;
    let name = fields.needed_text("name")?;
    let fields = fields.with_title(format!("The question {name:?} of questions"));
    changed(&fields, None, default_fps)
}

/// A change of a question while it is asked.
pub struct QuestionChange<'a> {
    fields: Fields<'a>,
    name: Option<String>,
    prompt: Option<String>,
}

impl<'a> QuestionChange<'a> {
    /// # Errors
    /// A field is none of a question, or not a text where it must be one.
    pub fn read(structure: &'a gst::StructureRef) -> Result<Self, Error> {
        let fields = Fields::new(structure, "set-question", &FIELDS)?;
        Ok(Self {
            name: fields.text("name")?,
            prompt: fields.text("prompt")?,
            fields,
        })
    }

    /// `None`: the element's own question.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The new prompt.
    ///
    /// # Errors
    /// It is empty.
    pub fn prompt(&self) -> Result<Option<&str>, Error> {
        match self.is_end() {
            true => Err(self.fields.wrong("needs a prompt that is not empty.")),
            false => Ok(self.prompt.as_deref()),
        }
    }

    /// Whether nothing else changes.
    pub fn is_only_prompt(&self) -> bool {
        FIELDS
            .iter()
            .all(|field| matches!(*field, "name" | "prompt") || !self.fields.has(field))
    }

    /// An empty prompt ends a question that has a name.
    fn is_end(&self) -> bool {
        self.fields.has("prompt") && self.prompt.is_none()
    }

    /// The changed question. What is not named stays as it is in `base`.
    ///
    /// # Errors
    /// A value that a question cannot have.
    pub fn apply_to(&self, base: Option<&Question>, default_fps: u32) -> Result<Question, Error> {
        changed(&self.fields, base, default_fps)
    }

    /// Changes, adds or removes a question with a name.
    ///
    /// # Errors
    /// A value that a question cannot have, too many questions, or none of this name to remove.
    pub fn apply_in(
        &self,
        questions: &mut Vec<Arc<Question>>,
        default_fps: u32,
    ) -> Result<(), Error> {
        let mut named = questions.iter();
        let place = named.position(|question| question.name == self.name);
        match place {
            Some(place) if self.is_end() => drop(questions.remove(place)),
            None if self.is_end() => {
                return Err(self
                    .fields
                    .wrong("has an empty prompt, and there is no question of this name to end."));
            }
            Some(place) => {
                let base = questions.get(place).map(|question| &**question);
                let question = Arc::new(self.apply_to(base, default_fps)?);
                questions.splice(place..=place, [question]);
            }
            None if questions.len() >= MAX_QUESTIONS => {
                return Err(self.fields.wrong(&format!(
                    "adds a question, and there are {MAX_QUESTIONS} already. End one by an empty prompt."
                )));
            }
            None => questions.push(Arc::new(self.apply_to(None, default_fps)?)),
        }
        Ok(())
    }
}

/// A question with these fields; what is not named is as in `base`.
fn changed(fields: &Fields, base: Option<&Question>, default_fps: u32) -> Result<Question, Error> {
    let name = fields.text("name")?;
    let prompt = match base {
        Some(base) => fields
            .text("prompt")?
            .filter(|_| name.is_some())
            .or(base.prompt.clone()),
        None => Some(fields.needed_text("prompt")?),
    };
    let models = base.map(|base| base.models.clone()).unwrap_or_default();
    Ok(Question {
        name,
        prompt,
        processing: processing(fields, base, default_fps)?,
        models: match fields.has("model") {
            true => fields.models()?,
            false => models,
        },
        schema: match fields.has("output-schema") {
            true => fields.schema()?,
            false => base.and_then(|base| base.schema.clone()),
        },
        max_output_tokens: match fields.has("max-output-tokens") {
            true => fields.max_output_tokens()?,
            false => base.and_then(|base| base.max_output_tokens),
        },
    })
}

fn processing(
    fields: &Fields,
    base: Option<&Question>,
    default_fps: u32,
) -> Result<Processing, Error> {
    let base = base.map(|base| &base.processing);
    let range = limits::MIN_INTERVAL_SECONDS..=limits::V1_MAX_SECONDS;
    let interval = fields.number("interval-seconds", range, " seconds")?;
    let now = base.map_or(settings::V1_SECONDS, Processing::interval_seconds);
    let interval_seconds = interval.unwrap_or(now);
    let moment = base.map(Moment::of);
    let default_fps = moment
        .filter(|moment| moment.mode() == Mode::Clip)
        .map_or(default_fps, |moment| moment.max_fps);
    let target_fps = fields.target_fps()?.unwrap_or(default_fps);
    let length = match fields.has("clip-length-seconds") {
        true => fields.clip_length_seconds()?,
        false => moment
            .map(|moment| moment.window.as_secs_f64())
            .filter(|length| *length > 0.0),
    };
    Ok(match length {
        Some(clip_length_seconds) => Processing::Target {
            target_fps,
            clip_length_seconds,
            delay_seconds: interval_seconds,
        },
        None => Processing::Frame { interval_seconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(text: &str) -> Result<Vec<Question>, Error> {
        gst::init().expect("GStreamer");
        let structure: gst::Structure = text.parse().expect("a structure");
        read(&gst::Array::new([structure]), 6)
    }

    #[test]
    fn a_question_is_read() {
        let text = "q,name=people,prompt=\"How many?\",interval-seconds=5,clip-length-seconds=2.5,model=\"a, b\"";
        let questions = read_one(text).expect("the question is valid");
        let question = questions.first().expect("one question");
        assert_eq!(question.name.as_deref(), Some("people"));
        assert_eq!(question.prompt.as_deref(), Some("How many?"));
        assert_eq!(question.models, ["a", "b"]);
        assert_eq!(
            question.processing,
            Processing::Target {
                target_fps: 6,
                clip_length_seconds: 2.5,
                delay_seconds: 5.0
            }
        );
        let frame = read_one("q,name=a,prompt=b").expect("the question is valid");
        let frame = frame.first().map(|question| question.processing.clone());
        let second = Processing::Frame {
            interval_seconds: 1.0,
        };
        assert_eq!(frame, Some(second));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, fix) in [
            ("q,prompt=b", "needs a name"),
            ("q,name=a", "needs a prompt"),
            ("q,name=a,prompt=b,intervall=3", "unknown field intervall"),
            (
                "q,name=a,prompt=b,interval-seconds=soon",
                "a number in interval-seconds",
            ),
            ("q,name=a,prompt=b,interval-seconds=0.01", "0.1 to 86400"),
            ("q,name=a,prompt=b,clip-length-seconds=90", "0.1 to 60"),
            ("q,name=a,prompt=b,target-fps=31", "1 to 30"),
            ("q,name=a,prompt=b,output-schema=\"{\"", "not valid JSON"),
        ] {
            let error = read_one(text).expect_err(text);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
        gst::init().expect("GStreamer");
        let twice: gst::Structure = "q,name=a,prompt=b".parse().expect("a structure");
        let error = read(&gst::Array::new([twice.clone(), twice]), 6)
            .expect_err("two questions have the same name");
        assert!(error.message.contains("the name of another"), "{error}");
        let text = gst::Array::new(["q,name=a,prompt=b".to_owned()]);
        assert_eq!(read(&text, 6).expect("strings are accepted").len(), 1);
    }
}
