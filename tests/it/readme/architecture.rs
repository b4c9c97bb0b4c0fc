// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! docs/architecture.md: its table lists the folders of `src/sink/`, and each folder uses only those that the table
//! allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::pages::{repo, table};

/// The name of each room, with the cell that says what it may use.
fn rooms() -> BTreeMap<String, String> {
    table("| room | ")
        .into_iter()
        .map(|row| {
            let name = row[0].trim_start_matches("src/sink/").trim_end_matches('/');
            (name.to_owned(), row[2].clone())
        })
        .collect()
}

#[test]
fn every_room_is_on_the_map() {
    let real: BTreeSet<_> = fs::read_dir(repo().join("src/sink"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("ASCII"))
        .collect();
    assert_eq!(rooms().into_keys().collect::<BTreeSet<_>>(), real);
}

#[test]
fn each_room_uses_only_what_it_may_use() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (room, may_use) in &rooms {
        let text = text_of(&repo().join("src/sink").join(room));
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let allowed: BTreeSet<_> = may_use.split(|c| !is_word(c)).collect();
        for other in rooms.keys().filter(|other| *other != room) {
            let is_used = ["sink::", "super::super::"]
                .iter()
                .any(|before| text.contains(&format!("{before}{other}::")));
            if is_used {
                count += 1;
                if !allowed.contains(other.as_str()) && !may_use.starts_with("all ") {
                    wrong.push(format!("{room} uses {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(count > 8, "{count}");
}

/// All source files of a folder.
fn text_of(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a room") {
        let path = entry.expect("an entry").path();
        text += &match path.is_dir() {
            true => text_of(&path),
            false => fs::read_to_string(&path).expect("a source file"),
        };
    }
    text
}
