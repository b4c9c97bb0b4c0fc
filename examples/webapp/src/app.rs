//! The calls, and the sessions that they are about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Service};
use crate::error::AppError;
use crate::hub::Snapshot;
use crate::models::Models;
use crate::session::{Session, Shared, Task};
use crate::settings::{Settings, check_prompt};
use crate::source::Source;
use crate::webcam::Webcam;
use crate::{guard, page, upload, ws};

/// Bodies of JSON and SDP; uploads have a limit of their own.
const BODY: usize = 256 * 1024;

pub(crate) struct App {
    pub shared: Arc<Shared>,
    /// Uploads; removed with all that is in it.
    pub folder: TempDir,
    /// Tells one run of the application from the next.
    pub instance: String,
    /// Everything that goes on.
    pub tasks: TaskTracker,
    places: Arc<Semaphore>,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    models: Models,
}

impl App {
    pub(crate) fn new(
        config: Config,
        service: Service,
        folder: TempDir,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            folder,
            instance: random(),
            tasks: TaskTracker::new(),
            places: Arc::new(Semaphore::new(config.max_sessions)),
            sessions: Mutex::default(),
            models: Models::default(),
            shared: Arc::new(Shared {
                streams: Arc::new(Semaphore::new(config.max_streams)),
                config,
                service,
                stop,
            }),
        })
    }

    /// Room for one more session.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, AppError> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            AppError::busy(format!(
                "There are {} videos here already: close one of them, or try again later.",
                self.shared.config.max_sessions
            ))
        })
    }

    /// Makes a session and starts its task; gives its id.
    pub(crate) fn open(
        self: &Arc<Self>,
        source: Source,
        place: OwnedSemaphorePermit,
    ) -> Result<String, AppError> {
        if self.shared.stop.is_cancelled() {
            return Err(AppError::closing());
        }
        let id = random();
        let (session, task) = Task::new(&id, source, &self.shared, place);
        self.lock().insert(id.clone(), session);
        let (app, closed) = (self.clone(), id.clone());
        self.tasks.spawn(async move {
            task.run().await;
            app.lock().remove(&closed);
        });
        Ok(id)
    }

    pub(crate) fn session(
        &self,
        id: Result<Path<String>, PathRejection>,
    ) -> Result<Arc<Session>, AppError> {
        let Path(id) = id.map_err(|_| AppError::gone())?;
        self.lock().get(&id).cloned().ok_or_else(AppError::gone)
    }

    pub(crate) fn sessions(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route("/models", get(models))
        .route("/webcam", post(webcam))
        .route("/webcam/{session_id}", delete(close))
        .route("/sessions/{session_id}", get(show).delete(close))
        .route("/start-stream/{session_id}", post(start))
        .route("/update-prompt/{session_id}", post(ask))
        .route("/stop-stream/{session_id}", post(stop))
        .route("/ws/{session_id}", get(ws::watch))
        .layer(DefaultBodyLimit::max(BODY))
        .route(
            "/upload-video",
            post(upload::upload).layer(DefaultBodyLimit::disable()),
        )
        .fallback(page::unknown)
        .method_not_allowed_fallback(page::wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

type Id = Result<Path<String>, PathRejection>;
type Body = Result<Bytes, axum::extract::rejection::BytesRejection>;

async fn models(State(app): State<Arc<App>>) -> Result<Json<Value>, AppError> {
    let models = app.models.list(&app.shared.service).await?;
    Ok(Json(json!({
        "models": models,
        "backends": ["overshoot", "gemini"],
    })))
}

/// As WHIP has it: the body is an SDP offer, and the answer's body is the SDP answer.
async fn webcam(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AppError> {
    let body = whole(body)?;
    is_of_type(&headers, "application/sdp")?;
    let offer = std::str::from_utf8(&body)
        .map_err(|_| AppError::new(StatusCode::BAD_REQUEST, "bad-offer", "The body is no text."))?;
    let place = app.place()?;
    let (webcam, answer) = Webcam::answer(offer).await?;
    let id = app.open(Source::Webcam(webcam), place)?;
    let headers = [
        (header::CONTENT_TYPE, "application/sdp".to_owned()),
        (header::LOCATION, format!("/webcam/{id}")),
    ];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

async fn show(State(app): State<Arc<App>>, id: Id) -> Result<Json<Snapshot>, AppError> {
    Ok(Json(app.session(id)?.hub.snapshot()))
}

async fn start(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    let settings: Settings = read(&headers, body)?;
    settings.check()?;
    session.start(settings).await?;
    Ok(Json(status(&session)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prompt {
    prompt: String,
}

async fn ask(
    State(app): State<Arc<App>>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    let Prompt { prompt } = read(&headers, body)?;
    check_prompt(&prompt)?;
    session.ask(prompt.clone()).await?;
    let mut told = status(&session);
    told["prompt"] = prompt.into();
    Ok(Json(told))
}

async fn stop(State(app): State<Arc<App>>, id: Id) -> Result<Json<Value>, AppError> {
    let session = app.session(id)?;
    session.stop().await?;
    Ok(Json(status(&session)))
}

async fn close(State(app): State<Arc<App>>, id: Id) -> Result<StatusCode, AppError> {
    let session = app.session(id)?;
    session.close();
    session.closed.cancelled().await;
    Ok(StatusCode::NO_CONTENT)
}

fn status(session: &Session) -> Value {
    let now = session.hub.snapshot();
    json!({"session_id": now.about.session_id, "status": now.state})
}

fn whole(body: Body) -> Result<Bytes, AppError> {
    body.map_err(|rejection| {
        AppError::new(
            rejection.status(),
            "bad-body",
            format!("The body can't be taken: {}.", rejection.body_text()),
        )
    })
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> Result<(), AppError> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let given = given.and_then(|kind| kind.split(';').next()).map(str::trim);
    if given.is_some_and(|given| given.eq_ignore_ascii_case(wanted)) {
        return Ok(());
    }
    Err(AppError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "wrong-type",
        format!("The body must be {wanted}, and its Content-Type say so."),
    ))
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, AppError> {
    let body = whole(body)?;
    is_of_type(headers, "application/json")?;
    let json = &mut serde_json::Deserializer::from_slice(&body);
    serde_path_to_error::deserialize(json).map_err(|error| {
        let field = error.path().to_string();
        let refused = AppError::invalid(format!("The body can't be read: {}.", error.inner()));
        // The path of the whole is a dot.
        match field.as_str() {
            "." => refused,
            _ => refused.field(field),
        }
    })
}

/// A name that nobody guesses.
fn random() -> String {
    format!("{:032x}", rand::random::<u128>())
}
