// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `questions`: more questions about the same video, each with its own interval (API v1).

use super::settings;
use crate::session::error::Error;
use crate::session::protocol::Processing;
use crate::session::question::Question;
use crate::session::request::limits;
use crate::session::schema::Schema;

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
    for (index, value) in array.iter().enumerate() {
        let nth = format!("question {} of questions", index + 1);
        // gst-launch-1.0 passes structures within arrays as strings.
        let structure = match value.get::<gst::Structure>() {
            Ok(structure) => structure,
            Err(_) => value
                .get::<String>()
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| {
                    Error::settings(format!(
                        "The {nth} is not a structure: write \"question,name=…,prompt=…,interval-seconds=…\"."
                    ))
                })?,
        };
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
    if let Some(unknown) = structure
        .fields()
        .find(|field| !FIELDS.contains(&field.as_str()))
    {
        return Err(Error::settings(format!(
            "The {nth} has the unknown field {unknown}. The possible fields are {}.",
            FIELDS.join(", ")
        )));
    }
    let text = |name: &str| {
        let text = structure.get::<String>(name).ok();
        text.filter(|text| !text.trim().is_empty())
    };
    let needed = |name: &str| {
        text(name).ok_or_else(|| {
            Error::settings(format!(
                "The {nth} needs a {name}, which must be a non-empty string."
            ))
        })
    };
    let name = needed("name")?;
    let wrong = |what: &str| Error::settings(format!("The question {name:?} of questions: {what}"));
    let seconds = |field: &str, range: std::ops::RangeInclusive<f64>| {
        let seconds = number(structure, field)
            .ok_or_else(|| wrong(&format!("{field} must be a number of seconds.")))?;
        match seconds.is_none_or(|seconds| range.contains(&seconds)) {
            true => Ok(seconds),
            false => Err(wrong(&format!(
                "{field} must be {} to {} seconds.",
                range.start(),
                range.end()
            ))),
        }
    };
    let range = limits::MIN_INTERVAL_SECONDS..=limits::V1_MAX_SECONDS;
    let interval = seconds("interval-seconds", range)?;
    let interval_seconds = interval.unwrap_or(settings::V1_SECONDS);
    let fps = number(structure, "target-fps").flatten();
    let fps = fps.map_or(default_fps, |fps| fps as u32);
    if !limits::TARGET_FPS.contains(&fps) {
        return Err(wrong("target-fps must be 1 to 30."));
    }
    let processing = match seconds("clip-length-seconds", limits::CLIP_LENGTH_SECONDS)? {
        Some(clip_length_seconds) => Processing::Target {
            target_fps: fps,
            clip_length_seconds,
            delay_seconds: interval_seconds,
        },
        None => Processing::Frame { interval_seconds },
    };
    let schema = text("output-schema").map(|text| {
        let value = serde_json::from_str(&text)
            .map_err(|error| wrong(&format!("output-schema is not valid JSON: {error}.")))?;
        Schema::new(value).map_err(|error| wrong(&error.message))
    });
    let tokens = number(structure, "max-output-tokens").flatten();
    Ok(Question {
        prompt: Some(needed("prompt")?),
        processing,
        models: settings::list(text("model").as_deref()),
        schema: schema.transpose()?,
        max_output_tokens: tokens
            .map(|tokens| tokens as u32)
            .filter(|tokens| *tokens > 0),
        name: Some(name),
    })
}

/// Reads a number of any numeric type. `Some(None)`: the field is absent. `None`: it is not a number.
fn number(structure: &gst::StructureRef, field: &str) -> Option<Option<f64>> {
    let Ok(value) = structure.value(field) else {
        return Some(None);
    };
    let number = value.transform::<f64>().ok()?;
    number.get().ok().map(Some)
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
                "a number of seconds",
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
