// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! `overshoot-cameras`: many cameras in one process, each with its own question.
//!
//! | module | concern |
//! |---|---|
//! | `cli`, `config` | the command line, and the TOML file |
//! | `run`, `queue` | the commands `run`, and `enqueue` and `work` |
//! | `check` | the command `check` |
//! | `process`, `shared` | what all cameras of a process need and share |
//! | `camera` | one camera: its turns, its pipeline, its answers, its recordings |
//! | `service` | the service's address and keys, and the stream slots of the keys |
//! | `event`, `deliver` | events, and how they reach stdout, brokers and webhooks |
//! | `status`, `log` | the state of the cameras: table, metrics, log lines |
//! | `signals` | Ctrl-C, SIGTERM and SIGHUP |
//! | `nats_client`, `lock` | helpers that several of these use |

mod camera;
mod check;
mod cli;
mod config;
mod deliver;
mod event;
mod lock;
mod log;
mod nats_client;
mod process;
mod queue;
mod run;
mod service;
mod shared;
mod signals;
mod status;

use std::error::Error;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use cli::{Command, Options};
use config::Settings;
use queue::ReplicaOptions;
use signals::{Signal, Signals};

/// How long to wait at the end for a reader of stdout that hangs.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run_program(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overshoot-cameras: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_program(options: Options) -> Result<(), Box<dyn Error>> {
    gst::init()?;
    gstovershoot::plugin_register_static()?;
    // rumqttc and reqwest use the default TLS provider of the process.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return Err("another default TLS provider is installed already".into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let (stop, reload) = (CancellationToken::new(), Notify::new());
        let mut signals = Signals::open()?;
        let watch_signals = async {
            loop {
                match signals.next().await {
                    // Further ones are ignored: the end takes a limited time.
                    Signal::Stop => stop.cancel(),
                    Signal::Reload => reload.notify_one(),
                }
            }
        };
        tokio::select! {
            ended = execute(options.command, &reload, stop.clone()) => ended,
            () = watch_signals => unreachable!("signals are watched until the end"),
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    ended
}

async fn execute(
    command: Command,
    reload: &Notify,
    stop: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run { file, process } => run::run(&file, process.into(), reload, stop).await,
        Command::Check { file, json } => {
            // Nothing is running that has to end in order.
            let cameras = Settings::read_cameras(&file, Settings::read_for_others)?;
            tokio::select! {
                checked = check::check(cameras, json) => checked,
                () = stop.cancelled() => Err("stopped before all cameras were checked".into()),
            }
        }
        Command::Enqueue { file, nats } => {
            queue::enqueue(
                Settings::read_cameras(&file, Settings::read_for_others)?,
                &queue::parse_broker(&nats)?,
            )
            .await
        }
        Command::Work {
            settings,
            nats,
            capacity,
            ack_wait_seconds,
            process,
        } => {
            let replica = ReplicaOptions {
                broker: queue::parse_broker(&nats)?,
                capacity: capacity.map(NonZeroUsize::get),
                ack_wait: Duration::from_secs(ack_wait_seconds),
                process: process.into(),
            };
            let settings = settings.map(|file| Settings::read(&file)).transpose()?;
            queue::run_replica(replica, settings.unwrap_or_default(), stop).await
        }
    }
}
