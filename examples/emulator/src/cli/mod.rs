//! The command line.

pub(crate) mod options;
mod print;
