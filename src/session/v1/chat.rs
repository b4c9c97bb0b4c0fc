//! One question and its answer: `POST /chat/completions`.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, header};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::protocol::{
    self, Address, ChatRequest, Completion, Message, NamedSchema, ResponseFormat, StreamOptions,
};
use crate::session::config::NewestFrame;
use crate::session::error::{Error, Kind, Stage};
use crate::session::http::{Http, MAX_BODY, read_body};
use crate::session::protocol::{Mode, Usage, without_nul};
use crate::session::question::Moment;
use crate::session::schema::Schema;

/// A question, ready to be sent.
pub struct Chat {
    pub stream_id: String,
    pub prompt: String,
    pub moment: Moment,
    pub models: Vec<String>,
    pub schema: Option<Schema>,
    pub max_output_tokens: Option<u32>,
    pub timeout: Duration,
    pub newest_frame: NewestFrame,
    pub tag: Tag,
    /// Where parts go as they come. What finds no room is told with the next one.
    pub parts: Option<mpsc::Sender<Part>>,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The stream's question with this index.
    Question(usize),
    /// One with this serial, that is asked once.
    Once(u64),
}

impl Tag {
    pub fn once(self) -> Option<u64> {
        match self {
            Tag::Once(serial) => Some(serial),
            Tag::Question(_) => None,
        }
    }
}

/// An answer so far.
#[derive(Debug)]
pub struct Part {
    pub tag: Tag,
    pub text: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Answered {
    pub id: Option<String>,
    pub model: String,
    pub text: String,
    pub finish_reason: Option<String>,
    pub usage: Option<Usage>,
    /// When the request was sent, and when the answer was complete.
    pub asked: Instant,
    /// When the newest frame was captured that was there by then.
    pub newest_frame: Option<Instant>,
    pub arrived: Instant,
}

impl Chat {
    /// Asks the models in order, until one answers.
    ///
    /// # Errors
    /// The refusal of the last one that was asked.
    pub async fn ask(&self, http: &Http) -> Result<Answered, Error> {
        let mut failure = Error::settings("model names no model.");
        for model in &self.models {
            match self.ask_one(http, model).await {
                Err(error) if another_may_do(&error) => failure = error,
                outcome => return outcome,
            }
        }
        Err(failure)
    }

