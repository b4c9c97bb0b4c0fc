//! What cameras need around them, whoever says which they are: the service, the ways of events, the
//! table, the metrics.

use std::error::Error;
use std::io::IsTerminal;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::camera::Shared;
use crate::config::Settings;
use crate::deliver::Ways;
use crate::log::Log;
use crate::service::Service;
use crate::{metrics, table};

pub struct Process {
    pub shared: Shared,
    service: Service,
    ways: Ways,
    shows: Vec<JoinHandle<()>>,
    /// Ends what shows.
    over: CancellationToken,
}

impl Process {
    /// `stop` is told when nobody reads stdout any more.
    pub async fn open(
        settings: &Settings,
        table: bool,
        stop: &CancellationToken,
    ) -> Result<Self, Box<dyn Error>> {
        let log = Arc::new(Log::default());
        let service = Service::of(settings, &log).await?;
        let shared = Shared::new(settings, &service, log);
        let table = table && std::io::stderr().is_terminal();
        // A terminal has room for one of the two.
        let lines = !(table && std::io::stdout().is_terminal());
        let ways = Ways::open(&settings.deliver, &shared, lines, stop)?;
        let over = CancellationToken::new();
        let mut shows = Vec::new();
        if let Some(address) = settings.metrics {
            shows.push(metrics::serve(address, &shared, over.clone()).await?);
        }
        if table {
            shows.push(table::show(&shared, over.clone())?);
        }
        Ok(Self {
            shared,
            service,
            ways,
            shows,
            over,
        })
    }

    /// After the last camera.
    pub async fn close(self) {
        // The last sender of events, after which their readers end.
        drop(self.shared);
        self.ways.close().await;
        self.over.cancel();
        for task in self.shows {
            // A panic has told about itself.
            let _ = task.await;
        }
        self.service.end().await;
    }
}
