// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The manual pages of a program and its subcommands, made from its command line. A test of each program compares them
//! with its folder `man/`.

use std::fs;
use std::path::Path;

use clap_mangen::Man;

/// With this variable, the test writes the pages instead of comparing them.
const UPDATE: &str = "OVERSHOOT_UPDATE_DOCS";

/// Compares the folder `man/` of a crate with the pages of its program.
pub fn check(command: clap::Command, crate_folder: &str) {
    let folder = Path::new(crate_folder).join("man");
    for (name, page) in pages(command.disable_help_subcommand(true)) {
        let path = folder.join(format!("{name}.1"));
        if std::env::var_os(UPDATE).is_some() {
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(&path, &page).expect("a file that can be written");
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == page,
            "{} is old: {UPDATE}=1 bash tests/run.sh manual_pages makes it again",
            path.display()
        );
    }
}

/// The pages with their names: that of the program, then those of its subcommands.
fn pages(command: clap::Command) -> Vec<(String, String)> {
    let name = command.get_name().to_owned();
    let below: Vec<_> = command.get_subcommands().cloned().collect();
    let mut text = Vec::new();
    Man::new(command)
        .render(&mut text)
        .expect("memory can be written");
    let page = String::from_utf8(text).expect("pages are UTF-8");
    let mut all = vec![(name.clone(), page)];
    for sub in below {
        let full = format!("{name}-{}", sub.get_name());
        // The names of commands live as long as the program. This one is a test.
        let sub = sub.name(clap::builder::Str::from(full.leak() as &'static str));
        all.extend(pages(sub));
    }
    all
}
