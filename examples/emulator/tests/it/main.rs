//! The emulator, asked by clients of all sorts.

mod http;
mod rooms;
mod running;
mod signalling;
mod support;
mod v1;
