//! Server.

mod error;
mod injected;
pub(crate) mod router;
pub(crate) mod routes;
