// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The pages, and the parts of them that are run or compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub struct Page {
    /// In the repository, as in `docs/livekit.md`.
    pub path: String,
    pub text: String,
}

/// Every page, in the order of the paths.
pub static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let mut folders = vec![PathBuf::new(), "docs".into(), "examples".into()];
    folders.extend(entries(Path::new("examples")).filter(|path| repo().join(path).is_dir()));
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| entries(folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    let page = |path: &PathBuf| Page {
        path: path.to_str().expect("a path of ASCII").to_owned(),
        text: fs::read_to_string(repo().join(path)).expect("a page"),
    };
    paths.iter().map(page).collect()
});

pub fn repo() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The entries of a folder of the repository.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(repo().join(folder))
        .expect("a folder")
        .map(move |entry| folder.join(entry.expect("an entry").file_name()))
}

/// The text of one page.
pub fn page(path: &str) -> &'static str {
    let page = PAGES.iter().find(|page| page.path == path);
    &page.unwrap_or_else(|| panic!("there is no {path}")).text
}

/// The lines of fenced blocks that hold this, each once. Blocks that begin with ```` ```text ```` show output.
pub fn fenced(what: &str) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for page in PAGES.iter() {
        let mut block = None;
        for line in page.text.lines() {
            if let Some(kind) = line.strip_prefix("```") {
                block = match block {
                    None => Some(kind),
                    Some(_) => None,
                };
            } else if block.is_some_and(|kind| kind != "text")
                && line.contains(what)
                && seen.insert(line)
            {
                lines.push(line);
            }
        }
        assert!(block.is_none(), "{}: a block has no end", page.path);
    }
    lines
}

/// The cells, without backticks, of the only table whose head starts like this.
pub fn table(head: &str) -> Vec<Vec<String>> {
    let mut found = PAGES.iter().flat_map(|page| {
        let lines: Vec<_> = page.text.lines().collect();
        (0..lines.len())
            .filter(|at| lines[*at].starts_with(head))
            .map(|at| lines[at..].to_vec())
            .collect::<Vec<_>>()
    });
    let lines = found.next().unwrap_or_else(|| panic!("no table: {head}"));
    assert!(found.next().is_none(), "two tables: {head}");
    lines
        .into_iter()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().replace('`', ""))
                .collect()
        })
        .collect()
}
