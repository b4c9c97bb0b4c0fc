//! The program, with real cameras, brokers, disks and terminals.

mod cameras;
mod deliveries;
mod needs;
mod queue;
mod recordings;
mod support;
mod terminal;
