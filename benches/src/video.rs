//! The test videos: moving pictures at 30/s, each with its number in it.

use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use gst_video::prelude::*;

use crate::number;

/// Longer than start-up and window together.
pub const SECONDS: u32 = 24;

/// Makes one from `from`, a file of at least `SECONDS / 3` seconds, unless it is there. H.264 without
/// B-frames, 2 Mbit/s, a key frame a second.
pub fn make(from: &Path, to: &Path, width: u32, height: u32) {
    if to.exists() {
        return;
    }
    eprintln!("==> making {}", to.display());
    let part = format!(
        "filesrc location={} ! decodebin ! videoconvertscale add-borders=false ! videorate \
         ! video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1,framerate=30/1 ! c.",
        from.display()
    );
    let unfinished = to.with_extension("part");
    let line = format!(
        "concat name=c ! identity name=number ! videoconvert ! video/x-raw,format=I420 \
         ! x264enc tune=zerolatency speed-preset=veryfast bitrate=2000 key-int-max=30 \
         ! video/x-h264,profile=constrained-baseline ! h264parse ! mp4mux ! filesink location={} {part} {part} {part}",
        unfinished.display()
    );
    let pipeline = gst::parse::launch(&line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let pad = pipeline
        .by_name("number")
        .and_then(|element| element.static_pad("src"))
        .expect("it is there");
    let next = AtomicU16::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let caps = pad.current_caps().expect("there are caps");
        let video = gst_video::VideoInfo::from_caps(&caps).expect("raw video");
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let buffer = buffer.make_mut();
            let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &video)
                .expect("a frame");
            let stride = frame.plane_stride()[0] as usize;
            let number = next.fetch_add(1, Relaxed);
            number::draw(frame.plane_data_mut(0).expect("luma"), stride, number);
        }
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let bus = pipeline.bus().expect("a bus");
    let end = bus.timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
    pipeline.set_state(gst::State::Null).expect("it stops");
    if let Some(gst::MessageView::Error(error)) = end.as_deref().map(gst::MessageRef::view) {
        panic!("{}: {} {:?}", to.display(), error.error(), error.debug());
    }
    std::fs::rename(&unfinished, to).expect("it can be named");
}
