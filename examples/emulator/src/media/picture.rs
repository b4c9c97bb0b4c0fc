// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What happens to a decoded picture: it is measured, recorded, and passed to its stream.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::records::event::Event;
use crate::records::snapshot::{self, Frame};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::vision::lazy::LazyCodes;
use crate::vision::measures;
use crate::vision::observation::MeasuredFrame;

/// The maximum width and height of an SFU's blank picture: 8x8 in VP8, 2x2 in H.264.
const BLANK_PICTURE_SIDE: u32 = 8;

/// The times of a picture.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    /// On the stream's own clock.
    pub rtp_time: u64,
    /// Whether it was sent as a keyframe.
    pub keyframe: bool,
    pub arrived: Instant,
    pub decoded: Instant,
}

pub(crate) fn take(live: &LiveStream, app: &App, sample: gst::Sample, timing: Timing) {
    let Some(measures) = measures::measure(&sample) else {
        return;
    };
    // livekit-server sends blank pictures in place of a track that has ended. They are not the publisher's.
    if measures.width <= BLANK_PICTURE_SIDE && measures.height <= BLANK_PICTURE_SIDE {
        return;
    }
    if let Some(sink) = &app.config.on_picture {
        sink.show(&live.id, &sample, timing.decoded);
    }
    // The codes of sampled frames are read later, so that reading does not delay the decoder.
    let every_frame = app.config.read_every_frame;
    let codes = every_frame.then(|| measures::codes(&sample));
    let frame = Frame {
        at: timing.decoded,
        rtp_time: timing.rtp_time,
        keyframe: timing.keyframe,
        width: measures.width,
        height: measures.height,
        luma: measures.yuv[0],
        rgb: measures.coding.rgb(measures.yuv),
        code: codes.as_ref().and_then(|codes| codes.first().cloned()),
    };
    record(live, app, frame);
    live.api.add_frame(
        MeasuredFrame {
            rtp_time: timing.rtp_time,
            arrived: timing.arrived,
            measures,
            codes: codes.map(LazyCodes::ready),
            picture: None,
        },
        sample,
    );
}

fn record(live: &LiveStream, app: &App, frame: Frame) {
    if live.frames.fetch_add(1, Ordering::Relaxed) == 0 {
        app.emit(&Event::FirstFrame {
            stream: live.id.clone(),
            width: frame.width,
            height: frame.height,
            after: frame.at.duration_since(live.created),
        });
    }
    app.config.control.stream(&live.id, |stream| {
        snapshot::push_bounded(&mut stream.frames, snapshot::RECORDS_PER_STREAM, frame);
    });
}
