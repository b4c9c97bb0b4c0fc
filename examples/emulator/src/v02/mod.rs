//! v0.2.

pub(crate) mod answers;
pub(crate) mod calls;
pub(crate) mod error;
pub(crate) mod request;
pub(crate) mod results_socket;
pub(crate) mod route_cookie;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod subscribers;
