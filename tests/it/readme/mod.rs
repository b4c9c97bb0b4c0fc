// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The pages are true: their pipelines run, and their tables of properties, messages, errors, packages and folders
//! equal the code. `pages` lists the folders with pages, so a new page needs no change here.

mod architecture;
mod develop;
mod generated;
mod links;
mod llms;
mod messages;
mod pages;
mod pipelines;
mod plugin_cache;
mod printed;
mod shown;
mod tables;

use crate::common::Service;

/// The service, at its address of API v1.
fn v1() -> Service {
    let mut service = Service::start();
    service.url = service.url.replace("/v0.2", "/v1");
    service
}
