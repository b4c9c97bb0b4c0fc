// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Writes the files of all sessions and keeps them within their limits: the oldest files go first.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::log::Log;
use super::{SESSION_SHARE, is_id, path_of};

/// The maximum number of files.
const MAX_FILES: usize = 1000;

pub(super) struct Writer {
    folder: PathBuf,
    max_bytes: u64,
    /// Written since the size of the folder was checked.
    unchecked_bytes: u64,
    open: HashMap<String, Log>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self {
            folder,
            max_bytes,
            unchecked_bytes: 0,
            open: HashMap::new(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn append(&mut self, id: &str, header: &str, line: &str) -> io::Result<()> {
        let share = self.max_bytes / SESSION_SHARE;
        if !self.open.contains_key(id) {
            make_folder(&self.folder)?;
            self.remove_oldest()?;
            let log = Log::create(&path_of(&self.folder, id), header)?;
            self.open.insert(id.to_owned(), log);
        }
        let Some(log) = self.open.get_mut(id) else {
            return Ok(());
        };
        log.append(line)?;
        if log.bytes() > share {
            log.shorten(share / 2)?;
        }
        self.unchecked_bytes += line.len() as u64;
        if self.unchecked_bytes > share {
            self.remove_oldest()?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// Removes the oldest files of ended sessions until the limits hold.
    fn remove_oldest(&mut self) -> io::Result<()> {
        self.unchecked_bytes = 0;
        let mut files = files(&self.folder)?;
        files.sort_by_key(|file| file.changed);
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let mut count = files.len();
        for file in files {
            if bytes <= self.max_bytes && count < MAX_FILES {
                break;
            }
            if !self.open.contains_key(&file.id) {
                fs::remove_file(&file.path)?;
                bytes -= file.bytes;
                count -= 1;
            }
        }
        Ok(())
    }
}

pub(super) struct StoredFile {
    pub id: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub changed: SystemTime,
}

/// The files of answers in this folder. Other files are none of its business.
pub(super) fn files(folder: &Path) -> io::Result<Vec<StoredFile>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let file = |entry: fs::DirEntry| {
        let path = entry.path();
        let id = path.file_stem()?.to_str()?.to_owned();
        let about = entry.metadata().ok()?;
        let ours = is_id(&id) && path.extension()? == "jsonl" && about.is_file();
        ours.then_some(StoredFile {
            bytes: about.len(),
            changed: about.modified().ok()?,
            id,
            path,
        })
    };
    Ok(entries.filter_map(Result::ok).filter_map(file).collect())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> String {
        format!("{number:032x}")
    }

    fn line(number: usize) -> String {
        format!("{{\"id\":{number},\"result\":\"{}\"}}", "x".repeat(60))
    }

    #[test]
    fn a_long_session_keeps_its_newest_answers() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Writer::new(folder.path().to_owned(), 16 * 1000);
        for number in 1..=100 {
            writer
                .append(&id(1), "{\"filename\":\"a\"}", &line(number))
                .expect("there is space");
        }
        let text = fs::read_to_string(path_of(folder.path(), &id(1))).expect("a file");
        assert!(text.len() <= 1100, "{} bytes", text.len());
        assert!(text.starts_with("{\"filename\":\"a\"}\n{\"id\":"), "{text}");
        assert!(text.ends_with(&format!("{}\n", line(100))), "{text}");
    }

    #[test]
    fn the_oldest_sessions_go_first_and_open_ones_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("notes.jsonl"), "x".repeat(9000)).expect("a file");
        let mut writer = Writer::new(folder.path().to_owned(), 3200);
        for number in 0..30 {
            writer
                .append(&id(number), "{}", &line(number))
                .expect("there is space");
            writer
                .append(&id(number), "{}", &line(number))
                .expect("there is space");
            // Number 0 runs on. The clock of the file system is coarse.
            if number > 0 {
                writer.close(&id(number));
            }
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            let file = fs::File::options()
                .append(true)
                .open(path_of(folder.path(), &id(number)));
            file.and_then(|file| file.set_modified(time))
                .expect("a time can be set");
        }
        let mut left: Vec<String> = files(folder.path())
            .expect("a folder")
            .into_iter()
            .map(|file| file.id)
            .collect();
        left.sort();
        assert!(
            left.len() < 25 && left.contains(&id(0)) && left.contains(&id(29)),
            "{left:?}"
        );
        assert!(!left.contains(&id(1)), "{left:?}");
        assert!(folder.path().join("notes.jsonl").exists());
    }
}
