// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The program `overshoot-webapp`: reads the environment and runs the library.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use overshoot_webapp::Environment;
use tokio::net::TcpListener;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overshoot-webapp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    // Before there are threads, because it sets environment variables. Variables that are set already stay.
    match dotenvy::dotenv() {
        Ok(path) => eprintln!("settings are read from {}", path.display()),
        Err(error) if error.not_found() => {}
        Err(error) => return Err(without_values(&error).into()),
    }
    let Environment {
        host,
        port,
        config,
        warnings,
    } = Environment::read(|name| std::env::var(name).ok())?;
    for warning in warnings {
        eprintln!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((host.as_str(), port))
            .await
            .map_err(|error| format!("cannot listen on {host}:{port}: {error}. Set BACKEND_HOST and BACKEND_PORT to a free address."))?;
        let address = listener.local_addr()?;
        // Before the address is printed: a program that reads it may send a signal at once.
        let stop = stop_signal()?;
        let asked = match &config.service {
            None => "an emulator on this machine, as OVERSHOOT_API_KEY is not set",
            Some(service) => service.url.as_deref().unwrap_or("the Overshoot service"),
        };
        let mut stdout = std::io::stdout();
        writeln!(stdout, "asking {asked}")?;
        writeln!(stdout, "listening on http://{address}")?;
        stdout.flush()?;
        overshoot_webapp::run(listener, config, stop).await?;
        Ok(())
    })
}

/// The error in the `.env` file without the line, which may hold the key.
fn without_values(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(_, place) => {
            format!(
                "the .env file cannot be read: a line is not NAME=VALUE (at character {place} of the line)"
            )
        }
        other => format!("the .env file cannot be read: {other}"),
    }
}

/// Completes at Ctrl-C or SIGTERM.
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
        // Without a signal handler the program can only be killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
