// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! API v1, by the rules in src/v1/mod.rs.

mod cameras;
mod chat;
mod documented_forms;
mod emulator;
mod openai;
mod pictures;
mod pricing;
mod sent_pictures;
mod streamed_answers;
mod streams;
mod viewers;
