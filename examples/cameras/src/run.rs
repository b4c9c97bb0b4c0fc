// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command `run`: runs the cameras of a file in this process until `stop` is cancelled.

use std::error::Error;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::camera::{self, CameraEnd};
use crate::config::Settings;
use crate::process::{Process, ProcessOptions};

pub async fn run(
    settings: Settings,
    options: ProcessOptions,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let process = Process::open(&settings, options, &stop).await?;
    let (count, slots) = (settings.cameras.len(), process.shared.slots.count());
    if count > slots {
        let turn = settings.turn_length().as_secs_f64();
        process.shared.log.line(format_args!(
            "{count} cameras share {slots} stream slots (five per key), in turns of {turn:.0} s"
        ));
    }
    let mut cameras = JoinSet::new();
    for camera in settings.cameras {
        cameras.spawn(camera::run(camera, process.shared.clone(), stop.clone()));
    }
    let mut all_refused = true;
    while let Some(ended) = cameras.join_next().await {
        all_refused &= ended? == CameraEnd::Refused;
    }
    process.close().await;
    match all_refused {
        true => Err("the service refused the settings of every camera (see above)".into()),
        false => Ok(()),
    }
}
