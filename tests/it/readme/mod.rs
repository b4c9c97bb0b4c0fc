//! The README tells the truth: its pipelines run, and what it says about properties, messages,
//! errors and packages is so.

mod develop;
mod pipelines;
mod tables;
mod told;

use crate::common::Service;

const README: &str = include_str!("../../../README.md");

/// The section about API v1, most of whose examples don't run on v0.2.
fn v1_section() -> &'static str {
    let (_, rest) = README.split_once("\n## API v1\n").expect("the section");
    rest.split_once("\n## ").expect("the next one").0
}

/// The lines of the README's fenced blocks that hold this.
fn fenced(what: &str) -> Vec<&'static str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && line.contains(what) {
            lines.push(line);
        }
    }
    lines
}

/// The service, at the address of its other generation.
fn v1() -> Service {
    let mut service = Service::start();
    service.url = service.url.replace("/v0.2", "/v1");
    service
}
