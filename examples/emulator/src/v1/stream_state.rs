//! What a stream of v1 has beyond the lease: frames to ask about.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::codec::Codec;
use crate::faults::injected::FedFrame;
use crate::media::decoder::EncodedFrame;
use crate::service::live_stream::ApiStream;
use crate::v1::history::History;
use crate::vision::observation::MeasuredFrame;

/// What a stream of v1 has beyond the lease: frames to ask about.
pub(crate) struct V1StreamState {
    pub history: History,
    /// Frames from the network, on their way to the decoder.
    pub frame_sender: mpsc::Sender<(Codec, EncodedFrame)>,
    /// Answers given.
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

    /// What is kept can still be asked about.
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
