// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Phones record portrait video turned, with a note in the file. The service must see it upright.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Service, WebApp, make_any_video, play};
use gst_video::prelude::*;
use overshoot_emulator::PictureSink;
use serde_json::json;
use tempfile::TempDir;

/// Size of a picture, and its brightest quarter: row and column.
type Seen = ((u32, u32), (usize, usize));

fn look(sample: &gst::Sample) -> Option<Seen> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let stride = frame.plane_stride()[0] as usize;
    let luma = frame.plane_data(0).ok()?;
    // In the middle of each quarter.
    let at = |row: usize, column: usize| {
        luma[height * (1 + 2 * row) / 4 * stride + width * (1 + 2 * column) / 4]
    };
    let quarters = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let brightest = quarters
        .into_iter()
        .max_by_key(|(row, column)| at(*row, *column))?;
    Some(((frame.width(), frame.height()), brightest))
}

fn watching(api: &str) -> (Service, Receiver<Seen>) {
    let (sender, seen) = channel();
    let sender = Arc::new(Mutex::new(sender));
    let service = Service::of(api, |config| {
        config.on_picture = Some(PictureSink::new(move |_, sample, _| {
            if let Some(picture) = look(sample) {
                // This fails after the end of the test.
                let _ = sender.lock().expect("no panic").send(picture);
            }
        }));
    });
    (service, seen)
}

/// What the service sees of a file.
fn see(api: &str, file: &Path) -> Seen {
    let (service, seen) = watching(api);
    let app = WebApp::start(&service);
    play(async {
        let id = app.upload(file).await;
        app.start_stream(&id, json!({"prompt": "What?", "interval_seconds": 0.1}))
            .await;
    });
    seen.recv_timeout(Duration::from_secs(20))
        .expect("a picture")
}

#[test]
fn the_service_sees_turned_videos_upright() {
    let folder = TempDir::new().expect("a folder");
    // White in the upper left quarter, before it is turned.
    let picture = "videotestsrc num-buffers=50 pattern=white \
        ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 \
        ! videobox right=-160 bottom=-120 fill=black ! video/x-raw,width=320,height=240";
    let line = format!("{picture} ! x264enc tune=zerolatency ! mp4mux");
    let file = make_any_video(folder.path(), "phone.mp4", &line);
    let film = std::fs::read(&file).expect("it was made");
    // Degrees clockwise, and the rotation as the first numbers of the matrix (ISO/IEC 14496-12, 8.3.2).
    for (api, degrees, [a, b, c, d], size, corner) in [
        ("v0.2", 0, [1, 0, 0, 1], (320, 240), (0, 0)),
        ("v0.2", 90, [0, 1, -1, 0], (240, 320), (0, 1)),
        ("v1", 180, [-1, 0, 0, -1], (320, 240), (1, 1)),
        ("v1", 270, [0, -1, 1, 0], (240, 320), (1, 0)),
    ] {
        let mut turned = film.clone();
        let header = turned.windows(4).position(|four| four == b"tkhd");
        let matrix = header.expect("a track header") + 4 + 40;
        // Where the turned picture begins, so that it is at the origin again.
        let (x, y) = match degrees {
            90 => (240, 0),
            180 => (320, 240),
            270 => (0, 320),
            _ => (0, 0),
        };
        for (index, number) in [a, b, 0, c, d, 0, x, y].into_iter().enumerate() {
            let fixed: i32 = number << 16;
            let at = matrix + 4 * index;
            turned[at..at + 4].copy_from_slice(&fixed.to_be_bytes());
        }
        std::fs::write(&file, turned).expect("the folder is there");
        assert_eq!(see(api, &file), (size, corner), "{degrees}");
    }
}

/// 320x180, with a rotation of 90° in the file, as a phone writes it.
#[test]
fn a_phones_portrait_video_has_the_size_of_a_portrait() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/inputs/rotated.mp4");
    assert_eq!(see("v0.2", &file).0, (180, 320));
}
