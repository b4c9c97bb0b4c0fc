//! A way to a camera that can be made to stand still.

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::Camera;

pub struct Way {
    pub port: u16,
    freeze: watch::Sender<()>,
    _runtime: Runtime,
}

impl Way {
    pub fn to(rtsp: &Camera) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (freeze, _) = watch::channel(());
        let (frozen, target) = (freeze.clone(), rtsp.port());
        runtime.spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.expect("a client");
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", target))
                        .await
                        .expect("the camera is there");
                    tokio::select! {
                        // However it ends.
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = frozen.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            port,
            freeze,
            _runtime: runtime,
        }
    }

    /// What is under way stands still, and stays open.
    pub fn freeze(&self) {
        self.freeze.send(()).expect("a connection");
    }
}
