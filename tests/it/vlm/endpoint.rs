//! The endpoint of a vision model that is as strict as can be: an OpenAI-compatible server on
//! loopback, which takes requests apart, decodes their pictures, and answers in a known way.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// What it wants to be shown; no log, message or answer may ever hold it.
pub const VLM_KEY: &str = "sk-vlm-7d2c41";
/// The models that it lists; the first one is the only one that is there.
pub const MODELS: [&str; 2] = ["qwen3-vl-test", "another"];
/// No body is longer: eight pictures and a prompt.
const BODY: usize = 16 * 1024 * 1024;

/// How it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Manner {
    Well,
    /// After so long.
    Slowly(Duration),
    Status(u16),
    /// 200, and a page.
    Page,
    Hangs,
    /// In the middle of its chunks.
    BreaksOff,
}

/// A question that it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub body: Value,
    pub pictures: Vec<Picture>,
    /// Each role and the text of its message.
    pub texts: Vec<(String, String)>,
    /// How many others it was busy with.
    pub beside: usize,
}

/// A picture, decoded.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// The colour near a corner, beside the code.
    pub corner: [u8; 3],
    /// What the QR code in it says.
    pub code: Option<String>,
}

pub struct Endpoint {
    /// For `Vlm::new`.
    pub url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    manner: Mutex<Manner>,
    asked: Mutex<Vec<Asked>>,
    problems: Mutex<Vec<String>>,
    busy: Mutex<usize>,
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
            manner: Mutex::new(Manner::Well),
            asked: Mutex::default(),
            problems: Mutex::default(),
            busy: Mutex::new(0),
        });
        let app = Router::new().fallback(serve).with_state(shared.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // A request that hangs goes with the runtime.
            runtime.block_on(async {
                tokio::select! {
                    served = axum::serve(listener, app) => served.expect("it serves"),
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

    pub fn behaves(&self, manner: Manner) {
        *self.shared.manner.lock().expect("no panic") = manner;
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no panic").clone()
    }

    /// Waits for a question for which `what` holds.
    pub fn wait(&self, why: &str, what: impl Fn(&Asked) -> bool) -> Asked {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = self.asked();
            if let Some(found) = asked.iter().find(|asked| what(asked)) {
                return found.clone();
            }
            self.assert_content();
            assert!(Instant::now() < deadline, "{why}: {} asked", asked.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// There was nothing wrong with any request.
    pub fn assert_content(&self) {
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
    let body = axum::body::to_bytes(body, BODY).await;
    let answered = match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/v1/models") => authorized(&parts.headers).map(|()| models()),
        (&Method::POST, "/v1/chat/completions") => {
            let body = body.map_err(|error| error.to_string());
            let read = body.and_then(|body| read(&parts.headers, &body));
            match read {
                Ok(asked) => Ok(answer(&shared, asked).await),
                Err(problem) => Err(problem),
            }
        }
        (method, path) => Err(format!("{method} {path} is not there")),
    };
    answered.unwrap_or_else(|problem| {
        shared.problems.lock().expect("no panic").push(problem);
        StatusCode::BAD_REQUEST.into_response()
    })
}

fn authorized(headers: &HeaderMap) -> Result<(), String> {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|given| given.to_str().ok());
    if given == Some(&format!("Bearer {VLM_KEY}")) {
        Ok(())
    } else {
        Err(format!("the key is {given:?}"))
    }
}

fn models() -> Response {
    let data = MODELS.map(|id| json!({"id": id, "object": "model", "owned_by": "test"}));
    axum::Json(json!({"object": "list", "data": data})).into_response()
}

/// Takes a request apart; the error is what is wrong with it.
fn read(headers: &HeaderMap, body: &Bytes) -> Result<Asked, String> {
    authorized(headers)?;
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        return Err(format!("the content type is {kind:?}"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let fields = body.as_object().ok_or("no object")?;
    for (field, value) in fields {
        let good = match field.as_str() {
            "model" => MODELS.iter().any(|model| value == model),
            "messages" => value.as_array().is_some_and(|all| !all.is_empty()),
            "max_tokens" => value.as_u64().is_some_and(|most| most > 0),
            "temperature" => value.is_number(),
            "stream" => value.is_boolean(),
            "stream_options" => value.is_object(),
            "response_format" => {
                let schema = &value["json_schema"];
                value["type"] == "json_schema"
                    && schema["name"].is_string()
                    && schema["schema"].is_object()
            }
            _ => false,
        };
        if !good {
            return Err(format!("`{field}` is {value}"));
        }
    }
    if !fields.contains_key("model") || !fields.contains_key("messages") {
        return Err("the model or the messages are missing".to_owned());
    }
    let (mut pictures, mut texts) = (Vec::new(), Vec::new());
    for message in body["messages"].as_array().into_iter().flatten() {
        let role = message["role"].as_str().ok_or("no role")?.to_owned();
        let mut said = Vec::new();
        match &message["content"] {
            Value::String(text) => said.push(text.clone()),
            Value::Array(parts) => {
                for part in parts {
                    match part["type"].as_str() {
                        Some("text") => said.push(part["text"].as_str().ok_or("no text")?.into()),
                        Some("image_url") => pictures.push(picture(&part["image_url"]["url"])?),
                        _ => return Err(format!("a part is {part}")),
                    }
                }
            }
            other => return Err(format!("a content is {other}")),
        }
        texts.push((role, said.join("\n")));
    }
    Ok(Asked {
        body,
        pictures,
        texts,
        beside: 0,
    })
}

fn picture(url: &Value) -> Result<Picture, String> {
    let data = url
        .as_str()
        .and_then(|url| url.strip_prefix("data:image/jpeg;base64,"));
    let data = data.ok_or_else(|| format!("a picture is at {url}"))?;
    let jpeg = STANDARD.decode(data).map_err(|error| error.to_string())?;
    let mut decoder = JpegDecoder::new(ZCursor::new(&jpeg));
    let rgb = decoder.decode().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("no size")?;
    let pixel = |x: usize, y: usize| {
        let at = (y * width + x) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    };
    let grey = |x: usize, y: usize| {
        let [r, g, b] = pixel(x, y).map(u32::from);
        ((r * 3 + g * 6 + b) / 10) as u8
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    Ok(Picture {
        width,
        height,
        corner: pixel(width / 16, height / 16),
        code: grids
            .iter()
            .find_map(|grid| grid.decode().ok())
            .map(|(_, text)| text),
    })
}

/// What it says about a question: how many pictures of which size, and the question itself.
pub fn words(asked: &Asked) -> String {
    let size = asked
        .pictures
        .first()
        .map_or((0, 0), |p| (p.width, p.height));
    let (_, prompt) = asked.texts.last().expect("a message");
    format!(
        "{} of {}x{}: {prompt}",
        asked.pictures.len(),
        size.0,
        size.1
    )
}

/// One more question that it is busy with.
struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.busy.lock().expect("no panic") -= 1;
    }
}

async fn answer(shared: &Arc<Shared>, mut asked: Asked) -> Response {
    let manner = shared.manner.lock().expect("no panic").clone();
    {
        let mut busy = shared.busy.lock().expect("no panic");
        asked.beside = *busy;
        *busy += 1;
    }
    let _busy = Busy(shared.clone());
    shared.asked.lock().expect("no panic").push(asked.clone());
    match manner {
        Manner::Well | Manner::BreaksOff => {}
        Manner::Slowly(pause) => tokio::time::sleep(pause).await,
        Manner::Status(status) => {
            // As OpenAI does it, down to the key.
            let message = format!("not today, {VLM_KEY}");
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, axum::Json(json!({"error": {"message": message}}))).into_response();
        }
        Manner::Page => return "<html>Please sign in.</html>".into_response(),
        Manner::Hangs => std::future::pending().await,
    }
    let content = match asked.body.get("response_format") {
        Some(_) => json!({"said": words(&asked)}).to_string(),
        None => words(&asked),
    };
    let usage = json!({"prompt_tokens": 1_234, "completion_tokens": 56, "total_tokens": 1_290});
    let head = json!({"id": "chatcmpl-77", "created": 1, "model": asked.body["model"]});
    if asked.body["stream"] == true {
        return chunks(&head, &content, &usage, manner == Manner::BreaksOff);
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
