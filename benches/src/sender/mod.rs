//! What all senders do, whatever they send with.

mod captures;
mod encoder;
pub mod play;
mod usage;
