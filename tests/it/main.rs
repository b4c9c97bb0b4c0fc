// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The integration tests: one module for each concern. `common` contains the shared helpers. `bash tests/run.sh` runs
//! each test in its own process.

mod common;

mod alerts;
mod answers;
mod ask_about;
mod ask_when;
mod benches;
mod both;
mod capture;
mod costs;
mod cycles;
mod damage;
mod delay;
mod early_ends;
mod embedding;
mod encoders;
mod eos;
mod errors;
mod evidence;
mod examples;
mod faults;
mod files;
mod filter;
mod instructions;
mod interop;
mod key_frames;
mod limits;
mod live;
mod livekit;
mod loss;
mod marks;
mod models;
mod networks;
mod ocr;
mod packets;
mod passthrough;
mod picture;
mod preroll;
mod proxies;
mod public_service;
mod quickstart;
mod rate;
mod readme;
mod secrets;
mod session;
mod set_question;
mod soak;
mod stats;
mod timestamps;
mod v1;
mod valgrind;
mod viewer;
mod vlm;
mod wire;
