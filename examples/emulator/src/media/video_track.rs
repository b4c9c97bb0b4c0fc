// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The video track of a receiver: chooses its simulcast layer, requests keyframes, feeds the decoder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::media::{MediaData, Rid};

use crate::codec::Codec;
use crate::media::decoder::{Decoder, EncodedFrame};
use crate::media::peer;
use crate::media::simulcast::{LayerChoice, SimulcastLayers};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How often a keyframe is requested while none arrives.
const KEYFRAME_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The frames of one stream, whichever sender they come from.
pub(super) struct VideoTrack {
    /// Frames are ignored until a track is announced.
    pub announced: bool,
    decoder: Option<Decoder>,
    layers: SimulcastLayers,
    /// The next frame is the first one of its sender.
    new_sender: bool,
    needs_keyframe: bool,
    keyframe_requested_at: Option<Instant>,
    live: Arc<LiveStream>,
    app: Arc<App>,
}

impl VideoTrack {
    pub(super) fn new(announced: bool, live: Arc<LiveStream>, app: Arc<App>) -> Self {
        VideoTrack {
            announced,
            decoder: None,
            layers: SimulcastLayers::default(),
            new_sender: true,
            needs_keyframe: true,
            keyframe_requested_at: None,
            live,
            app,
        }
    }

    /// The sender has ended; another one may follow.
    pub(super) fn sender_ended(&mut self) {
        self.new_sender = true;
    }

    /// The layer to request a keyframe of, if a request is due now.
    pub(super) fn keyframe_due(&self) -> Option<Option<Rid>> {
        let retry = self
            .keyframe_requested_at
            .is_none_or(|at| at.elapsed() >= KEYFRAME_RETRY_INTERVAL);
        (self.needs_keyframe && retry).then(|| self.layers.current())
    }

    /// A keyframe was requested.
    pub(super) fn keyframe_requested(&mut self) {
        self.keyframe_requested_at = Some(Instant::now());
        let control = &self.app.config.control;
        control.stream(&self.live.id, |stream| stream.keyframe_requests += 1);
    }

    /// Takes a frame in. The error: it cannot be decoded here.
    pub(super) fn add_frame(&mut self, data: MediaData) -> Result<(), String> {
        let Some(codec) = peer::codec_of(data.params.spec().codec) else {
            return Ok(());
        };
        if !self.announced {
            return Ok(());
        }
        match self.layers.add_frame(data.rid, data.network_time) {
            LayerChoice::Ignored => return Ok(()),
            LayerChoice::Selected => {}
            LayerChoice::NewlySelected => {
                // Another layer needs another decoder.
                self.decoder = None;
                self.needs_keyframe = true;
                self.keyframe_requested_at = None;
                self.new_sender = true;
            }
        }
        if self.decoder.as_ref().is_some_and(|d| d.codec() != codec) {
            self.decoder = None;
        }
        let control = &self.app.config.control;
        control.stream(&self.live.id, |stream| {
            stream.received += 1;
            stream.first_received.get_or_insert(data.network_time);
        });
        if !self.app.config.decode {
            self.needs_keyframe = false;
            return Ok(());
        }
        // A frame that refers to a lost frame would decode to a picture that nobody sent.
        self.needs_keyframe |= !data.contiguous;
        if self.decoder.as_ref().is_none_or(Decoder::failed) {
            self.needs_keyframe = true;
        }
        if self.needs_keyframe && !data.is_keyframe() {
            return Ok(());
        }
        self.decode(codec, data)
    }

    fn decode(&mut self, codec: Codec, data: MediaData) -> Result<(), String> {
        if self.decoder.as_ref().is_none_or(Decoder::failed) {
            self.decoder = None;
            let control = &self.app.config.control;
            control.stream(&self.live.id, |stream| stream.codec = Some(codec));
            let decoder = Decoder::start(codec, self.live.clone(), self.app.clone())?;
            self.decoder = Some(decoder);
        }
        let new_sender = std::mem::take(&mut self.new_sender);
        let keyframe = data.is_keyframe();
        let rtp_time = self
            .live
            .time(data.time.numer(), data.network_time, new_sender);
        let pushed = self.decoder.as_ref().is_some_and(|decoder| {
            decoder.push(EncodedFrame {
                data: data.data,
                rtp_time,
                arrived: data.network_time,
                keyframe,
            })
        });
        self.needs_keyframe = !pushed;
        if pushed {
            self.keyframe_requested_at = None;
        }
        Ok(())
    }
}
