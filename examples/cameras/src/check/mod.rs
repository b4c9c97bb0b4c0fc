// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command `check`: connects to each camera of a file, without the service, and prints what it sends.
//!
//! `probe` watches one camera, `seen` is what it counts, `report` is what is printed about it.

mod probe;
mod report;
mod seen;

use std::error::Error;

use futures_util::{StreamExt, stream};

use crate::config::Settings;

/// How many cameras are looked at together.
const MAX_PROBES: usize = 8;

/// Prints a line for each camera, in the order of the file.
///
/// # Errors
/// A camera brings no video.
pub async fn check(settings: Settings, json: bool) -> Result<(), Box<dyn Error>> {
    let count = settings.cameras.len();
    let cameras = stream::iter(settings.cameras);
    let mut reports = cameras
        .map(|camera| async move { (probe::probe(&camera.url).await, camera.name) })
        .buffered(MAX_PROBES);
    let mut failed = 0;
    while let Some((result, name)) = reports.next().await {
        failed += usize::from(result.is_err());
        match json {
            true => println!("{}", report::to_json(&name, &result)),
            false => println!("{name}: {}", report::to_text(&result)),
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(format!("{failed} of {count} cameras bring no video (see above)").into()),
    }
}
