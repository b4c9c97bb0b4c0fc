//! The pages tell the truth: their pipelines run, and what they say about properties, messages, errors, packages
//! and folders is so. Pages are the Markdown files of the folders below: a new one is found by itself.

mod architecture;
mod develop;
mod links;
mod pages;
mod pipelines;
mod tables;
mod told;

use crate::common::Service;

/// The service, at the address of its other generation.
fn v1() -> Service {
    let mut service = Service::start();
    service.url = service.url.replace("/v0.2", "/v1");
    service
}
