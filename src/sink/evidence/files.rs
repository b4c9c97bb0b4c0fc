// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The files of alerts. A file that is there is never replaced, and a file has its name only once it is complete.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::lock::lock;
use crate::sink::config::evidence::CLIP_EXTENSION;
use crate::sink::config::file_pattern::FilePattern;

/// Numbers that are tried, if other programs write such files, too.
const MAX_TRIES: usize = 100;

/// The files of one pattern.
pub struct Files {
    stills: FilePattern,
    clips: FilePattern,
    next: Mutex<Option<u64>>,
}

impl Files {
    pub fn new(pattern: &FilePattern) -> Self {
        Self {
            stills: pattern.clone(),
            clips: pattern.with_extension(CLIP_EXTENSION),
            next: Mutex::default(),
        }
    }

    /// A number that no file has. The numbers go on behind those of the files that are there.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn reserve(&self) -> io::Result<u64> {
        let mut next = lock(&self.next);
        let number = match *next {
            Some(number) => number,
            None => self.first_free()?,
        };
        let is_free = |number: &u64| {
            let taken = |path: PathBuf| path.symlink_metadata().is_ok();
            !taken(self.still(*number)) && !taken(self.clip(*number))
        };
        let number = (number..number.saturating_add(MAX_TRIES as u64)).find(is_free);
        let number = number.ok_or_else(|| Error::from(ErrorKind::AlreadyExists))?;
        *next = Some(number.saturating_add(1));
        Ok(number)
    }

    fn first_free(&self) -> io::Result<u64> {
        let mut first = 0;
        for entry in fs::read_dir(&self.stills.folder)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else {
                continue;
            };
            let numbers = [&self.stills, &self.clips].map(|pattern| pattern.number(name));
            for number in numbers.into_iter().flatten() {
                first = first.max(number.saturating_add(1));
            }
        }
        Ok(first)
    }

    pub fn still(&self, number: u64) -> PathBuf {
        self.stills.path(number)
    }

    pub fn clip(&self, number: u64) -> PathBuf {
        self.clips.path(number)
    }

    /// Writes a still. Returns its number.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_still(&self, data: &[u8]) -> io::Result<u64> {
        for _ in 0..MAX_TRIES {
            let number = self.reserve()?;
            let path = self.still(number);
            let part = part_of(&path);
            let written = fs::write(&part, data).and_then(|()| publish(&part, &path));
            if written.is_err() {
                // It may not exist.
                let _ = fs::remove_file(&part);
            }
            match written {
                Ok(()) => return Ok(number),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

/// The name of a file while it is written.
pub fn part_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// Gives a complete file its name.
///
/// # Errors
/// There is a file of that name, or it cannot be renamed.
pub fn publish(part: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(part, path) {
        Ok(()) => fs::remove_file(part),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // Not every file system has hard links.
        Err(_) if path.symlink_metadata().is_ok() => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(part, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced_and_nothing_is_left_behind() {
        let folder = std::env::temp_dir().join(format!("overshoot-files-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let pattern = folder.join("a%02d.jpg");
        let pattern = FilePattern::parse(pattern.to_str().expect("UTF-8")).expect("valid");
        let there = ["a03.jpg", "a07.mkv", "a9x.jpg", "b11.jpg"];
        for name in there {
            fs::write(folder.join(name), name).expect("a file");
        }
        let files = Files::new(&pattern);
        assert_eq!(files.write_still(b"one").expect("written"), 8);
        // Another program writes such files, too.
        fs::write(folder.join("a09.jpg"), "other").expect("a file");
        fs::write(folder.join("a10.mkv"), "other").expect("a file");
        assert_eq!(files.write_still(b"two").expect("written"), 11);
        assert_eq!(fs::read(folder.join("a08.jpg")).expect("a file"), b"one");
        assert_eq!(fs::read(folder.join("a09.jpg")).expect("a file"), b"other");
        assert_eq!(fs::read(folder.join("a11.jpg")).expect("a file"), b"two");
        for name in there {
            let data = fs::read(folder.join(name)).expect("it is still there");
            assert_eq!(data, name.as_bytes());
        }
        assert_eq!(fs::read_dir(&folder).expect("it").count(), 8);
        fs::remove_dir_all(&folder).expect("the folder exists");
        let error = Files::new(&pattern)
            .write_still(b"three")
            .expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
