//! An emulator in the process of who wants one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{BASE_PATH, Config, run};

/// An emulator on this machine, on a port of its own. It ends in order by [`Local::stop`], and where
/// this is dropped it ends too, by itself.
pub struct Local {
    address: SocketAddr,
    stop: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

impl Local {
    /// Starts it; from then on it can be asked. Within a runtime.
    ///
    /// # Errors
    ///
    /// Where there is no port.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(listener, config, stop.clone().cancelled_owned()));
        Ok(Local {
            address,
            stop: stop.drop_guard(),
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `api-url`: its API v0.2.
    pub fn url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.address)
    }

    /// Ends every stream and connection, and waits for that.
    ///
    /// # Errors
    ///
    /// As [`run`].
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.task.await.map_err(io::Error::other)?
    }
}
