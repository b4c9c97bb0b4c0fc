//! The command line.

mod fault_option;
pub(crate) mod options;
mod print;
