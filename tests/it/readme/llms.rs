// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `docs/llms.txt` is an index of the pages for coding assistants (the form of llmstxt.org), `docs/llms-full.txt` is
//! the text of all of them.

use super::generated;
use super::pages::{PAGES, Page, page};

/// For those who use the element, in the order to read. Every other page of docs/ follows, then those of examples/.
const FIRST: [&str; 5] = [
    "README.md",
    "docs/pipelines.md",
    "docs/properties.md",
    "docs/messages-and-errors.md",
    "docs/api-v1.md",
];

/// Pages for those who change the code, and those that are lists of changes.
const LEFT_OUT: [&str; 5] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/develop.md",
];

#[test]
fn the_files_for_coding_assistants_are_current() {
    let pages = ordered();
    let mut index = format!(
        "# overshootsink\n\n> {}\n\nAll pages in one file: [llms-full.txt](llms-full.txt). The elements, their \
         properties, pads and signals as JSON: [gst_plugins_cache.json](plugins/gst_plugins_cache.json).\n",
        summary(page("README.md"))
    );
    let mut full = String::new();
    for (heading, prefix) in [("Docs", ""), ("Programs", "examples/")] {
        index += &format!("\n## {heading}\n\n");
        for page in pages
            .iter()
            .filter(|page| page.path.starts_with("examples/") != prefix.is_empty())
        {
            let title = page.text.lines().next().unwrap_or_default();
            let summary = summary(&page.text);
            let (first, _) = summary.split_once(". ").unwrap_or((&summary, ""));
            index += &format!(
                "- [{}]({}): {}\n",
                title.trim_start_matches("# "),
                relative(&page.path),
                first.trim_end_matches(['.', ':'])
            );
        }
    }
    for page in &pages {
        full += &format!("<!-- {} -->\n\n{}\n", page.path, page.text);
    }
    generated::check("docs/llms.txt", &index);
    generated::check("docs/llms-full.txt", &full);
}

fn ordered() -> Vec<&'static Page> {
    let find = |path: &str| PAGES.iter().find(|page| page.path == path);
    let mut pages: Vec<_> = FIRST
        .iter()
        .map(|path| find(path).unwrap_or_else(|| panic!("there is no {path}")))
        .collect();
    let others = PAGES
        .iter()
        .filter(|page| !FIRST.contains(&&*page.path) && !LEFT_OUT.contains(&&*page.path));
    pages.extend(others);
    pages
}

/// The path as docs/llms.txt links it.
fn relative(path: &str) -> String {
    match path.strip_prefix("docs/") {
        Some(name) => name.to_owned(),
        None => format!("../{path}"),
    }
}

/// The first paragraph of prose, on one line.
fn summary(text: &str) -> String {
    let is_prose = |paragraph: &&str| {
        !paragraph.starts_with(['#', '|', '-', '<', '!']) && !paragraph.starts_with("```")
    };
    let found = text.split("\n\n").map(str::trim).find(is_prose);
    let words = found.unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ").replace("**", "")
}
