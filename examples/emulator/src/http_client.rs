//! HTTP with other servers.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder};
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls_platform_verifier::BuilderVerifierExt;

/// An HTTP client whose TLS is ring's: reqwest is built without a provider of its own here, and a bare
/// `Client::new()` panics where the process has no default one.
///
/// # Errors
///
/// Where the system's certificates can't be used.
pub fn http_client() -> Result<ClientBuilder, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(Client::builder().tls_backend_preconfigured(config))
}
