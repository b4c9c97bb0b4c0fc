// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `questions`: more questions about the same video, each with its own interval (API v1).

use super::fields::Fields;
use super::settings;
use crate::session::error::Error;
use crate::session::protocol::Processing;
use crate::session::question::Question;
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
    let fields = Fields::new(structure, format!("The {nth}"), &FIELDS)?;
    let name = fields.needed_text("name")?;
    let fields = fields.with_title(format!("The question {name:?} of questions"));
    let range = limits::MIN_INTERVAL_SECONDS..=limits::V1_MAX_SECONDS;
    let interval = fields.number("interval-seconds", range, " seconds")?;
    let interval_seconds = interval.unwrap_or(settings::V1_SECONDS);
    let target_fps = fields.target_fps()?.unwrap_or(default_fps);
    let length = fields.number(
        "clip-length-seconds",
        limits::CLIP_LENGTH_SECONDS,
        " seconds",
    )?;
    let processing = match length {
        Some(clip_length_seconds) => Processing::Target {
            target_fps,
            clip_length_seconds,
            delay_seconds: interval_seconds,
        },
        None => Processing::Frame { interval_seconds },
    };
    Ok(Question {
        prompt: Some(fields.needed_text("prompt")?),
        processing,
        models: fields.models()?,
        schema: fields.schema()?,
        max_output_tokens: fields.max_output_tokens()?,
        name: Some(name),
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
