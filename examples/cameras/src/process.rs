// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Everything that the cameras of this process need, for `run` and for `work`: the service, the deliveries,
//! the table and the metrics.

use std::error::Error;
use std::io::IsTerminal;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::deliver::Deliveries;
use crate::log::Log;
use crate::service::Service;
use crate::shared::Shared;
use crate::status::{metrics_server, table};

pub struct Process {
    pub shared: Shared,
    service: Service,
    deliveries: Deliveries,
    display_tasks: Vec<JoinHandle<()>>,
    /// Ends the display tasks.
    stop_display: CancellationToken,
}

/// What the command line says about the process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessOptions {
    /// Show the table if stderr is a terminal.
    pub table: bool,
    /// An emulator in this process answers.
    pub emulator: bool,
}

impl Process {
    /// `stop` is cancelled when nobody reads stdout any more, and by Ctrl-C in the table.
    pub async fn open(
        settings: &Settings,
        options: ProcessOptions,
        stop: &CancellationToken,
    ) -> Result<Self, Box<dyn Error>> {
        let log = Arc::new(Log::default());
        let service = Service::open(settings, options.emulator, &log).await?;
        let shared = Shared::new(settings, &service, log);
        let table = options.table && std::io::stderr().is_terminal();
        // A terminal shows either the table or the lines.
        let stdout = !(table && std::io::stdout().is_terminal());
        let deliveries = Deliveries::open(settings, &shared, stdout, stop)?;
        let stop_display = CancellationToken::new();
        let mut display_tasks = Vec::new();
        if let Some(address) = settings.metrics {
            display_tasks.push(
                metrics_server::serve(address, &shared.board, &shared.log, stop_display.clone())
                    .await?,
            );
        }
        if table {
            display_tasks.push(table::show(
                &shared.board,
                &shared.log,
                stop.clone(),
                stop_display.clone(),
            )?);
        }
        Ok(Self {
            shared,
            service,
            deliveries,
            display_tasks,
            stop_display,
        })
    }

    /// To call after the last camera has ended.
    pub async fn close(self) {
        // This drops the last sender of events, so their receivers end.
        drop(self.shared);
        self.deliveries.close().await;
        self.stop_display.cancel();
        for task in self.display_tasks {
            // A panic has already printed its message.
            let _ = task.await;
        }
        self.service.stop().await;
    }
}
