//! TLS before a service, with a certificate that this process's children trust, and TLS that breaks.

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

/// Names the file of trusted certificates, for the element's TLS library as for OpenSSL.
pub const TRUSTED: &str = "SSL_CERT_FILE";

/// Not a record of TLS (RFC 8446, 5.1).
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";

/// The type of the first record of a TLS connection (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// Makes a certificate for localhost, and its key, in one PEM file that [`TRUSTED`] can name.
pub fn make_certificate(file: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(file, pem).expect("a file");
}

pub struct Tls {
    /// For `api-url`.
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Requests that have this in their first line meet TLS that breaks, so many times.
#[derive(Clone)]
pub struct Break {
    pub request: &'static str,
    pub times: u32,
}

impl Tls {
    /// Before the service at this address, with the certificate and key of that file.
    pub fn before(url: &str, file: &Path, breaks: Break) -> Self {
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
        let breaks = Arc::new(Mutex::new(breaks));
        let serve = async move {
            // Dropped, and so ended, with this.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    accepted = listener.accept() => {
                        let (client, _) = accepted.expect("a connection");
                        let server = TcpStream::connect(&target).await;
                        let server = server.expect("the service is there");
                        let (acceptor, breaks) = (acceptor.clone(), breaks.clone());
                        connections.spawn(carry(acceptor, client, server, breaks));
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
                joined.expect("it ends in order");
            }
        }
    }
}

/// Whether TLS breaks at what the client said.
fn take(breaks: &Mutex<Break>, said: &[u8]) -> bool {
    let line = said.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut breaks = breaks.lock().expect("no panic");
    let meets = breaks.times > 0 && line.contains(breaks.request);
    breaks.times -= u32::from(meets);
    meets
}

/// Until one end is gone; which one and why is not the proxy's concern.
async fn carry(
    acceptor: TlsAcceptor,
    client: TcpStream,
    mut server: TcpStream,
    breaks: Arc<Mutex<Break>>,
) {
    // The rooms of a service that speaks no TLS itself.
    let mut first = [0];
    if client.peek(&mut first).await.is_ok() && first != [HANDSHAKE] {
        let mut client = client;
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let Ok(mut client) = acceptor.accept(client).await else {
        return;
    };
    let (mut said, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let done: std::io::Result<bool> = tokio::select! {
            length = client.read(&mut said) => match length {
                Ok(length @ 1..) if take(&breaks, &said[..length]) => {
                    let _ = client.get_mut().0.write_all(NO_TLS).await;
                    return;
                }
                Ok(length @ 1..) => server.write_all(&said[..length]).await.map(|()| false),
                _ => Ok(true),
            },
            length = server.read(&mut answered) => match length {
                Ok(length @ 1..) => match client.write_all(&answered[..length]).await {
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
