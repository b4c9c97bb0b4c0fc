// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A web application that asks a vision-language model about uploaded videos and webcams. One binary has the
//! API and the page.
//!
//! [`run`] serves on a listener until its shutdown future completes. Each video is a *session*, which one task
//! owns. While a stream runs, a pipeline leads from the video to `overshootsink`, and everyone who watches the
//! session gets the messages of its bus as events.
//!
//! | module | concern |
//! |---|---|
//! | `config`, `environment` | the settings, and the environment variables that set them |
//! | `login` | the password, guesses of it, and who is logged in |
//! | `upload_folder` | the folder for uploads, and what earlier runs left |
//! | `app` | all sessions, and how many there may be |
//! | `http` | routes, request checks, uploads, the WebSocket, the page |
//! | `session` | one video: its source, its stream, its events |
//! | `media` | pipelines, checks of uploads, webcams |
//! | `store` | the answers on disk |
//! | `models` | the list of models |
//! | `error`, `count` | errors as JSON, and numbers in their sentences |

mod app;
mod config;
mod count;
mod environment;
mod error;
mod http;
mod login;
mod media;
mod models;
mod session;
mod store;
mod time;
mod upload_folder;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use overshoot_emulator::Local;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{Answerer, Config, Service, SourceHosts};
pub use environment::{Environment, VARIABLES};
pub use login::Password;

use upload_folder::UploadFolder;

/// How long running requests may take once the application stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until `shutdown` completes. Then it ends every stream, closes every session and deletes every upload.
/// It needs a multi-threaded runtime.
///
/// # Errors
///
/// If GStreamer cannot start, uploads cannot be stored, or the listener fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    gst::init().map_err(io::Error::other)?;
    gstovershoot::plugin_register_static().map_err(io::Error::other)?;
    let folder = UploadFolder::make_in(&config.folder)?;
    let (service, emulator) = match &config.answerer {
        Answerer::Service(service) => (service.clone(), None),
        Answerer::Emulator => {
            let emulator = Local::start(overshoot_emulator::Config::default()).await?;
            let service = Service {
                key: "any".to_owned(),
                url: Some(emulator.url()),
            };
            (service, Some(emulator))
        }
    };
    let answers_folder = config.answers_folder.clone();
    let answers_folder = answers_folder.unwrap_or_else(|| folder.path().join("answers"));
    let store = store::Store::open(answers_folder, config.max_answer_bytes)?;
    let stop = CancellationToken::new();
    // If this future is dropped early, all tasks stop too.
    let _on_drop = stop.clone().drop_guard();
    let app = app::App::new(config, service, folder, store, stop.clone());
    // The login needs the address of the client.
    let router = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let stopping = async {
        shutdown.await;
        stop.cancel();
    };
    let served = serve_until(serving.into_future(), stopping).await;
    app.tasks.close();
    app.tasks.wait().await;
    let closing = app.clone();
    let closed = tokio::task::spawn_blocking(move || closing.shared.store.close());
    closed.await.map_err(io::Error::other)?;
    // The emulator stops last, because the sessions delete their streams at it.
    if let Some(emulator) = emulator {
        emulator.stop().await?;
    }
    served
}

/// Serves until `stopping` completes, and then for a limited time, because a client may never finish.
async fn serve_until(
    serving: impl Future<Output = io::Result<()>>,
    stopping: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        () = stopping => {}
    }
    tokio::time::timeout(SHUTDOWN_TIMEOUT, serving)
        .await
        .unwrap_or(Ok(()))
}
