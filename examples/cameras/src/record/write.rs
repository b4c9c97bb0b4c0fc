//! The file of an event. Matroska: of a process that is killed half-way, what was written plays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use gst::prelude::*;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::event::Recording;

/// What may wait for the disk inside the pipeline.
const BYTES_WAITING: u64 = 8 * 1024 * 1024;
/// How long the disk may take for what waits.
const DISK_PATIENCE: Duration = Duration::from_secs(10);

/// What is to be written, by [`Writing::write`].
#[derive(Debug)]
pub struct Writing {
    file: PathBuf,
    caps: gst::Caps,
    first: Vec<gst::Buffer>,
    rest: Receiver<gst::Buffer>,
}

impl Writing {
    pub fn new(
        folder: &Path,
        camera: &str,
        caps: gst::Caps,
        first: Vec<gst::Buffer>,
        rest: Receiver<gst::Buffer>,
    ) -> Self {
        let form =
            format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:3]Z");
        let time = OffsetDateTime::now_utc().format(form).unwrap_or_default();
        Self {
            file: folder.join(format!("{camera}-{time}.mkv")),
            caps,
            first,
            rest,
        }
    }

    /// Writes all that comes. Blocks, for as long as it takes.
    pub fn write(self) -> Result<Recording, String> {
        let Self {
            file,
            caps,
            first,
            rest,
        } = self;
        let part = file.with_extension("mkv.part");
        let failed = |error: String| {
            // What there is may be all that there will ever be of this event.
            let left = fs::metadata(&part).is_ok_and(|data| data.len() > 0);
            if left {
                return format!("{error}; what was written is in {}", part.display());
            }
            // There may be none.
            let _ = fs::remove_file(&part);
            error
        };
        let muxer = Muxer::start(&part, &caps).map_err(failed)?;
        let mut times = None;
        for buffer in first.into_iter().chain(rest) {
            let end = buffer.pts();
            let (start, _) = times.unwrap_or((end, end));
            times = Some((start, end));
            muxer.push(buffer).map_err(failed)?;
        }
        muxer.finish().map_err(failed)?;
        let bytes = fs::metadata(&part).map_or(0, |data| data.len());
        fs::rename(&part, &file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
        let seconds = times
            .and_then(|(start, end)| Some(end?.saturating_sub(start?).seconds_f64()))
            .unwrap_or_default();
        Ok(Recording {
            file,
            seconds,
            bytes,
        })
    }
}

/// A pipeline into a file, taken down when it is dropped.
struct Muxer {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    bus: gst::Bus,
    place: String,
}

impl Muxer {
    fn start(file: &Path, caps: &gst::Caps) -> Result<Self, String> {
        let place = file.display().to_string();
        let built = || -> Result<_, gst::glib::BoolError> {
            let source = gst_app::AppSrc::builder()
                .caps(caps)
                .format(gst::Format::Time)
                // Bounded by `push`, which notices a failure, too.
                .max_bytes(0)
                .build();
            let parser = match caps
                .structure(0)
                .is_some_and(|s| s.name() == "video/x-h265")
            {
                true => "h265parse",
                false => "h264parse",
            };
            let parser = gst::ElementFactory::make(parser).build()?;
            let muxer = gst::ElementFactory::make("matroskamux")
                .property("offset-to-zero", true)
                .build()?;
            let sink = gst::ElementFactory::make("filesink")
                .property("location", &place)
                .build()?;
            let pipeline = gst::Pipeline::new();
            pipeline.add_many([source.upcast_ref(), &parser, &muxer, &sink])?;
            gst::Element::link_many([source.upcast_ref(), &parser, &muxer, &sink])?;
            Ok((pipeline, source))
        };
        let (pipeline, source) = built().map_err(|error| error.to_string())?;
        let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
        let muxer = Self {
            pipeline,
            source,
            bus,
            place,
        };
        match muxer.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(muxer),
            Err(error) => Err(muxer.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    fn push(&self, buffer: gst::Buffer) -> Result<(), String> {
        let deadline = Instant::now() + DISK_PATIENCE;
        loop {
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.source.current_level_bytes() <= BYTES_WAITING {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("{}: the disk takes nothing", self.place));
            }
            // It has no way to tell that it is emptier.
            std::thread::sleep(Duration::from_millis(10));
        }
        match self.source.push_buffer(buffer) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failure().unwrap_or_else(|| error.to_string())),
        }
    }

    /// The end of the file.
    fn finish(self) -> Result<(), String> {
        let _ = self.source.end_of_stream();
        let patience: gst::ClockTime = DISK_PATIENCE.try_into().unwrap_or(gst::ClockTime::SECOND);
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = self.bus.timed_pop_filtered(patience, &ends);
        match end.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(self.tell(error)),
            _ => Err(format!("{}: the disk takes nothing", self.place)),
        }
    }

    fn failure(&self) -> Option<String> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(self.tell(error)),
            _ => None,
        }
    }

    /// The file, and the system's reason, which is the last line of what is for debugging.
    fn tell(&self, error: &gst::message::Error) -> String {
        let debug = error.debug().unwrap_or_default();
        let reason = debug.lines().last().unwrap_or_default();
        format!("{}: {} ({reason})", self.place, error.error().message())
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // To NULL it always goes.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
