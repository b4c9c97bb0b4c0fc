// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The part of a v1 stream that other streams do not have: its history.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::codec::Codec;
use crate::faults::injected::FedFrame;
use crate::media::decoder::EncodedFrame;
use crate::service::live_stream::ApiStream;
use crate::v1::camera::CameraSource;
use crate::v1::history::History;
use crate::vision::observation::MeasuredFrame;

/// What the calls and the media of one v1 stream share.
pub(crate) struct V1StreamState {
    pub history: History,
    /// Takes the frames that tests feed.
    pub frame_sender: mpsc::Sender<(Codec, EncodedFrame)>,
    /// Where its video is pulled from. `None`: a client publishes it.
    pub camera: Option<CameraSource>,
    /// How many answers were given.
    pub answers: AtomicU64,
}

impl ApiStream for V1StreamState {
    fn add_frame(&self, frame: MeasuredFrame, picture: gst::Sample) {
        self.history.add_frame(frame, &picture);
    }

    fn clear(&self) {
        self.history.close();
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Its history can still be asked about.
    fn ends_without_video(&self) -> bool {
        false
    }

    fn feed(&self, frame: FedFrame) -> bool {
        let encoded = EncodedFrame {
            data: frame.data.into(),
            rtp_time: frame.rtp_time,
            arrived: frame.arrived,
            keyframe: frame.keyframe,
        };
        self.frame_sender.try_send((frame.codec, encoded)).is_ok()
    }
}
