// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The tests and folders that the pages name exist.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use super::pages::{PAGES, repo, table};
use super::tables::names;

/// The integration tests of each package, by folder.
fn test_folders() -> impl Iterator<Item = PathBuf> {
    let examples =
        ["cameras", "emulator", "webapp"].map(|name| format!("examples/{name}/tests/it"));
    ["tests/it".to_owned()]
        .into_iter()
        .chain(examples)
        .map(|folder| repo().join(folder))
}

#[test]
fn the_tests_that_pages_name_are_there() {
    let there = |module: &str| {
        test_folders().any(|folder| {
            folder.join(format!("{module}.rs")).exists() || folder.join(module).is_dir()
        })
    };
    let mut count = 0;
    for page in PAGES.iter() {
        let words: Vec<_> = page
            .text
            .split(|c: char| c.is_whitespace() || c == '`')
            .collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
            assert!(
                pair[1] == "NAME" || there(pair[1]),
                "{}: {pair:?}",
                page.path
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_folders_of_the_tables_are_there() {
    let mut count = 0;
    for head in [
        "| changed | run |",
        "| path | ",
        "| room | ",
        "| service room | ",
    ] {
        for row in table(head) {
            let paths = names(&row[0]).filter(|name| name.contains('/') || name.ends_with(".md"));
            for path in paths {
                // Of `examples/*.rs`, the folder is checked.
                let folder = path.split('*').next().expect("a part");
                assert!(repo().join(folder).exists(), "{path}");
                count += 1;
            }
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn its_table_of_long_tests_is_the_scripts() {
    let listed = Command::new("bash")
        .arg(repo().join("tests/long.sh"))
        .arg("--list")
        .output()
        .expect("bash starts");
    let listed = String::from_utf8(listed.stdout).expect("text");
    let listed: BTreeSet<_> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let rows = table("| part |");
    let named: Vec<_> = rows.iter().flat_map(|row| names(&row[0])).collect();
    let named: BTreeSet<_> = named.iter().map(String::as_str).collect();
    assert!(listed.len() > 5, "{listed:?}");
    assert_eq!(named, listed);
}

/// The runner does not complain about a module that is gone: its tests would run beside others again.
#[test]
fn the_modules_of_the_runners_settings_are_there() {
    let settings = include_str!("../../../.config/nextest.toml");
    let groups = settings.match_indices("test(/^(").map(|(at, start)| {
        let rest = &settings[at + start.len()..];
        rest.split(")::/)").next().expect("its end")
    });
    let mut count = 0;
    for module in groups.flat_map(|names| names.split('|')) {
        let there = test_folders().any(|folder| {
            folder.join(format!("{module}.rs")).exists() || folder.join(module).is_dir()
        });
        assert!(there, "{module}");
        count += 1;
    }
    assert!(count > 10, "{count}");
}
