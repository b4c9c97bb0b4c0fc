// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `overshoot-emulator`: the emulator as a program. Its rules are in the library's documentation.

mod cli;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use overshoot_emulator::{BASE_PATH, BASE_PATHS_V1};
use tokio::net::TcpListener;

use crate::cli::options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overshoot-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let listen = options.listen;
    let config = options.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
        let address = listener.local_addr()?;
        // Before the address is printed: the reader may send a signal at once.
        let stop = stop_signal()?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "listening on http://{address}{BASE_PATH}")?;
        let [v1, _] = BASE_PATHS_V1;
        writeln!(stdout, "         and http://{address}{v1}")?;
        stdout.flush()?;
        overshoot_emulator::run(listener, config, stop).await?;
        Ok(())
    })
}

/// Ctrl-C or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without a handler only killing the process stops it.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
