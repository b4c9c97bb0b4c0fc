// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Removes the recordings of a camera that are too old or too many. Only its own files are touched: regular files with a name
//! that the element gives to its recordings, `<camera>-00012.mkv` and `<camera>-00012.jpg`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::Camera;
use crate::log::Log;

/// How often it looks for recordings that have become too old.
const INTERVAL: Duration = Duration::from_secs(600);
/// An incomplete file that nobody has written to for this long is left over from a process that died.
const PART_TIMEOUT: Duration = Duration::from_secs(3600);
/// The number in a name has at least this many digits.
const DIGITS: usize = 5;

/// What to keep.
#[derive(Clone, Debug)]
pub struct Retention {
    camera: String,
    folder: Option<PathBuf>,
    max_age: Option<Duration>,
    max_bytes: Option<u64>,
}

/// The files of one event.
#[derive(Debug)]
struct Recorded {
    files: Vec<PathBuf>,
    bytes: u64,
    /// When the last of them was written.
    written: SystemTime,
}

impl Retention {
    pub fn of(camera: &Camera) -> Self {
        let trigger = camera.trigger.as_ref();
        Self {
            camera: camera.name.clone(),
            folder: trigger.map(|trigger| trigger.folder.clone()),
            max_age: trigger.and_then(|trigger| trigger.max_age()),
            max_bytes: trigger.and_then(|trigger| trigger.max_bytes()),
        }
    }

    /// Looks at the start, after each recording, and every ten minutes. Without a limit it does nothing.
    pub async fn keep(&self, recorded: &Notify, log: &Log) -> Infallible {
        let has_limit = self.max_age.is_some() || self.max_bytes.is_some();
        let Some(folder) = self.folder.clone().filter(|_| has_limit) else {
            return std::future::pending().await;
        };
        let mut last_problem = None;
        loop {
            let (this, folder) = (self.clone(), folder.clone());
            let work = move || this.apply(&folder, SystemTime::now());
            let done = tokio::task::spawn_blocking(work).await;
            let done = done.unwrap_or_else(|error| Err(io::Error::other(error)));
            let problem = done.as_ref().err().map(ToString::to_string);
            match done {
                Ok(0) => {}
                Ok(count) => log.camera(
                    &self.camera,
                    format_args!("removed {count} old recordings (keep-days, keep-mib)"),
                ),
                // Each cause once.
                Err(_) if problem == last_problem => {}
                Err(error) => log.camera(
                    &self.camera,
                    format_args!("WARNING: old recordings cannot be removed: {error}"),
                ),
            }
            last_problem = problem;
            // An error means that the time is over.
            let _ = timeout(INTERVAL, recorded.notified()).await;
        }
    }

