// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The endpoint of a vision model: an OpenAI-compatible server on loopback. It checks requests strictly, decodes
//! their pictures, and gives predictable answers.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::model_request::{ModelRequest, authorized, parse};

/// The API key that the endpoint requires. No log, message or answer may contain it.
pub const VLM_KEY: &str = "sk-vlm-7d2c41";
/// The models that the endpoint lists. The emulator uses the first one by default.
pub const MODELS: [&str; 2] = ["qwen3-vl-test", "another"];
/// Longest accepted body: eight pictures and a prompt.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// How the endpoint responds.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    Normal,
    /// It responds after this time.
    Slow(Duration),
    /// It responds with this status code.
    Status(u16),
    /// It responds with 200 and a web page.
    Page,
    /// It never responds.
    Hang,
    /// It ends the response in the middle of its chunks.
    BreakOff,
    /// It responds with 200, this content type and this body.
    Body(&'static str, String),
}

/// A running endpoint. Dropping it stops the server.
pub struct Endpoint {
    /// The URL for `Vlm::new`.
    pub url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<ModelRequest>>,
    problems: Mutex<Vec<String>>,
    open_requests: Mutex<usize>,
}

impl Endpoint {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::Normal),
            requests: Mutex::default(),
            problems: Mutex::default(),
            open_requests: Mutex::new(0),
        });
        let app = Router::new().fallback(serve).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // Dropping the runtime ends requests that hang.
            runtime.block_on(async {
                tokio::select! {
                    served = axum::serve(listener, app) => served.expect("the server runs"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            url,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Changes how the endpoint responds from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().expect("no panic") = behaviour;
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ModelRequest> {
        self.shared.requests.lock().expect("no panic").clone()
    }

    /// Waits for a request for which the condition is true.
    pub fn wait(&self, why: &str, condition: impl Fn(&ModelRequest) -> bool) -> ModelRequest {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let requests = self.requests();
            if let Some(found) = requests.iter().find(|request| condition(request)) {
                return found.clone();
            }
            self.assert_no_problems();
            assert!(
                Instant::now() < deadline,
                "{why}: {} requests",
                requests.len()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asserts that every request so far was valid.
    pub fn assert_no_problems(&self) {
        let problems = self.shared.problems.lock().expect("no panic");
        assert!(problems.is_empty(), "{problems:?}");
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let joined = thread.join();
            if !std::thread::panicking() {
                joined.expect("the endpoint ends in order");
            }
        }
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await;
    let response = match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/v1/models") => authorized(&parts.headers).map(|()| models()),
        (&Method::POST, "/v1/chat/completions") => {
            let body = body.map_err(|error| error.to_string());
            let parsed = body.and_then(|body| parse(&parts.headers, &body));
            match parsed {
                Ok(request) => Ok(respond(&shared, request).await),
                Err(problem) => Err(problem),
            }
        }
        (method, path) => Err(format!("{method} {path} does not exist")),
    };
    response.unwrap_or_else(|problem| {
        shared.problems.lock().expect("no panic").push(problem);
        StatusCode::BAD_REQUEST.into_response()
    })
}

fn models() -> Response {
    let data = MODELS.map(|id| json!({"id": id, "object": "model", "owned_by": "test"}));
    axum::Json(json!({"object": "list", "data": data})).into_response()
}

/// The answer to a request: the number and size of the pictures, and the prompt.
pub fn answer_text(request: &ModelRequest) -> String {
    let size = request
        .pictures
        .first()
        .map_or((0, 0), |p| (p.width, p.height));
    let (_, prompt) = request.texts.last().expect("a message");
    format!(
        "{} of {}x{}: {prompt}",
        request.pictures.len(),
        size.0,
        size.1
    )
}

/// Counts a request as open until it is dropped.
struct OpenRequest(Arc<Shared>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        *self.0.open_requests.lock().expect("no panic") -= 1;
    }
}

async fn respond(shared: &Arc<Shared>, mut request: ModelRequest) -> Response {
    let behaviour = shared.behaviour.lock().expect("no panic").clone();
    {
        let mut open_requests = shared.open_requests.lock().expect("no panic");
        request.concurrent = *open_requests;
        *open_requests += 1;
    }
    let _open_request = OpenRequest(shared.clone());
    shared
        .requests
        .lock()
        .expect("no panic")
        .push(request.clone());
    match &behaviour {
        Behaviour::Normal | Behaviour::BreakOff => {}
        Behaviour::Slow(pause) => tokio::time::sleep(*pause).await,
        Behaviour::Status(status) => {
            // OpenAI's errors look like this, and contain the key.
            let message = format!("not today, {VLM_KEY}");
            let status = StatusCode::from_u16(*status).expect("a status");
            return (status, axum::Json(json!({"error": {"message": message}}))).into_response();
        }
        Behaviour::Body(kind, body) => {
            return ([(header::CONTENT_TYPE, *kind)], body.clone()).into_response();
        }
        Behaviour::Page => return "<html>Please sign in.</html>".into_response(),
        Behaviour::Hang => std::future::pending().await,
    }
    let content = match request.body.get("response_format") {
        Some(_) => json!({"text": answer_text(&request)}).to_string(),
        None => answer_text(&request),
    };
    let usage = json!({"prompt_tokens": 1_234, "completion_tokens": 56, "total_tokens": 1_290});
    let head = json!({"id": "chatcmpl-77", "created": 1, "model": request.body["model"]});
    if request.body["stream"] == true {
        return chunks(&head, &content, &usage, behaviour == Behaviour::BreakOff);
    }
    let mut body = head;
    body["object"] = json!("chat.completion");
    body["choices"] = json!([{
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "length",
    }]);
    body["usage"] = usage;
    axum::Json(body).into_response()
}

/// A streamed response. With `breaks_off` it ends after three events.
fn chunks(head: &Value, content: &str, usage: &Value, breaks_off: bool) -> Response {
    let chunk = |delta: Value, reason: Value| {
        let mut chunk = head.clone();
        chunk["object"] = json!("chat.completion.chunk");
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
        chunk
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    let characters: Vec<char> = content.chars().collect();
    for piece in characters.chunks(7) {
        let piece: String = piece.iter().collect();
        events.push(chunk(json!({"content": piece}), Value::Null));
    }
    if breaks_off {
        events.truncate(3);
    } else {
        events.push(chunk(json!({}), json!("stop")));
        let mut last = head.clone();
        last["choices"] = json!([]);
        last["usage"] = usage.clone();
        events.push(last);
    }
    let mut text: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    if !breaks_off {
        text += "data: [DONE]\n\n";
    }
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from(text),
    )
        .into_response()
}
