//! What a stream of v1 has beyond the lease: frames to ask about.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::codec::Codec;
use crate::media::decoder::Encoded;
use crate::service::control::FedFrame;
use crate::service::stream::ApiStream;
use crate::v1::history::History;
use crate::vision::observation::Seen;

/// What a stream of v1 has beyond the lease: frames to ask about.
pub(crate) struct Pull {
    pub history: History,
    /// Frames from the network, on their way to the decoder.
    pub inlet: mpsc::Sender<(Codec, Encoded)>,
    /// Answers given.
    pub answers: AtomicU64,
}

impl ApiStream for Pull {
    fn add_frame(&self, frame: Seen, picture: gst::Sample) {
        self.history.see(frame, &picture);
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
        let encoded = Encoded {
            data: frame.data.into(),
            rtp_time: frame.rtp_time,
            arrived: frame.arrived,
            keyframe: frame.keyframe,
        };
        self.inlet.try_send((frame.codec, encoded)).is_ok()
    }
}
