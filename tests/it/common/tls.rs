// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A TLS server in front of a service. Its certificate can be one that child processes trust, and its TLS can break.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The environment variable with the file of trusted certificates, for the element's TLS library and for OpenSSL.
pub const CERTIFICATES_VARIABLE: &str = "SSL_CERT_FILE";

/// Bytes that are not a TLS record (RFC 8446, 5.1).
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";

/// The type of the first record of a TLS connection (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// Makes a certificate for this host, and its key, in one PEM file that [`CERTIFICATES_VARIABLE`] can name.
pub fn make_certificate(host: &str, file: &Path) {
    let certified = rcgen::generate_simple_self_signed([host.to_owned()]).expect("a certificate");
    let pem = certified.cert.pem() + &certified.signing_key.serialize_pem();
    std::fs::write(file, pem).expect("a file");
}

/// A running TLS server.
pub struct Tls {
    /// The value for `api-url`.
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// TLS breaks at the first `times` requests whose first line contains `request`.
#[derive(Clone)]
pub struct TlsFault {
    pub request: &'static str,
    pub times: u32,
}

impl TlsFault {
    pub const NONE: Self = Self {
        request: "",
        times: 0,
    };
}

impl Tls {
    /// Starts a TLS server in front of the service at this URL, with the certificate and key of this file.
    pub fn in_front_of(url: &str, file: &Path, fault: TlsFault) -> Self {
        let (target, path) = url
            .trim_start_matches("http://")
            .split_once('/')
            .map(|(target, path)| (target.to_owned(), path.to_owned()))
            .expect("an address and a path");
        let certificate = CertificateDer::from_pem_file(file).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(file).expect("a key");
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate], key)
            })
            .expect("a TLS server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let fault = Arc::new(Mutex::new(fault));
        let serve = async move {
            // Dropping this set ends all connections.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    accepted = listener.accept() => {
                        let (client, _) = accepted.expect("a connection");
                        let server = TcpStream::connect(&target).await;
                        let server = server.expect("the service is there");
                        let (acceptor, fault) = (acceptor.clone(), fault.clone());
                        connections.spawn(forward(acceptor, client, server, fault));
                    }
                }
            }
        };
        let thread = thread::spawn(move || runtime.block_on(serve));
        Self {
            url: format!("https://localhost:{port}/{path}"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            if !thread::panicking() {
                joined.expect("the TLS server ends in order");
            }
        }
    }
}

/// Whether TLS breaks at this request. Counts the request.
fn breaks_at(fault: &Mutex<TlsFault>, request: &[u8]) -> bool {
    let line = request
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut fault = fault.lock().expect("no panic");
    let breaks = fault.times > 0 && line.contains(fault.request);
    fault.times -= u32::from(breaks);
    breaks
}

/// Forwards in both directions until one end is closed.
async fn forward(
    acceptor: TlsAcceptor,
    client: TcpStream,
    mut server: TcpStream,
    fault: Arc<Mutex<TlsFault>>,
) {
    // Connections to the emulator's rooms have no TLS, because the emulator names itself without TLS.
    let mut first = [0];
    if client.peek(&mut first).await.is_ok() && first != [HANDSHAKE] {
        let mut client = client;
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let Ok(mut client) = acceptor.accept(client).await else {
        return;
    };
    let (mut request, mut response) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let done: std::io::Result<bool> = tokio::select! {
            length = client.read(&mut request) => match length {
                Ok(length @ 1..) if breaks_at(&fault, &request[..length]) => {
                    let _ = client.get_mut().0.write_all(NOT_TLS).await;
                    return;
                }
                Ok(length @ 1..) => server.write_all(&request[..length]).await.map(|()| false),
                _ => Ok(true),
            },
            length = server.read(&mut response) => match length {
                Ok(length @ 1..) => match client.write_all(&response[..length]).await {
                    Ok(()) => client.flush().await.map(|()| false),
                    Err(error) => Err(error),
                },
                _ => Ok(true),
            },
        };
        if done.unwrap_or(true) {
            return;
        }
    }
}
