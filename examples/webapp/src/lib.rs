//! A web application that asks a vision-language model about uploaded videos and webcams: one
//! binary with an API and a page.
//!
//! [`run`] serves on a listener until it is told to stop. Each video is a *session*, which one task
//! owns; while it is asked about, a pipeline leads from it into `overshootsink`, and what the bus
//! tells goes to everyone who watches.
//!
//! | module | concern |
//! |---|---|
//! | `config` | the settings, and what the environment says of them |
//! | `app` | the calls, and the sessions that they are about |
//! | `guard` | who may call; what every response tells a browser |
//! | `page` | the page's files, from `page/`, and how the application is |
//! | `upload`, `probe` | a file that comes in, and whether it is a video |
//! | `webcam` | a browser's camera that comes in |
//! | `session`, `source` | one video with what goes on about it |
//! | `stream`, `settings` | one run of the element, and what it is asked with |
//! | `hub`, `ws` | what is told, and to whom |
//! | `models` | which models there are |
//! | `pipeline`, `error` | what the others share |

mod app;
mod config;
mod error;
mod guard;
mod hub;
mod models;
mod page;
mod pipeline;
mod probe;
mod session;
mod settings;
mod source;
mod stream;
mod upload;
mod webcam;
mod ws;

use std::future::Future;
use std::io;
use std::time::Duration;

use overshoot_emulator::Local;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use config::{Config, Environment, Service};

/// How long requests have to end in order once the application stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, then ends every stream, closes every session and deletes every upload.
/// It needs a runtime of several threads.
///
/// # Errors
///
/// Where GStreamer cannot start, uploads can't be stored, or the listener fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    gst::init().map_err(io::Error::other)?;
    gstovershoot::plugin_register_static().map_err(io::Error::other)?;
    let folder = tempfile::Builder::new()
        .prefix("overshoot-webapp-")
        .tempdir_in(&config.folder)?;
    let (service, emulator) = match &config.service {
        Some(service) => (service.clone(), None),
        None => {
            let emulator = Local::start(overshoot_emulator::Config::default()).await?;
            let service = Service {
                key: "any".to_owned(),
                url: Some(emulator.url()),
            };
            (service, Some(emulator))
        }
    };
    let stop = CancellationToken::new();
    // Also where this future is dropped half-way: nothing goes on without it.
    let _on_drop = stop.clone().drop_guard();
    let app = app::App::new(config, service, folder, stop.clone());
    let serving = axum::serve(listener, app::router(app.clone()))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let stopping = async {
        shutdown.await;
        stop.cancel();
    };
    let served = serve_until(serving.into_future(), stopping).await;
    app.tasks.close();
    app.tasks.wait().await;
    // Only now: the sessions' streams are deleted there.
    if let Some(emulator) = emulator {
        emulator.stop().await?;
    }
    served
}

/// Serves until it is stopping, and then for a moment, as a client may never come to its end.
async fn serve_until(
    serving: impl Future<Output = io::Result<()>>,
    stopping: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        () = stopping => {}
    }
    tokio::time::timeout(FAREWELL, serving)
        .await
        .unwrap_or(Ok(()))
}
