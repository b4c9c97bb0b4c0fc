//! Server.

mod failure;
mod injected;
pub(crate) mod router;
pub(crate) mod routes;
