// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which chains get the frames: that of the current connection, and for a while that of the stream that it replaces.

use gst::prelude::*;

use super::chain_input::ChainInput;
use super::feeder::{Feeder, State, codec_of};
use super::gop_cache::CachedFrame;
use super::target::Target;
use crate::lock::lock;

impl Feeder {
    /// Starts passing frames to this chain, the cached ones first. A chain that has got them until now goes on getting
    /// them, up to [`Feeder::release_outgoing`]. Frames that wait since a change follow at their pace ([`Feeder::send_held`]).
    pub fn attach(&self, chain: &ChainInput) {
        let mut target = Target::new(chain.clone());
        let (live, detached) = {
            let mut state = lock(&self.state);
            if let Some(outgoing) = state.target.take() {
                state.outgoing = Some(outgoing);
            }
            (state.live, state.detached)
        };
        chain.set_live(live);
        {
            let mut state = lock(&self.state);
            if state.detached == detached && state.rest.start(chain.codec) {
                state.target = Some(target);
                return;
            }
        }
        let mut first = true;
        // The loop keeps the order: while this thread passes cached frames on, newer ones are cached.
        loop {
            let cached: Vec<_> = {
                let mut state = lock(&self.state);
                if state.detached != detached {
                    return;
                }
                let rate = state.rule.rate();
                // Frames in another format stay: a decoder that is inserted next begins with them.
                let fits = state.cache.newest().map(codec_of) == Some(chain.codec);
                let cached = match fits {
                    true => state.cache.pass_on(first),
                    false => Vec::new(),
                };
                if cached.is_empty() {
                    state.target = Some(target);
                    return;
                }
                first = false;
                target.cached_queued(cached.len());
                cached
                    .iter()
                    .map(|frame| {
                        let CachedFrame {
                            sample,
                            arrival,
                            access,
                            ..
                        } = frame;
                        let buffer = target.pass_on(sample, arrival, *access, rate);
                        state.record_sent(sample, chain.codec);
                        buffer
                    })
                    .collect()
            };
            for buffer in cached {
                self.push(&chain.appsrc, buffer, chain.codec.is_none());
            }
        }
    }

    /// Stops passing frames on. A thread that waits for the encoder continues.
    pub fn detach(&self) {
        self.remove(|state| {
            state.last_frame = None;
            state.detached += 1;
            state.rest.pause();
            [state.target.take(), state.outgoing.take()]
        });
    }

    /// Stops passing frames to the chain that was replaced.
    pub fn release_outgoing(&self) {
        self.remove(|state| [state.outgoing.take(), None]);
    }

    /// Stops passing frames to the newest chain: the one that it was to replace is the only one again.
    pub fn restore_outgoing(&self) {
        self.remove(|state| match state.outgoing.take() {
            Some(outgoing) => [state.target.replace(outgoing), None],
            None => [None, None],
        });
    }

    fn remove(&self, take: impl FnOnce(&mut State) -> [Option<Target>; 2]) {
        let removed = {
            let mut state = lock(&self.state);
            let removed = take(&mut state);
            let targets = removed.iter().flatten();
            state.encoded_before += targets.map(|target| target.chain.encoded()).sum::<u64>();
            removed
        };
        for target in removed.into_iter().flatten() {
            // This wakes a thread that waits in `push`. The caller tears the chain down next.
            target
                .chain
                .appsrc
                .send_event(gst::event::FlushStart::new());
        }
    }

    /// Sends EOS into the chain, behind the frames that wait, so that the encoder outputs its last frames. `false` if there is no chain.
    pub fn end(&self) -> bool {
        let appsrc = {
            let mut state = lock(&self.state);
            state.last_frame = None;
            if state.target.is_some()
                && let Some(backlog) = state.rest.backlog()
            {
                backlog.end();
                return true;
            }
            state.target.as_ref().map(|t| t.chain.appsrc.clone())
        };
        appsrc.is_some_and(|appsrc| appsrc.end_of_stream().is_ok())
    }
}
