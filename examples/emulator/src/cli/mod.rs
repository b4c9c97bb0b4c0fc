//! The command line.

mod durations;
mod fault_option;
pub(crate) mod options;
mod print;
