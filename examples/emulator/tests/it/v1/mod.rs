//! The API v1, by the numbered rules of the crate.

mod chat;
mod chunks;
mod emulator;
mod openai;
mod pictures;
mod streams;
