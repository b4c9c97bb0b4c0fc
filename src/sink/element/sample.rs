// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The samples of the appsink.

/// A sample of its own with the same frame. The appsink (1.22, seen) changes its newest sample in place, although others
/// may hold it.
pub fn own_sample(pulled: &gst::SampleRef) -> gst::Sample {
    let (buffer, caps) = (pulled.buffer_owned(), pulled.caps_owned());
    gst::Sample::builder()
        .buffer_if_some(buffer.as_ref())
        .caps_if_some(caps.as_ref())
        .segment_if_some(pulled.segment())
        .build()
}

/// The running time of a frame, by its timestamp and segment.
pub fn timestamp(sample: &gst::Sample) -> Option<gst::ClockTime> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    segment.to_running_time(sample.buffer()?.pts()?)
}
