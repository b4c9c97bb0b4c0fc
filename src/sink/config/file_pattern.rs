// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `evidence-location`: a path with a number in it, as on multifilesink.

use std::path::{Path, PathBuf};

use crate::session::error::Error;

/// A longer number says nothing, and file names are limited.
const MAX_WIDTH: usize = 20;

/// A path with a number in its file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    pub folder: PathBuf,
    /// The file name before and behind the number.
    before: String,
    behind: String,
    /// The least number of digits.
    width: usize,
    /// What fills the number up.
    fill: char,
}

impl FilePattern {
    /// # Errors
    /// The text is no such path. The error says what to write instead.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::settings(format!(
                "evidence-location {text:?} {why}: write one number in the file name, as in evidence-location=\"alert-%05d.jpg\", and %% for a percent sign."
            ))
        };
        let path = Path::new(text);
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| wrong("has no file name"))?;
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Err(wrong("has no folder")),
        };
        let folder = folder.to_str().ok_or_else(|| wrong("is no text"))?;
        if folder.replace("%%", "").contains('%') {
            return Err(wrong("has a number in the name of a folder"));
        }
        let mut pattern = Self {
            folder: folder.replace("%%", "%").into(),
            before: String::new(),
            behind: String::new(),
            width: 0,
            fill: ' ',
        };
        let (mut rest, mut has_number) = (name, false);
        while let Some((text, conversion)) = rest.split_once('%') {
            pattern.add(text, has_number);
            if let Some(after) = conversion.strip_prefix('%') {
                pattern.add("%", has_number);
                rest = after;
                continue;
            }
            if has_number {
                return Err(wrong("has more than one number"));
            }
            let digits = conversion.find(|c: char| !c.is_ascii_digit());
            let (width, letter) = conversion.split_at(digits.unwrap_or(conversion.len()));
            rest = letter
                .strip_prefix(['d', 'u', 'i'])
                .ok_or_else(|| wrong("has a % without a number behind it"))?;
            pattern.fill = if width.starts_with('0') { '0' } else { ' ' };
            pattern.width = match width {
                "" => 0,
                width => width.parse().unwrap_or(usize::MAX),
            };
            if pattern.width > MAX_WIDTH {
                return Err(wrong("has a number that is too long"));
            }
            has_number = true;
        }
        pattern.add(rest, has_number);
        match has_number {
            true => Ok(pattern),
            false => Err(wrong(
                "has no number, so each file would replace the one before",
            )),
        }
    }

    fn add(&mut self, text: &str, has_number: bool) {
        match has_number {
            true => self.behind += text,
            false => self.before += text,
        }
    }

    /// The path with this number.
    pub fn path(&self, number: u64) -> PathBuf {
        let Self { width, .. } = *self;
        let digits = match self.fill {
            '0' => format!("{number:0width$}"),
            _ => format!("{number:width$}"),
        };
        let name = format!("{}{digits}{}", self.before, self.behind);
        self.folder.join(name)
    }

    /// The number in a file name of this pattern.
    pub fn number(&self, file_name: &str) -> Option<u64> {
        let rest = file_name.strip_prefix(self.before.as_str())?;
        let digits = rest.strip_suffix(self.behind.as_str())?;
        digits.trim_start().parse().ok()
    }

    /// The same names with another extension.
    pub fn with_extension(&self, extension: &str) -> Self {
        let behind = format!("0{}", self.behind);
        let behind = Path::new(&behind).with_extension(extension);
        let behind = behind.to_str().and_then(|behind| behind.strip_prefix('0'));
        Self {
            behind: behind.unwrap_or_default().to_owned(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_multifilesink() {
        for (text, path) in [
            ("alert-%05d.jpg", "./alert-00007.jpg"),
            ("/tmp/a/%d.jpg", "/tmp/a/7.jpg"),
            ("/tmp/100%%/%%%03u%%.jpg", "/tmp/100%/%007%.jpg"),
            ("a%3i", "./a  7"),
            ("%010d", "./0000000007"),
        ] {
            let pattern = FilePattern::parse(text).expect(text);
            assert_eq!(pattern.path(7), Path::new(path));
            let path = pattern.path(7);
            let name = path.file_name().and_then(|name| name.to_str());
            assert_eq!(pattern.number(name.expect("a name")), Some(7), "{text}");
        }
        let pattern = FilePattern::parse("/x/alert-%03d.jpg").expect("valid");
        for (name, number) in [
            ("alert-012.jpg", Some(12)),
            ("alert-1234.jpg", Some(1234)),
            ("alert-012.mkv", None),
            ("alert-.jpg", None),
            ("alert-99999999999999999999.jpg", None),
            ("alert--01.jpg", None),
        ] {
            assert_eq!(pattern.number(name), number, "{name}");
        }
    }

    #[test]
    fn a_clip_is_beside_the_still() {
        for (text, path) in [
            ("/x/a-%02d.jpg", "/x/a-07.mkv"),
            ("/x/a-%02d", "/x/a-07.mkv"),
            ("/x/%d.now.jpeg", "/x/7.now.mkv"),
        ] {
            let pattern = FilePattern::parse(text).expect(text);
            assert_eq!(pattern.with_extension("mkv").path(7), Path::new(path));
        }
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (text, why) in [
            ("alert.jpg", "has no number"),
            ("/tmp/", "has no number"),
            ("/", "has no file name"),
            ("a-%d-%d.jpg", "more than one number"),
            ("a-%s.jpg", "% without a number"),
            ("a-%", "% without a number"),
            ("a-%021d.jpg", "too long"),
            ("a-%99999999999999999999999d.jpg", "too long"),
            ("/tmp/%d/a.jpg", "name of a folder"),
        ] {
            let error = FilePattern::parse(text).expect_err(text).message;
            assert!(error.contains(why), "{error} should say {why}");
            assert!(error.contains("alert-%05d.jpg"), "{error}");
        }
    }

    #[test]
    fn every_pattern_has_numbers_that_are_found_again() {
        let words = ["%d", "%05d", "%%", "%u", "/", "..", ".jpg", "7"];
        crate::fuzz::fuzz("file-pattern", &words, |input| {
            let Ok(text) = std::str::from_utf8(input) else {
                return false;
            };
            let Ok(pattern) = FilePattern::parse(text) else {
                return false;
            };
            for pattern in [pattern.with_extension("mkv"), pattern] {
                for number in [0, 7, 123_456_789] {
                    let path = pattern.path(number);
                    let name = path.file_name().and_then(|name| name.to_str());
                    assert_eq!(name.and_then(|name| pattern.number(name)), Some(number));
                }
            }
            true
        });
    }
}
