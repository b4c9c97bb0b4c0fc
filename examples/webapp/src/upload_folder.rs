// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The folder for uploads. It is deleted at the end, and after a crash or a kill at the next start: a running
//! program holds a lock on its folder.

use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "overshoot-uploads-";
/// Younger folders stay: their program may be about to lock them.
const MIN_AGE: Duration = Duration::from_secs(10);

/// Dropping it deletes the folder and its files.
pub(crate) struct UploadFolder {
    folder: TempDir,
    /// `None` on systems that cannot lock folders. There, nothing is removed at the next start.
    _lock: Option<File>,
}

impl UploadFolder {
    /// Makes a new folder, and removes those that earlier runs left.
    pub(crate) fn make_in(parent: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = lock(folder.path());
        let removed = remove_leftovers(parent, folder.path()).unwrap_or_else(|error| {
            eprintln!("overshoot-webapp: {}: {error}", parent.display());
            0
        });
        if removed > 0 {
            eprintln!(
                "the uploads of {removed} earlier runs were removed, which had not ended in order"
            );
        }
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Locks a folder, if nobody else has.
fn lock(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    opened.try_lock().ok()?;
    Some(opened)
}

fn remove_leftovers(parent: &Path, own: &Path) -> io::Result<usize> {
    let own_metadata = fs::symlink_metadata(own)?;
    let mut removed = 0;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let path = entry.path();
        if path == own || !is_leftover(&entry, &own_metadata) {
            continue;
        }
        if let Some(_lock) = lock(&path) {
            match fs::remove_dir_all(&path) {
                Ok(()) => removed += 1,
                Err(error) => eprintln!("overshoot-webapp: {}: {error}", path.display()),
            }
        }
    }
    Ok(removed)
}

/// Whether this is an old folder of the same user. A link is not.
fn is_leftover(entry: &DirEntry, own: &Metadata) -> bool {
    let has_name = entry
        .file_name()
        .to_str()
        .is_some_and(|name| name.starts_with(PREFIX));
    let Ok(metadata) = fs::symlink_metadata(entry.path()) else {
        return false;
    };
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.elapsed().ok());
    has_name
        && metadata.is_dir()
        && is_same_owner(&metadata, own)
        && age.is_some_and(|age| age >= MIN_AGE)
}

#[cfg(unix)]
fn is_same_owner(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.uid() == other.uid()
}

#[cfg(not(unix))]
fn is_same_owner(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn age(folder: &Path, by: Duration) {
        let opened = File::open(folder).expect("it is there");
        opened
            .set_modified(SystemTime::now() - by)
            .expect("it is ours");
    }

    #[test]
    fn only_folders_that_nobody_uses_are_removed() {
        let parent = TempDir::new().expect("a folder");
        let running = UploadFolder::make_in(parent.path()).expect("a folder");
        let [left, young, other] = ["overshoot-uploads-left", "overshoot-uploads-young", "other"]
            .map(|name| parent.path().join(name));
        for folder in [&left, &young, &other] {
            fs::create_dir(folder).expect("a folder");
            fs::write(folder.join("upload.mp4"), "video").expect("a file");
        }
        let outside = TempDir::new().expect("a folder");
        let link = parent.path().join("overshoot-uploads-link");
        std::os::unix::fs::symlink(outside.path(), &link).expect("a link");
        for folder in [left.as_path(), &other, outside.path(), running.path()] {
            age(folder, MIN_AGE * 2);
        }
        let next = UploadFolder::make_in(parent.path()).expect("a folder");
        assert!(!left.exists());
        for kept in [young.as_path(), &other, &link, next.path(), running.path()] {
            assert!(kept.exists(), "{}", kept.display());
        }
    }
}
