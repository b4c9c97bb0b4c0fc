// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The program `overshoot-webapp`: reads the command line and the environment, and runs the library.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use overshoot_webapp::{Answerer, Environment, VARIABLES};
use tokio::net::TcpListener;

/// Asks a vision-language model about uploaded videos and webcams, on a page and through an HTTP API.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Do not ask the service: an emulator on this machine invents the answers
    #[arg(long)]
    emulator: bool,
}

impl Options {
    fn read() -> Self {
        let matches = Self::with_variables().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command line. Its help lists the environment variables.
    fn with_variables() -> clap::Command {
        let mut help = "Environment variables, which may also be in a file .env:\n".to_owned();
        for (name, what) in VARIABLES {
            help += &format!("  {name}\n          {what}\n");
        }
        Self::command().after_help(help)
    }
}

fn main() -> ExitCode {
    match serve(&Options::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overshoot-webapp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
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
        notes,
    } = Environment::read(options.emulator, std::env::vars_os())?;
    for note in notes {
        eprintln!("note: {note}");
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
        let asked = match &config.answerer {
            Answerer::Emulator => "an emulator on this machine: ALL ANSWERS ARE INVENTED. To ask the service, set OVERSHOOT_API_KEY and start without --emulator",
            Answerer::Service(service) => service.url.as_deref().unwrap_or("the Overshoot service"),
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

#[cfg(test)]
#[path = "../../common/man_pages.rs"]
mod man_pages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_pages_are_current() {
        man_pages::check(Options::with_variables(), env!("CARGO_MANIFEST_DIR"));
    }
}
