// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! PROGRESS messages: connecting posts a start, and then complete, error or canceled.

use std::time::Duration;

use super::LIVE;
use crate::common::{Pipeline, Service};
use overshoot_emulator::{Call, Fault, Times};

#[test]
fn each_start_has_one_end() {
    let progress = |pipeline: &Pipeline| {
        let messages = pipeline.messages();
        messages
            .iter()
            .filter_map(|(_, message)| match message.view() {
                gst::MessageView::Progress(progress) => Some(progress.get().0),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", Duration::from_secs(10));
    use gst::ProgressType as P;
    assert_eq!(progress(&pipeline), [P::Start, P::Complete]);

    service
        .control
        .inject(Call::Create, Fault::status(401), Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for_failure(true, Duration::from_secs(5));
    assert_eq!(progress(&pipeline), [P::Start, P::Error]);

    service.control.clear_faults();
    service
        .control
        .inject(Call::Create, Fault::Hang, Times::Always);
    let pipeline = Pipeline::new(&service, &format!("{LIVE} ! overshootsink name=o"));
    pipeline.play();
    pipeline.wait_for("the start", Duration::from_secs(5), |_| {
        (!progress(&pipeline).is_empty()).then_some(())
    });
    pipeline.stop();
    assert_eq!(progress(&pipeline), [P::Start, P::Canceled]);
}
