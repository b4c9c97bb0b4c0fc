// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the pages show as printed by the scripts is what the scripts print.

use std::fs;

use super::pages::{PAGES, repo};

/// The scripts whose output the pages show.
const SCRIPTS: [&str; 3] = ["examples/quickstart.sh", "scripts/setup.sh", "tests/run.sh"];

/// The fixed parts of a text in double quotes in a shell script, in order: the text between the variables.
fn fixed_parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let variable = rest.strip_prefix("${").map_or_else(
            || {
                let name = rest.strip_prefix('$')?;
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
                Some(end.unwrap_or(name.len()) + 1)
            },
            |name| Some(name.find('}')? + 3),
        );
        match variable {
            Some(length) => {
                parts.push(String::new());
                rest = &rest[length..];
            }
            None => {
                let last = parts.last_mut().expect("there is one");
                last.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    parts
}

/// Whether the line consists of the fixed parts, with anything between them.
fn matches(line: &str, parts: &[String]) -> bool {
    let [first, middle @ ..] = parts else {
        return false;
    };
    let Some(mut rest) = line.strip_prefix(first.as_str()) else {
        return false;
    };
    let Some((last, middle)) = middle.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

#[test]
fn the_scripts_print_what_the_pages_show() {
    let mut printed = Vec::new();
    for script in SCRIPTS {
        let text = fs::read_to_string(repo().join(script)).expect("a script");
        let said = text.lines().filter_map(|line| line.split_once("say \""));
        printed.extend(said.filter_map(|(_, said)| Some(fixed_parts(said.rsplit_once('"')?.0))));
    }
    // A text that is only a variable would match any line.
    printed.retain(|parts: &Vec<String>| parts.iter().any(|part| !part.is_empty()));
    let lines = PAGES.iter().flat_map(|page| page.text.lines());
    let shown: Vec<_> = lines.filter_map(|line| line.strip_prefix("==> ")).collect();
    assert!(shown.len() >= 8, "{shown:?}");
    for line in shown {
        let known = printed.iter().any(|parts| matches(line, parts));
        assert!(known, "no script prints: {line}");
    }
}

#[test]
fn variables_match_anything() {
    let parts = fixed_parts("time: $1 took $took s of ${2} s");
    assert!(matches("time: tests took 9 s of 7 s", &parts));
    assert!(!matches("time: tests took 9 s", &parts));
    assert!(!matches("the time: tests took 9 s of 7 s", &parts));
    let parts = fixed_parts("all good");
    assert!(matches("all good", &parts));
    assert!(!matches("all good, in 3 s", &parts));
}
