//! Records video in pieces, and notes what was answered about it: in which file, and how
//! many seconds into it. Whatever happens to the network, the key or the service, it records on.
//! The video is encoded once, for the files and for the service.
//!
//! ```console
//! export OVERSHOOT_API_KEY=…
//! cargo run --example recorder -- /tmp/recordings                  # a moving test picture, in pieces of 60 s
//! cargo run --example recorder -- /tmp/recordings 600 rtsp://camera.example/stream "Who comes?"
//! ```

mod common;

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use gst::prelude::*;

/// A piece that was cut off by a loss of power still plays as Matroska, and so do all others.
const PIPELINE: &str = "videoconvert ! video/x-raw,format=I420 \
    ! x264enc tune=zerolatency speed-preset=veryfast key-int-max=60 ! h264parse ! tee name=t \
    t. ! queue ! splitmuxsink name=files muxer=\"matroskamux offset-to-zero=true\" \
    t. ! queue ! overshootsink name=ask on-error=warn delay-seconds=1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give a folder to record into")?;
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let seconds = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let (pipeline, ask) = common::open(arguments.next(), PIPELINE)?;
    let prompt = arguments.next();
    ask.set_property("prompt", prompt.as_deref().unwrap_or("What happens?"));
    let files = pipeline.by_name("files").ok_or("it was named")?;
    // What was recorded before is not written over.
    let now = gst::glib::DateTime::now_local()?.format("%Y%m%d-%H%M%S")?;
    let pattern = folder.join(format!("{now}-%05d.mkv"));
    files.set_property("max-size-time", gst::ClockTime::from_seconds(seconds));
    files.set_property("location", pattern.to_str().ok_or("not a name in UTF-8")?);

    let mut notes = Notes::new(&folder)?;
    let note = |said: &gst::StructureRef| {
        // A full disk is told, and does not end the recording of what still fits.
        if let Err(error) = notes.take(said) {
            eprintln!("warning: {error}");
        }
    };
    common::play(&pipeline, std::future::pending(), note).await
}

/// `answers.jsonl`, and which piece began when.
struct Notes {
    file: File,
    pieces: Vec<(gst::ClockTime, String)>,
}

impl Notes {
    fn new(folder: &Path) -> std::io::Result<Self> {
        Ok(Notes {
            file: File::options()
                .append(true)
                .create(true)
                .open(folder.join("answers.jsonl"))?,
            pieces: Vec::new(),
        })
    }

    fn take(&mut self, said: &gst::StructureRef) -> Result<(), Box<dyn Error>> {
        if said.name() == "splitmuxsink-fragment-opened" {
            let path = PathBuf::from(said.get::<String>("location")?);
            let name = path.file_name().ok_or("a piece has a name")?;
            let began = said.get::<gst::ClockTime>("running-time")?;
            self.pieces
                .push((began, name.to_string_lossy().into_owned()));
        }
        if let Some(answer) = common::answer(said) {
            // Of the picture, not of the answer: that may come when the next piece has begun.
            let time = said.get::<gst::ClockTime>("capture-time")?;
            let mut begun = self.pieces.iter().rev();
            let (began, piece) = begun
                .find(|(began, _)| *began <= time)
                .ok_or("an answer about what was not recorded")?;
            let seconds = (time - *began).mseconds() as f64 / 1e3;
            let line = serde_json::json!({"file": piece, "seconds": seconds, "answer": answer});
            writeln!(self.file, "{line}")?;
        }
        Ok(())
    }
}
