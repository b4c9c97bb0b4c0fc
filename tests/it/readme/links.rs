// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Every link inside the repository leads somewhere, and the first page stays short.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::pages::{PAGES, Page, page, repo};

/// README.md is for newcomers. What only some of them need is on another page.
const MAX_README_LINES: usize = 200;

#[test]
fn the_readme_is_short() {
    let lines = page("README.md").lines().count();
    assert!(lines <= MAX_README_LINES, "{lines} lines");
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in PAGES.iter() {
        for target in links(page) {
            count += 1;
            if let Err(why) = follow(page, &target) {
                wrong.push(format!("{}: {target}: {why}", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 50, "{count} links");
}

#[test]
fn every_page_is_linked_from_another() {
    let mut linked = BTreeSet::new();
    for page in PAGES.iter() {
        let targets = links(page).into_iter();
        linked.extend(
            targets
                .filter_map(|target| path_of(page, &target))
                .filter(|path| *path != Path::new(&page.path)),
        );
    }
    for page in PAGES.iter().filter(|page| page.path != "README.md") {
        assert!(linked.contains(Path::new(&page.path)), "{}", page.path);
    }
}

#[test]
fn anchors_are_made_as_on_github() {
    for (heading, anchor) in [
        ("Build and test", "build-and-test"),
        ("API v0.2, and `v1`", "api-v02-and-v1"),
        (
            "See [the page](page.md): it's short",
            "see-the-page-its-short",
        ),
        ("snake_case - and dashes", "snake_case---and-dashes"),
    ] {
        assert_eq!(anchor_of(heading), anchor);
    }
}

/// The targets of the page's links to files and headings of this repository.
fn links(page: &Page) -> Vec<String> {
    let text: String = prose(page).map(|line| line.to_owned() + "\n").collect();
    // Text in backticks is not a link.
    let text: String = text.split('`').step_by(2).collect();
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// The lines outside of fenced blocks.
fn prose(page: &Page) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    page.text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && !is_fenced
    })
}

fn follow(page: &Page, target: &str) -> Result<(), String> {
    let path = path_of(page, target).ok_or("it leads out of the repository")?;
    if !repo().join(&path).exists() {
        return Err(format!("there is no {}", path.display()));
    }
    let Some((_, anchor)) = target.split_once('#') else {
        return Ok(());
    };
    let there = PAGES.iter().find(|page| Path::new(&page.path) == path);
    let there = there.ok_or("no page, so it has no headings")?;
    let known = anchors(there);
    match known.contains(anchor) {
        true => Ok(()),
        false => Err(format!("the headings there are {known:?}")),
    }
}

/// The path in the repository that a link leads to.
fn path_of(page: &Page, target: &str) -> Option<PathBuf> {
    let (file, _) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() {
        return Some(page.path.clone().into());
    }
    let mut path = Path::new(&page.path).parent()?.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The anchors of the page's headings. A repeated anchor gets a number.
fn anchors(page: &Page) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(page) {
        let text = line.trim_start_matches('#');
        if text.len() < line.len() && text.starts_with(' ') {
            let anchor = anchor_of(text.trim());
            let again = (1..).map(|number| format!("{anchor}-{number}"));
            let mut names = std::iter::once(anchor.clone()).chain(again);
            let free = names.find(|name| !anchors.contains(name));
            anchors.insert(free.expect("there is no end of numbers"));
        }
    }
    anchors
}

/// The anchor that GitHub makes: only the text of links, lower case, no punctuation, dashes for spaces.
fn anchor_of(heading: &str) -> String {
    let mut shown = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        shown += before;
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    shown += rest;
    shown
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
