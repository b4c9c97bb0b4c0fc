// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! One file of answers: a first line about the session, then a line per answer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Log {
    /// Makes the file with its first line.
    pub(super) fn create(path: &Path, header: &str) -> io::Result<Self> {
        let mut log = Self {
            path: path.to_owned(),
            file: open(path)?,
            bytes: 0,
        };
        // A file without its first line is of no use.
        if let Err(error) = log.append(header) {
            let _ = fs::remove_file(path);
            return Err(error);
        }
        Ok(log)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a whole line, or nothing.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        match written {
            Ok(()) => {
                self.bytes += line.len() as u64 + 1;
                Ok(())
            }
            Err(error) => {
                // A full disk may have taken a part of the line.
                let _ = self.file.set_len(self.bytes);
                Err(error)
            }
        }
    }

    /// Removes the oldest answers until at most so many bytes are left.
    pub(super) fn shorten(&mut self, max_bytes: u64) -> io::Result<()> {
        let text = fs::read_to_string(&self.path)?;
        let (header, answers) = text.split_once('\n').unwrap_or((&text, ""));
        let excess = text.len().saturating_sub(max_bytes as usize);
        let mut start = 0;
        for line in answers.split_inclusive('\n') {
            if start >= excess {
                break;
            }
            start += line.len();
        }
        let scratch = self.path.with_extension("part");
        let mut file = open(&scratch)?;
        let kept = format!("{header}\n{}", &answers[start..]);
        if let Err(error) = file
            .write_all(kept.as_bytes())
            .and_then(|()| fs::rename(&scratch, &self.path))
        {
            let _ = fs::remove_file(&scratch);
            return Err(error);
        }
        self.file = file;
        self.bytes = kept.len() as u64;
        Ok(())
    }
}

/// Opens a file that only this user can read: answers may describe people.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_counts_nothing() {
        let mut log = Log {
            path: PathBuf::new(),
            // Every write to this device fails as on a full disk.
            file: OpenOptions::new()
                .append(true)
                .open("/dev/full")
                .expect("Linux has it"),
            bytes: 7,
        };
        let error = log.append("{}").expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(log.bytes(), 7);
    }
}
