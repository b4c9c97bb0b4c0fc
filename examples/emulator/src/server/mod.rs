//! Server.

mod failure;
pub(crate) mod router;
pub(crate) mod routes;