    async fn ask_one(&self, http: &Http, model: &str) -> Result<Answered, Error> {
        let url = self.moment.url(&self.stream_id);
        let address = Address { url: &url };
        let about = match self.moment.mode() {
            Mode::Frame => protocol::Part::ImageUrl { image_url: address },
            Mode::Clip => protocol::Part::VideoUrl { video_url: address },
        };
        let stream = self.parts.is_some();
        let request = ChatRequest {
            model,
            messages: [Message {
                role: "user",
                content: [protocol::Part::Text { text: &self.prompt }, about],
            }],
            max_completion_tokens: self.max_output_tokens,
            response_format: self
                .schema
                .as_ref()
                .map(|schema| ResponseFormat::JsonSchema {
                    json_schema: NamedSchema {
                        name: "answer",
                        schema: schema.value(),
                    },
                }),
            stream,
            stream_options: stream.then_some(StreamOptions {
                include_usage: true,
            }),
        };
        let (method, path) = (Method::POST, &["chat", "completions"]);
        self.let_the_newest_arrive().await;
        let asked = Instant::now();
        let there = asked.checked_sub(ARRIVAL).and_then(&*self.newest_frame);
        let newest_frame = there.map(|frame| frame.captured);
        let response = http
            .send(Stage::Ask, method, path, Some(&request), self.timeout)
            .await?;
        let mut told = Told::default();
        if is_event_stream(&response) {
            let tell = |text: &str| {
                if let Some(parts) = &self.parts {
                    let text = without_nul(text.to_owned());
                    let _ = parts.try_send(Part {
                        tag: self.tag,
                        text,
                    });
                }
            };
            told.read_parts(response, tell).await?;
        } else {
            let body = read_body(Stage::Ask, response)
                .await
                .map_err(|error| match error.kind {
                    Kind::Protocol => unreadable(&too_large()),
                    _ => error,
                })?;
            let completion = serde_json::from_str(&body)
                .map_err(|error| unreadable(&format!("it can't be understood: {error}")))?;
            told.take(completion);
            told.complete = true;
        }
        if !told.complete {
            return Err(unreadable("it broke off"));
        }
        if !told.chosen {
            return Err(unreadable("it says nothing"));
        }
        Ok(Answered {
            id: told.id.map(without_nul),
            model: told.model.map_or_else(|| model.to_owned(), without_nul),
            text: without_nul(told.text),
            finish_reason: told.finish_reason.map(without_nul),
            usage: told.usage,
            asked,
            newest_frame,
            arrived: Instant::now(),
        })
    }
}

/// How much longer a frame takes to be one that the service can be asked about than a question takes to
/// get there: decoding, and less than a frame lasts. The service does not say which frame an answer is
/// about; with this, it is known.
const ARRIVAL: Duration = Duration::from_millis(20);

impl Chat {
    /// A frame that has just left may or may not be there when the question is.
    async fn let_the_newest_arrive(&self) {
        let now = Instant::now();
        if let Some(frame) = (self.newest_frame)(now) {
            sleep(ARRIVAL.saturating_sub(now - frame.sent)).await;
        }
    }
}

/// The model is not to be had, and another might.
fn another_may_do(error: &Error) -> bool {
    match error.code.as_deref() {
        Some("model_unavailable") => true,
        // About the stream, whatever the model.
        Some("segment_empty" | "frame_not_yet_produced") => false,
        _ => matches!(error.kind, Kind::Server),
    }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"))
}

fn unreadable(what: &str) -> Error {
    Error::new(
        // As bad as none, and the next one may be whole.
        Kind::Server,
        Stage::Ask,
        format!("The service's answer is of no use: {what}."),
    )
}

fn too_large() -> String {
    format!("it is larger than {MAX_BODY} bytes")
}

/// What an answer has said so far.
#[derive(Default)]
struct Told {
    id: Option<String>,
    model: Option<String>,
    text: String,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    /// There was a choice, whatever it says.
    chosen: bool,
    complete: bool,
}

impl Told {
    fn take(&mut self, part: Completion) {
        self.id = part.id.or(self.id.take());
        self.model = part.model.or(self.model.take());
        self.usage = part.usage.or(self.usage);
        if let Some(choice) = part.choices.into_iter().next() {
            self.chosen = true;
            let said = choice
                .message
                .or(choice.delta)
                .and_then(|said| said.content);
            self.text.push_str(said.as_deref().unwrap_or_default());
            self.finish_reason = choice.finish_reason.or(self.finish_reason.take());
        }
    }

    /// Reads server-sent events (HTML, 9.2), one part each, up to `[DONE]`.
    async fn read_parts(
        &mut self,
        mut response: Response,
        tell: impl Fn(&str),
    ) -> Result<(), Error> {
        let (mut events, mut length) = (Events::default(), 0);
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Error::from_request(Stage::Ask, &error))?
        {
            length += chunk.len();
            if length > MAX_BODY {
                return Err(unreadable(&too_large()));
            }
            let before = self.text.len();
            for event in events.take(&chunk) {
                if event == "[DONE]" {
                    self.complete = true;
                    return Ok(());
                }
                let part = serde_json::from_str(&event)
                    .map_err(|error| unreadable(&format!("it can't be understood: {error}")))?;
                self.take(part);
            }
            if self.text.len() > before {
                tell(&self.text);
            }
        }
        Ok(())
    }
}

/// The data of server-sent events, from bytes as they come.
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    data: String,
}

impl Events {
    /// The events that these bytes complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if !self.data.is_empty() {
                    events.push(std::mem::take(&mut self.data));
                }
            } else if let Some(data) = line.strip_prefix("data:") {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart_wherever_they_are_cut() {
        let sent = ": hello\r\ndata: {\"a\":\r\ndata:1}\r\n\r\nevent: x\ndata: [DONE]\n\n";
        for size in 1..=sent.len() {
            let mut events = Events::default();
            let chunks = sent.as_bytes().chunks(size);
            let told: Vec<_> = chunks.flat_map(|chunk| events.take(chunk)).collect();
            assert_eq!(told, ["{\"a\":\n1}", "[DONE]"], "in pieces of {size}");
        }
    }

    #[test]
    fn parts_make_a_whole() {
        let mut told = Told::default();
        for part in [
            r#"{"id":"c1","model":"m","choices":[{"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"delta":{"content":"two "}}]}"#,
            r#"{"choices":[{"delta":{"content":"people"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
        ] {
            told.take(serde_json::from_str(part).expect("a part"));
        }
        assert_eq!(told.text, "two people");
        assert_eq!(told.id.as_deref(), Some("c1"));
        assert_eq!(told.finish_reason.as_deref(), Some("stop"));
        let usage = told.usage.expect("told");
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (5, 2));
    }
}
