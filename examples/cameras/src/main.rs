//! `overshoot-cameras`: many RTSP cameras, each with a question of its own, in one process.
//!
//! `camera` is one camera: its turns at a place of the service (`places`), its pipeline (`camera::feed`),
//! what is read of its answers. `fleet` runs those of a file, `queue` those that replicas share. `event` is
//! what is told, `deliver` how it gets away. `trigger` with `condition` says when to record, `record` does it.
//! `status` is how the cameras are, for `table` and `metrics`.

mod camera;
mod cli;
mod condition;
mod config;
mod deliver;
mod event;
mod fleet;
mod lock;
mod log;
mod metrics;
mod nats;
mod places;
mod process;
mod queue;
mod record;
mod service;
mod status;
mod table;
mod trigger;

use std::convert::Infallible;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use cli::{Command, Options};
use config::Settings;
use queue::Work;

/// What a reader of stdout that hangs may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match start(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overshoot-cameras: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(options: Options) -> Result<(), Box<dyn Error>> {
    gst::init()?;
    gstovershoot::plugin_register_static()?;
    // rumqttc and reqwest take the process's default.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return Err("there is another default of TLS already".into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        let signal = stop_signal()?;
        let told = async {
            signal.await;
            stop.cancel();
            // What comes after the first one changes nothing: the end is bounded.
            std::future::pending::<Infallible>().await
        };
        let work = carry_out(options.command, stop.clone());
        tokio::select! {
            ended = work => ended,
            never = told => match never {},
        }
    });
    runtime.shutdown_timeout(LAST_LINES);
    ended
}

async fn carry_out(command: Command, stop: CancellationToken) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run { file, no_table } => fleet::run(with_cameras(&file)?, !no_table, stop).await,
        Command::Enqueue { file, nats } => {
            queue::enqueue(with_cameras(&file)?, &queue::broker(&nats)?).await
        }
        Command::Work {
            settings,
            nats,
            capacity,
            ack_wait_seconds,
            no_table,
        } => {
            let work = Work {
                broker: queue::broker(&nats)?,
                capacity: capacity.map(NonZeroUsize::get),
                ack_wait: Duration::from_secs(ack_wait_seconds),
                table: !no_table,
            };
            let settings = settings.map(|file| Settings::read(&file)).transpose()?;
            queue::work(work, settings.unwrap_or_default(), stop).await
        }
    }
}

fn with_cameras(file: &Path) -> Result<Settings, Box<dyn Error>> {
    let settings = Settings::read(file)?;
    match settings.cameras.is_empty() {
        false => Ok(settings),
        true => Err(format!(
            "{}: there is no camera: add a [[cameras]] with a name, a url and a prompt",
            file.display()
        )
        .into()),
    }
}

/// Ctrl-C, SIGTERM, or the end of the terminal.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
