// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The answers of a session in the formats that people download.

use serde_json::{Map, Value};

type Answer = Map<String, Value>;

/// How long the last subtitle stays, and the longest time of any.
const MAX_CUE_SECONDS: f64 = 10.0;
/// Two answers about the same frame still get a subtitle each.
const MIN_CUE_SECONDS: f64 = 0.2;
const LAST_CUE_SECONDS: f64 = 3.0;

const COLUMNS: [&str; 14] = [
    "id",
    "received_at",
    "video_seconds",
    "prompt",
    "result",
    "ok",
    "error",
    "finish_reason",
    "schema_error",
    "late",
    "stale",
    "repeated",
    "total_latency_ms",
    "model_name",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    JsonLines,
    Csv,
    Srt,
    Vtt,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            "csv" => Self::Csv,
            "srt" => Self::Srt,
            "vtt" => Self::Vtt,
            _ => return None,
        })
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }
}

pub(super) fn write(
    format: Format,
    mut header: Map<String, Value>,
    answers: impl Iterator<Item = Answer>,
) -> String {
    match format {
        Format::Json => {
            header.insert("answers".to_owned(), answers.map(Value::Object).collect());
            Value::Object(header).to_string()
        }
        Format::JsonLines => answers
            .map(|answer| format!("{}\n", Value::Object(answer)))
            .collect(),
        Format::Csv => write_csv(answers),
        Format::Srt => write_cues(answers, |number, start, end, text| {
            let (start, end) = (timestamp(start, ','), timestamp(end, ','));
            format!("{number}\n{start} --> {end}\n{text}\n\n")
        }),
        Format::Vtt => {
            let cues = write_cues(answers, |_, start, end, text| {
                let (start, end) = (timestamp(start, '.'), timestamp(end, '.'));
                let text = text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                format!("{start} --> {end}\n{text}\n\n")
            });
            format!("WEBVTT\n\n{cues}")
        }
    }
}

fn write_csv(answers: impl Iterator<Item = Answer>) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for answer in answers {
        let row = COLUMNS.map(|column| match answer.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(value)) => csv_field(value),
            Some(other) => other.to_string(),
        });
        text += &row.join(",");
        text += "\r\n";
    }
    text
}

/// Spreadsheets run texts that begin like a formula, and a model can be talked into writing one. Numbers stay.
fn csv_field(value: &str) -> String {
    let is_formula =
        value.starts_with(['=', '+', '-', '@', '\t', '\r']) && value.parse::<f64>().is_err();
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", value.replace('"', "\"\""))
}

/// A subtitle for each answer, from the frame that it is about to the frame of the next one.
fn write_cues(
    answers: impl Iterator<Item = Answer>,
    cue: impl Fn(usize, f64, f64, &str) -> String,
) -> String {
    let mut cues: Vec<(f64, String)> = answers
        .filter(|answer| answer.get("ok") != Some(&Value::Bool(false)))
        .filter_map(|answer| {
            let start = answer.get("video_seconds")?.as_f64()?;
            let text = one_cue_text(answer.get("result")?.as_str()?);
            (!text.is_empty()).then_some((start, text))
        })
        .collect();
    // After another start, the video begins again.
    cues.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let starts: Vec<f64> = cues.iter().map(|(start, _)| *start).collect();
    let mut text = String::new();
    for (index, (start, answer)) in cues.iter().enumerate() {
        let until_next = starts
            .get(index + 1)
            .map_or(LAST_CUE_SECONDS, |next| next - start);
        let end = start + until_next.clamp(MIN_CUE_SECONDS, MAX_CUE_SECONDS);
        text += &cue(index + 1, *start, end, answer);
    }
    text
}

/// An empty line would end the subtitle, and an arrow would begin another.
fn one_cue_text(answer: &str) -> String {
    let lines = answer
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n").replace("-->", "→")
}

fn timestamp(seconds: f64, point: char) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}{point}{:03}",
        ms / 1000 % 60,
        ms % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write_all(format: Format, answers: Value) -> String {
        let Value::Array(answers) = answers else {
            panic!("a list");
        };
        let answers = answers.into_iter().map(|answer| match answer {
            Value::Object(answer) => answer,
            other => panic!("{other}"),
        });
        write(format, Map::new(), answers)
    }

    #[test]
    fn a_table_has_a_row_for_each_answer_and_no_formula() {
        let answers = json!([
            {"id": 1, "result": "a \"red\", car\nand a bus", "ok": true},
            {"id": 2, "result": "=HYPERLINK(\"http://evil\")", "ok": true},
            {"id": 3, "result": "-4.5", "ok": true, "video_seconds": 2.5},
        ]);
        let text = write_all(Format::Csv, answers);
        let head = COLUMNS.join(",");
        let wanted = format!(
            "{head}\r\n1,,,,\"a \"\"red\"\", car\nand a bus\",true,,,,,,,,\r\n\
             2,,,,\"'=HYPERLINK(\"\"http://evil\"\")\",true,,,,,,,,\r\n\
             3,,2.5,,\"-4.5\",true,,,,,,,,\r\n"
        );
        assert_eq!(text, wanted);
    }

    #[test]
    fn subtitles_last_until_the_next_answer() {
        let answers = json!([
            {"result": "one\n\ntwo --> <b>", "video_seconds": 1.0004},
            {"result": "failed", "ok": false, "video_seconds": 2},
            {"result": "three", "video_seconds": 3661.5},
            {"result": "", "video_seconds": 4000},
        ]);
        assert_eq!(
            write_all(Format::Srt, answers.clone()),
            "1\n00:00:01,000 --> 00:00:11,000\none\ntwo → <b>\n\n2\n01:01:01,500 --> 01:01:04,500\nthree\n\n"
        );
        assert_eq!(
            write_all(Format::Vtt, answers),
            "WEBVTT\n\n00:00:01.000 --> 00:00:11.000\none\ntwo → &lt;b&gt;\n\n01:01:01.500 --> 01:01:04.500\nthree\n\n"
        );
    }
}
