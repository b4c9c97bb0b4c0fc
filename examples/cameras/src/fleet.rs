//! The cameras of a file, in this process, until it is to stop.

use std::error::Error;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::camera::{self, Ended};
use crate::config::Settings;
use crate::process::Process;

pub async fn run(
    settings: Settings,
    table: bool,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let process = Process::open(&settings, table, &stop).await?;
    let (count, places) = (settings.cameras.len(), process.shared.places.count());
    if count > places {
        let turn = settings.turn().as_secs_f64();
        process.shared.log.say(format_args!(
            "{count} cameras take turns of {turn:.0} s at {places} places, five a key"
        ));
    }
    let mut cameras = JoinSet::new();
    for camera in settings.cameras {
        cameras.spawn(camera::run(camera, process.shared.clone(), stop.clone()));
    }
    let mut all_refused = true;
    while let Some(ended) = cameras.join_next().await {
        all_refused &= ended? == Ended::Refused;
    }
    process.close().await;
    match all_refused {
        true => Err("the settings of every camera are refused (see above)".into()),
        false => Ok(()),
    }
}