    /// Returns how many recordings were removed. The newest one stays, whatever its size.
    fn apply(&self, folder: &Path, now: SystemTime) -> io::Result<usize> {
        let age = |written: SystemTime| now.duration_since(written).unwrap_or_default();
        let mut recordings: Vec<_> = self.find(folder, now)?.into_values().collect();
        recordings.sort_by_key(|recorded| recorded.written);
        let newest = recordings.pop();
        let mut bytes: u64 = recordings.iter().map(|recorded| recorded.bytes).sum();
        bytes += newest.map_or(0, |newest| newest.bytes);
        let mut removed = 0;
        for recorded in recordings {
            let is_old = self.max_age.is_some_and(|max| age(recorded.written) > max);
            let is_too_much = self.max_bytes.is_some_and(|max| bytes > max);
            if is_old || is_too_much {
                recorded.files.iter().try_for_each(|file| remove(file))?;
                bytes -= recorded.bytes;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The recordings of this camera, by number. Removes incomplete files that were left over.
    fn find(&self, folder: &Path, now: SystemTime) -> io::Result<BTreeMap<u64, Recorded>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let part = self.number_of_part(name);
            let Some(number) = self.number(name).or(part) else {
                continue;
            };
            // This does not follow links. The file may be gone.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            let written = metadata.modified()?;
            if part.is_some() {
                let age = now.duration_since(written).unwrap_or_default();
                if age > PART_TIMEOUT {
                    remove(&entry.path())?;
                }
                continue;
            }
            let recorded = found.entry(number).or_insert(Recorded {
                files: Vec::new(),
                bytes: 0,
                written,
            });
            recorded.files.push(entry.path());
            recorded.bytes += metadata.len();
            recorded.written = recorded.written.max(written);
        }
        Ok(found)
    }

    /// The number in the name of a recording of this camera.
    fn number(&self, name: &str) -> Option<u64> {
        let rest = name.strip_prefix(&self.camera)?.strip_prefix('-')?;
        let digits = rest.strip_suffix(".mkv").or(rest.strip_suffix(".jpg"))?;
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        // As `%05d` writes it.
        let is_padded =
            digits.len() == DIGITS || (digits.len() > DIGITS && !digits.starts_with('0'));
        (is_number && is_padded).then(|| digits.parse().ok())?
    }

    /// The same of a file that is not complete: `.<name>.<process>.part`.
    fn number_of_part(&self, name: &str) -> Option<u64> {
        let name = name.strip_prefix('.')?.strip_suffix(".part")?;
        let (name, process) = name.rsplit_once('.')?;
        process.parse::<u32>().ok()?;
        self.number(name)
    }
}

/// Somebody else may have removed it.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io::Error::new(
            error.kind(),
            format!("{}: {error}", file.display()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    /// Files of others, and folders and links that only look like recordings.
    const OTHERS: [&str; 9] = [
        "yard-0001.mkv",
        "yard-000001.mkv",
        "yard-00001.mkv.bak",
        "yard-00001.txt",
        "yard-notes.mkv",
        "yard2-00001.mkv",
        "yard-00001-00001.mkv",
        "gate-00001.mkv",
        ".yard-00001.mkv.x.part",
    ];

    fn write(folder: &Path, name: &str, bytes: usize, age: Duration, now: SystemTime) {
        let file = fs::File::create(folder.join(name)).expect("a file");
        file.set_len(bytes as u64).expect("its length");
        file.set_modified(now - age).expect("its time");
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_own_files_are_removed_by_age_and_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let now = SystemTime::now();
        for name in OTHERS {
            write(path, name, 4000, DAY * 100, now);
        }
        fs::create_dir(path.join("yard-00098.mkv")).expect("a folder");
        std::os::unix::fs::symlink("/etc/hostname", path.join("yard-00099.mkv")).expect("a link");
        let others = names(path);
        for number in 0..6_u32 {
            let age = DAY * (6 - number);
            write(path, &format!("yard-{number:05}.mkv"), 1000, age, now);
            write(path, &format!("yard-{number:05}.jpg"), 100, age, now);
        }
        write(path, ".yard-00006.mkv.77.part", 10, DAY, now);
        write(path, ".yard-00007.mkv.78.part", 10, Duration::ZERO, now);
        let mut retention = Retention {
            camera: "yard".to_owned(),
            folder: None,
            max_age: Some(DAY * 4 + DAY / 2),
            max_bytes: None,
        };
        let own = |path: &Path| {
            let left = names(path)
                .into_iter()
                .filter(|name| !others.contains(name));
            left.collect::<Vec<_>>()
        };
        assert_eq!(retention.apply(path, now).expect("removed"), 2);
        let left = own(path);
        assert_eq!(left.len(), 9, "{left:?}");
        assert_eq!(left[0], ".yard-00007.mkv.78.part");
        assert_eq!(left[1], "yard-00002.jpg");
        retention.max_bytes = Some(2500);
        assert_eq!(retention.apply(path, now).expect("removed"), 2);
        assert_eq!(
            own(path)[1..],
            [
                "yard-00004.jpg",
                "yard-00004.mkv",
                "yard-00005.jpg",
                "yard-00005.mkv"
            ]
        );
        // The newest one stays.
        retention.max_bytes = Some(1);
        assert_eq!(retention.apply(path, now + DAY * 99).expect("removed"), 1);
        assert_eq!(own(path), ["yard-00005.jpg", "yard-00005.mkv"]);
        assert_eq!(
            names(path)
                .into_iter()
                .filter(|name| others.contains(name))
                .count(),
            others.len()
        );
    }
}
