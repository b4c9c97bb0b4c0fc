//! An emulator on a port of its own, which all these tests build on.

use std::net::SocketAddr;
use std::time::Duration;

use overshoot_emulator::{Config, Control, run};
use reqwest::Client;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Running {
    pub address: SocketAddr,
    pub control: Control,
    pub client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let control = config.control.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(listener, config, async {
            let _ = stopped.await;
        }));
        Running {
            address,
            control,
            client: Client::builder().no_proxy().build().expect("a client"),
            stop,
            task,
        }
    }

    /// It ends at once, and in order.
    pub async fn stop(self) {
        drop(self.stop);
        let done = tokio::time::timeout(Duration::from_secs(5), self.task).await;
        assert!(matches!(done, Ok(Ok(Ok(())))), "{done:?}");
    }
}
