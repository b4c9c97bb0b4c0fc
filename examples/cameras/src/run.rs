// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The command `run`: runs the cameras of a file in this process until `stop` is cancelled. `reload` reads the file
//! anew: only cameras that changed start again.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::camera::{self, CameraEnd};
use crate::config::{Camera, Settings};
use crate::process::{Process, ProcessOptions};
use crate::shared::Shared;

pub async fn run(
    file: &Path,
    options: ProcessOptions,
    reload: &Notify,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::read_cameras(file, Settings::read)?;
    let process = Process::open(&settings, options, &stop).await?;
    let mut cameras = Cameras::new(process.shared.clone(), stop.clone());
    cameras.apply(std::mem::take(&mut settings.cameras));
    cameras.report_turns(&settings);
    while !cameras.tasks.is_empty() {
        tokio::select! {
            Some(ended) = cameras.tasks.join_next() => {
                let (name, end) = ended?;
                cameras.handle_end(&name, end);
            }
            () = reload.notified(), if !stop.is_cancelled() => {
                let log = process.shared.log.clone();
                match Settings::read_cameras(file, Settings::read) {
                    Ok(mut new) => {
                        let changes = cameras.apply(std::mem::take(&mut new.cameras));
                        log.line(format_args!("{}: {changes}", file.display()));
                        if !new.has_same_process(&settings) {
                            log.line("keys, turn-seconds, metrics and deliver have changed, too: these are read at the start only, so start the program again");
                        }
                        cameras.report_turns(&settings);
                    }
                    Err(error) => log.line(format_args!("nothing is changed, because of an error in the file: {error}")),
                }
            }
        }
    }
    let all_refused = cameras.are_all_refused();
    drop(cameras);
    process.close().await;
    match all_refused && !stop.is_cancelled() {
        true => Err("the service refused the settings of every camera (see above)".into()),
        false => Ok(()),
    }
}

/// The cameras of the file.
struct Cameras {
    shared: Shared,
    stop: CancellationToken,
    by_name: HashMap<String, Entry>,
    tasks: JoinSet<(String, CameraEnd)>,
}

struct Entry {
    config: Camera,
    stop: CancellationToken,
    /// Why it has ended.
    end: Option<CameraEnd>,
    /// What to run when it has ended.
    next: Option<Camera>,
}

impl Cameras {
    fn new(shared: Shared, stop: CancellationToken) -> Self {
        Self {
            shared,
            stop,
            by_name: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// From now on these cameras run, in this order. Returns what changes, in words.
    fn apply(&mut self, cameras: Vec<Camera>) -> String {
        let names: Vec<_> = cameras.iter().map(|camera| camera.name.clone()).collect();
        let (mut added, mut changed, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        let gone = self.by_name.keys().filter(|name| !names.contains(name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.remove(&name);
            removed.push(name);
        }
        self.shared.board.set_order(names);
        for camera in cameras {
            let name = camera.name.clone();
            match self.by_name.get_mut(&name) {
                None => {
                    self.start(camera);
                    added.push(name);
                }
                Some(entry) if !entry.stop.is_cancelled() && entry.config.is_same(&camera) => {}
                Some(entry) => {
                    entry.stop.cancel();
                    match entry.end {
                        None => entry.next = Some(camera),
                        Some(_) => self.start(camera),
                    }
                    changed.push(name);
                }
            }
        }
        let list = |what: &str, names: Vec<String>| match names.is_empty() {
            true => None,
            false => Some(format!("{what} {}", names.join(", "))),
        };
        let changes = [
            list("added", added),
            list("changed", changed),
            list("removed", removed),
        ];
        let changes: Vec<_> = changes.into_iter().flatten().collect();
        match changes.is_empty() {
            true => "no camera has changed".to_owned(),
            false => changes.join("; "),
        }
    }

    fn start(&mut self, camera: Camera) {
        let stop = self.stop.child_token();
        let name = camera.name.clone();
        let entry = Entry {
            config: camera.clone(),
            stop: stop.clone(),
            end: None,
            next: None,
        };
        self.by_name.insert(name.clone(), entry);
        let shared = self.shared.clone();
        self.tasks
            .spawn(async move { (name, camera::run(camera, shared, stop).await) });
    }

    /// A camera that runs is gone when it has ended.
    fn remove(&mut self, name: &str) {
        let Some(entry) = self.by_name.get_mut(name) else {
            return;
        };
        entry.stop.cancel();
        entry.next = None;
        if entry.end.is_some() {
            self.by_name.remove(name);
            self.shared.board.remove(name);
        }
    }

    fn handle_end(&mut self, name: &str, end: CameraEnd) {
        let Some(entry) = self.by_name.get_mut(name) else {
            return;
        };
        entry.end = Some(end);
        if end == CameraEnd::Stopped && entry.next.is_none() {
            camera::report_stopped(name, &self.shared);
        }
        if self.stop.is_cancelled() || !entry.stop.is_cancelled() {
            return;
        }
        match entry.next.take() {
            Some(camera) => self.start(camera),
            None => self.remove(name),
        }
    }

    fn are_all_refused(&self) -> bool {
        let mut ends = self.by_name.values().map(|entry| entry.end);
        ends.all(|end| end == Some(CameraEnd::Refused))
    }

    fn report_turns(&self, settings: &Settings) {
        let (count, slots) = (self.by_name.len(), self.shared.slots.count());
        if count > slots {
            let turn = settings.turn_length().as_secs_f64();
            self.shared.log.line(format_args!(
                "{count} cameras share {slots} stream slots (five per key), in turns of {turn:.0} s"
            ));
        }
    }
}
