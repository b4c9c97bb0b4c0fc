// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Records video in files of a fixed length, and notes each answer with its file and the second in it. Problems
//! with the network, the key or the service never stop the recording. The video is encoded once, for the files
//! and for the service.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example recorder -- /tmp/recordings                  # a moving test picture, in files of 60 s
//! cargo run --example recorder -- /tmp/recordings 600 rtsp://camera.example/stream "Who comes?"
//! ```

mod common;

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gst::prelude::*;

/// In Matroska, a file still plays after a loss of power, even if it is incomplete.
const PIPELINE: &str = "videoconvert ! video/x-raw,format=I420 \
    ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse ! tee name=t \
    t. ! queue ! splitmuxsink name=files muxer=\"matroskamux offset-to-zero=true\" \
    t. ! queue ! overshootsink name=sink on-error=warn delay-seconds=1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::end(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments =
        common::Arguments::read("recorder FOLDER [SECONDS [URI [QUESTION]]]", 1, 4)?;
    let folder = PathBuf::from(arguments.next().unwrap_or_default());
    let seconds = arguments.seconds(60.0)?;
    let uri = arguments.uri()?;
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("{}: {error}: write another folder", folder.display()))?;
    let (pipeline, sink) = common::launch_with_source(uri, PIPELINE)?;
    let prompt = arguments.next();
    sink.set_property("prompt", prompt.as_deref().unwrap_or("What happens?"));
    let files = pipeline
        .by_name("files")
        .ok_or("no element is named files")?;
    // Earlier recordings are not overwritten.
    let now = gst::glib::DateTime::now_local()?.format("%Y%m%d-%H%M%S")?;
    let pattern = folder.join(format!("{now}-%05d.mkv"));
    files.set_property("max-size-time", gst::ClockTime::from_seconds_f64(seconds));
    files.set_property(
        "location",
        pattern
            .to_str()
            .ok_or("the name of the folder is not UTF-8")?,
    );

    let mut notes = Notes::new(&folder)?;
    let note = |message: &gst::StructureRef| {
        // A full disk causes a warning, and the recording continues as far as possible.
        if let Err(error) = notes.write(message) {
            eprintln!("warning: {error}");
        }
    };
    common::play(&pipeline, std::future::pending(), note).await
}

/// The file `answers.jsonl`, and the start of each recorded file.
struct Notes {
    file: File,
    recordings: Vec<(gst::ClockTime, String)>,
}

impl Notes {
    fn new(folder: &Path) -> std::io::Result<Self> {
        Ok(Notes {
            file: File::options()
                .append(true)
                .create(true)
                .open(folder.join("answers.jsonl"))?,
            recordings: Vec::new(),
        })
    }

    fn write(&mut self, message: &gst::StructureRef) -> Result<(), Box<dyn Error>> {
        if message.name() == "splitmuxsink-fragment-opened" {
            let path = PathBuf::from(message.get::<String>("location")?);
            let name = path.file_name().ok_or("the file has no name")?;
            let began = message.get::<gst::ClockTime>("running-time")?;
            self.recordings
                .push((began, name.to_string_lossy().into_owned()));
        }
        if let Some(answer) = common::read_answer(message) {
            // The time of the frame. The answer may come after the next file has begun.
            let time = answer
                .capture_time
                .ok_or("the time of the frame is not known")?;
            let mut begun = self.recordings.iter().rev();
            let (began, file) = begun
                .find(|(began, _)| *began <= time)
                .ok_or("the answer is about a frame that was not recorded")?;
            let seconds = (time - *began).mseconds() as f64 / 1e3;
            let line =
                serde_json::json!({"file": file, "seconds": seconds, "answer": answer.text()});
            writeln!(self.file, "{line}")?;
        }
        Ok(())
    }
}
