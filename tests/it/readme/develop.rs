//! docs/develop.md: what it names is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/develop.md");

fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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
fn the_tests_and_folders_that_it_names_are_there() {
    let words: Vec<_> = PAGE
        .split(|c: char| c.is_whitespace() || c == '`')
        .collect();
    let mut modules = words
        .windows(2)
        .filter(|pair| pair[0] == "--test" && pair[1] != "NAME")
        .map(|pair| pair[1]);
    let there = |module: &str| {
        test_folders().any(|folder| {
            folder.join(format!("{module}.rs")).exists() || folder.join(module).is_dir()
        })
    };
    let missing: Vec<_> = modules.by_ref().filter(|module| !there(module)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for row in PAGE
        .lines()
        .filter(|line| line.contains("| `bash tests/run.sh"))
    {
        let changed = row.split('|').nth(1).expect("a cell");
        for path in changed.split('`').skip(1).step_by(2) {
            // `examples/*.rs` is a folder for this.
            let folder = path.split('*').next().expect("a part");
            assert!(repo().join(folder).exists(), "{path}");
        }
    }
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
    let (_, table) = PAGE.split_once("| part |").expect("the table");
    let table: BTreeSet<_> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(listed.len() > 5, "{listed:?}");
    assert_eq!(table, listed);
}

/// Tests that are named there and gone would run beside others without a word.
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
