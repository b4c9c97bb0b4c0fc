// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Files of docs/ that are made from the code and the pages. A test compares each with what it should be.

use std::fs;

use super::pages::repo;

/// With this variable, the tests write the files instead of comparing them.
const UPDATE: &str = "OVERSHOOT_UPDATE_DOCS";

/// Compares a file of the repository with what is made now, or writes it.
pub fn check(path: &str, made: &str) {
    let file = repo().join(path);
    if std::env::var_os(UPDATE).is_some() {
        let folder = file.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(&file, made).expect("a file that can be written");
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let differs = made
        .lines()
        .zip(kept.lines().chain(std::iter::repeat("")))
        .find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "{path} is old. {UPDATE}=1 bash tests/run.sh --test readme makes it again. The first difference (new, old): {differs:#?}"
    );
}
