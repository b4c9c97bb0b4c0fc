//! The example programs, each in Rust and in Python: what they print, show and record, and that they
//! end in order.

mod answers;
mod overlay;
mod programs;
mod prompts;
mod read_screen;
mod recorder;
mod repetitions;
mod screen;
