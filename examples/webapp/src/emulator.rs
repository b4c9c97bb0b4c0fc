//! The emulator beside the application, for those who have no key.

use std::io;

use overshoot_emulator::BASE_PATH;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Service;

pub(crate) struct Emulator {
    pub service: Service,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl Emulator {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}{BASE_PATH}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let config = overshoot_emulator::Config::default();
        let task = tokio::spawn(overshoot_emulator::run(
            listener,
            config,
            stop.clone().cancelled_owned(),
        ));
        Ok(Self {
            service: Service {
                key: "any".to_owned(),
                url: Some(url),
            },
            stop,
            task,
        })
    }

    pub(crate) async fn stop(self) -> io::Result<()> {
        self.stop.cancel();
        self.task.await.map_err(io::Error::other)?
    }
}
