//! A local stand-in for the Overshoot real-time vision service (its API v0.2 and its API v1), for
//! demos, tests and work without a network.
//!
//! [`run`] serves on a listener until it is told to stop. A [`Control`] in the [`Config`] shows what
//! happened ([`Control::snapshot`], [`Control::wait`]) and makes things go wrong
//! ([`Control::inject`]). The binary `overshoot-emulator` is the same for people.
//!
//! # The rules
//!
//! Those of v0.2, where nothing else is said; from 16 on, those of v1.
//!
//! 1. **Base path and key.** The API lives below `/v0.2`; elsewhere a 404 names the bases. Every
//!    call but `/healthz` needs `Authorization: Bearer <key>`; a wrong or missing key is 401.
//!    Streams, feedback and results of another key do not exist: 404.
//! 2. **Errors** are `{"error","message","request_id","details"}`, and every response carries
//!    `x-request-id`. A body that is not JSON is 400, one that is not called JSON 415, one longer
//!    than 256 KiB 413. The wrong method on a known path is 405.
//! 3. **Strict bodies.** An unknown field, a missing one, a wrong type or a value out of its range
//!    is 422, with the field in `details.field` and the range in the message. A create needs
//!    `mode`, `processing` and `inference` with `prompt`, `backend` and `model`; the two
//!    clip forms never mix; `int(fps × sampling_ratio)` is 1 to 30; the target rate times
//!    `clip_length_seconds` is at least 3; `max_output_tokens` over the delay or interval is at
//!    most 128 (left out: that many; at a delay of 0, 128). `output_schema_json` must be a JSON
//!    schema of an object.
//! 4. **Models.** An unknown one is 422 and names those that are ready, a saturated one 429, an
//!    unavailable one 503. The default list has one of each status.
//! 5. **Sticky sessions** (`sticky`). Responses that make or renew a stream, and the 101 of its
//!    socket, set `media-gateway-route`. Each call on the stream and the socket's handshake must
//!    bring the newest value, else 404. For 250 ms after a change the value before is good too:
//!    such a request was on its way.
//! 6. **Limits and leases.** The stream beyond `max_streams_per_key` gets 429 with `retry-after`.
//!    A stream without a keepalive for `lease_ttl` ends with `lease_expired`; DELETE ends it with
//!    `client_requested` and frees its place at once; calls on an ended stream are 404, but its
//!    feedback is taken. With `credits_cents`, a second costs 0.05 cents; without credits, creating
//!    and renewing are 402, and the lease then ends with `insufficient_credits`.
//! 7. **Media in.** A `source` is an SDP offer (`webrtc`), a LiveKit room of the client's (`livekit`)
//!    or, left out, a room that is made for the stream: rule 16.
//!    One SDP offer, with a video section that sends; the answer takes one codec, the
//!    offer's first of those in `codecs` that this machine decodes, else 422 "no common codec".
//!    ICE-lite, one host candidate, no trickle; ECDSA certificates only. A packet whose SSRC was not
//!    declared (`a=ssrc`, or a `mid` header extension) is dropped without a word.
//! 8. **Decoding.** Everything is decoded by GStreamer. A keyframe is asked for (PLI) when a stream
//!    starts and after a gap, again each 500 ms, and what refers to a lost frame is not looked at.
//!    A connection that is closed, or silent for 15 s, ends the stream with `webrtc_disconnected`.
//! 9. **The socket.** Its first message is `{"api_key": …}`, within 5 s, with the stream's key, else
//!    it is closed with 1008. Each answer is one text message to every socket that is connected
//!    then. Until the first socket the newest 64 answers wait; later, with none connected, they are
//!    lost. When the stream ends, it is closed with 1001 and `stream ended: <reason>`; when the
//!    emulator stops, with 1012.
//! 10. **The schedule.** From the first frame on, a sampler takes the newest frame at each tick of
//!     a clock of its own: at the target rate in clip mode, each `interval_seconds` in frame mode.
//!     Where no new one came, it takes the same one again: that is a miss, see [`Sample`]. Clip mode
//!     answers first when the first clip is full, then each `delay_seconds` (0: each sample), about
//!     the samples of the last `clip_length_seconds`; frame mode at each sample, about it. Without a
//!     new frame there is no answer. Answers take `inference_latency`, overlap, and arrive in order.
//! 11. **The answers never invent.** They hold the decoded size, the frame rate by the RTP
//!     timestamps of the last second, the mean colour and its name, the brightness, the mean change
//!     from one picture to the next, and the texts of QR codes; what is not known is left out.
//!     `inference_latency_ms` and `total_latency_ms` (from the newest sampled
//!     frame's arrival) are measured.
//!     `prompt` is the one in force when the frames were taken. An answer longer than the allowed
//!     tokens (four characters each) is cut, with `finish_reason` `length`: JSON too.
//! 12. **Output schemas** get JSON that fits. Properties with an observation's name (`width`,
//!     `height`, `fps`, `frame_rate`, `color`, `brightness`, `motion`, `moving`, `position`
//!     (of what is light: `up left`), `qr`, `codes`, `text`, `description`, `count`, …) hold it; other
//!     required ones the smallest value that fits, other optional ones are left out. Where that is
//!     longer than the allowed tokens, optional properties are left out and strings shortened; only if
//!     that does not help it is cut.
//! 13. **Faults** ([`Fault`]) meet the next matching request, in the order in which they were
//!     injected, before anything else is checked.
//! 14. **Clips.** `POST /chat/completions/clip` is 404 for 1.5 s after the result, then answers
//!     about the same pixels. The last 1000 results are kept.
//! 15. **Bounds.** Records, queues, bodies and histories are bounded; when they are full, the oldest
//!     goes. Nothing that comes from outside makes it panic. It keeps keys to itself.
//! 16. **Rooms** are LiveKit's, for one publisher each. Create returns `livekit {url, token}` and a
//!     keepalive a fresh `livekit_token`; both are good for ten minutes.
//!     * `/rtc`, `/rtc/v1` and their `/validate` answer as livekit-server does: 401 for a token
//!       that is missing, bad, expired or not of this emulator, 404 for a room that is gone.
//!       Tokens let publish, not subscribe, so the publisher's connection is the primary one.
//!     * The messages come in livekit-server's order: join, token; a track for each `AddTrack`; an
//!       answer without candidates, with the offer's `id`, the announced codec first; then the
//!       candidates. Video that no `AddTrack` announced is dropped. Of simulcast layers the best
//!       one that comes is looked at.
//!     * With `reconnect=1` a participant that is still there resumes; one that is not is told to
//!       reconnect. A second client with the token is the same participant: the first one is
//!       told `DUPLICATE_IDENTITY`. One whose media connection is gone is told to reconnect.
//!     * 5 s without a publisher, or without its signalling, end the stream with
//!       `livekit_disconnected`. Until the first one comes only the lease counts. When the stream
//!       ends, the publisher is told `ROOM_DELETED`; when the emulator stops, `SERVER_SHUTDOWN`.
//!     * A room of the client's is joined before the response: what cannot be is 422, with
//!       `source.url` or `source.token`. The first video is looked at. The stream ends when the
//!       connection to the room is lost, or nobody has published video in it for 5 s.
//!     * With [`Config::livekit`] the rooms are made on a LiveKit server, by tokens; the emulator
//!       joins them hidden, and the rule before holds.
//! 17. **v1** lives below `/v1` and `/v1beta`, which are one, and knows `GET
//!     /billing/accounts/me/balance` on the host. Keys, places, leases, credits, models and faults
//!     are those of v0.2; streams of one generation do not exist in the other. Every call but the
//!     list of models needs a key. There are no cookies and no sockets.
//! 18. **v1 refuses** with `{"detail": "…"}`, in chat with `{"detail": {"error": {message, type,
//!     code}}}`, and where a body breaks a rule with 422 and `{"error": "validation_error",
//!     message, details: [{loc, msg, type}]}`; what no code is made for (401, 404, 405, 413, 429) is
//!     of the first kind in chat, too. With a `region`, calls on streams and chat are 409
//!     `region_error` until `X-Overshoot-Region` names it, and every response does. A key's sixth
//!     stream, and more than `chat_per_second` questions, are 429 with `retry-after`;
//!     `x-ratelimit-limit`, `-remaining` and `-reset` are in those and in each answer.
//! 19. **Streams of v1** are made of nothing: an empty body, or an object that is ignored. Until
//!     the first frame, what is told of frames is null. A stream outlives its publisher and ends by
//!     DELETE (`deleted`) or with its lease (`expired`); it then tells what was last known, DELETE
//!     still works, keepalive is 404. Each keepalive brings a fresh token. Another key's streams are
//!     404, in chat 403 `stream_unauthorized`.
//! 20. **History.** Each decoded frame is kept with its measures and a JPEG at most 640 wide, for
//!     600 s before the newest and within `history_bytes`; the oldest go. Indices count from the
//!     first frame ever. Stream time is the arrival of a frame's first packet, in whole
//!     milliseconds since the first frame's.
//! 21. **`ovs://` URLs.** "Now" is the newest frame. Offsets below 0 count back from it, others
//!     forth from the oldest frame that is kept; as an end, 0 is now. An image is one frame: an
//!     evicted index is 410 `frame_evicted`, one to come 409 `frame_not_yet_produced`, and no frame
//!     within `tolerance_ms` is 404 `segment_empty`. A video is what is kept of its frames: none is
//!     `segment_empty`, an end at or before the start 400 `segment_invalid`. Of these, `max_fps`
//!     keeps the nearest to each tick. A parameter that is missing, unknown, malformed or given
//!     twice is 400 `query_param_invalid`.
//! 22. **Questions** are OpenAI's: unknown fields are ignored, known ones checked. Media that is no
//!     `ovs://` URL is what a model that cannot fetch it makes of it: 400 `upstream_http_400`. A
//!     model that is not known or not ready is 503 `model_unavailable`. Without credits it is 402
//!     `billing_denied`.
//! 23. **Answers** are rule 11's and 12's, about the frames that were named: a line for each
//!     picture or clip, and in `overshoot.media` which frames it was. Without any, they say so.
//!     They take `inference_latency`; QR codes are read from the JPEGs then. A token is four
//!     characters, a frame 256 tokens. Each is on record as a [`Question`].
//! 24. **Chunks.** With `stream`, the answer's text comes in up to eight pieces, spread over the
//!     latency, then the reason why it ends, the usage if `stream_options` asks for it, and
//!     `[DONE]`. [`Fault::BreaksOff`] and [`Fault::Stalls`] show after half of them.
//!
//! 25. **Engines** ([`Config::engine`]) answer in the place of rules 11, 12 and 23, from pictures at
//!     most 1920 wide, as JPEGs of quality 85; those of v0.2 are kept as long as an answer can be
//!     about them, of long clips 64. Any model's name is taken: answers and `GET /models` name who
//!     answers. `inference_latency_ms` is the engine's time. While it thinks about as many answers of a
//!     stream as it may, ticks are skipped. Where it has none, an answer of v0.2 has `ok` false and
//!     says why in `error`, v1 refuses with 504 `upstream_timeout` or 502 `upstream_request_failed`,
//!     and the stream goes on.
//! 26. **OCR** ([`Engine::Ocr`]) answers with the text of the newest picture that was named, line by
//!     line, as tesseract reads it: words that it is sure of, for 20 s at most. In an output schema,
//!     `text`, `description`, `summary` and `answer`, or else the only string, hold it.
//!
//! 27. **A vision model** ([`Engine::Vlm`]) is asked by OpenAI's chat completions: on v0.2 with the
//!     pictures (of a clip up to 8, spread over it), the prompt as it is, `max_tokens`, and an output
//!     schema as `response_format`; on v1 with the client's own request, where each `ovs://` part
//!     has become its pictures, as `data:` URLs; other media, and what is unknown here, is passed on, and
//!     what the endpoint answers is passed back, chunks too. The model is the one that was set,
//!     or the one that was asked for where the endpoint lists it, or the first of its list. So many
//!     questions are asked at a time, in turn. What it refuses is v1's `upstream_http_<status>`. Results
//!     can be asked about again while they are among the newest 64.
//!
//! # The modules
//!
//! `http` is the front door, with `paths`, `failure` and `wire`. Behind it are `calls` of v0.2, with
//! `validate`, `route`, `error`, and `v1`. `service` is what calls share and `live` one stream, with
//! `push` for what only v0.2 has; `session` owns a stream's tasks: `rtc` with `negotiate`, `command`,
//! `layers`, `timeline`, `line` and `decode` (media in), and `answer` with `observation`, `look`, `later`, `jpeg`,
//! `colour`, `schema`, `engine` (answers out, through `outlet` to each `socket`). `source` says which of `negotiate` and
//! `room` a stream's video comes through. [`Control`] and the records stand beside all of it.
//!
//! In `v1`, `streams`, `chat` with `request` and `chunks`, `limits` and `refusal` are the calls;
//! `history` with `resolve` is what a stream keeps; `reference` and `look_at` lead from
//! a URL to frames; `publish` is where media comes in.

mod clock;
mod codec;
mod faults;
mod http;
mod http_client;
mod ids;
mod livekit;
mod local;
mod lock;
mod media;
mod records;
mod server;
mod service;
mod v02;
mod v1;
mod vision;

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use codec::Codec;
pub use faults::fault::{Call, Fault, Times};
#[doc(hidden)]
pub use faults::injected::FedFrame;
pub use faults::injected::{LeaveAction, SignalMessage, SocketMessage};
pub use http_client::http_client;
pub use local::Local;
pub use records::event::Event;
pub use records::snapshot::{
    Answer, EndReason, Frame, JOINS_PER_STREAM, Join, Mode, Named, NamedFrame, QUESTIONS_KEPT,
    Question, RECORDS_PER_STREAM, REQUESTS_KEPT, Request, STREAMS_KEPT, Sample, Snapshot, Source,
    Stream,
};
pub use service::config::{Config, EventSink, LivekitServer, PictureSink, TurnServer};
pub use service::control::Control;
pub use vision::engine::{Engine, Ocr, Vlm};
pub use vision::model::{Model, ModelStatus};

/// The path below which the API v0.2 lives.
pub const BASE_PATH: &str = server::routes::BASE;

/// The paths below which its API v1 lives, which are one.
pub const BASE_PATHS_V1: [&str; 2] = server::routes::BASES_V1;

/// How long streams and sockets have to end in order once the emulator stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(300);

/// Serves until `shutdown`, then ends every stream, closes every connection and joins every task.
///
/// # Errors
///
/// Where GStreamer cannot start or the listener fails.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    gst::init().map_err(io::Error::other)?;
    media::decoder::load(&config.codecs);
    let app = service::app::App::new(config);
    let looking = app.clone().check_model_endpoint();
    app.tracker.spawn(looking);
    let cut = CancellationToken::new();
    // Also where this future is dropped half-way: nothing goes on without it.
    let _stop_on_drop = (app.stop.clone().drop_guard(), cut.clone().drop_guard());
    let listener = http::connection::ResettableListener {
        listener,
        cut: cut.clone(),
    };
    let service = server::router::router(app.clone())
        .into_make_service_with_connect_info::<http::connection::ConnectionHandle>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(app.stop.clone().cancelled_owned());
    let stopping = async {
        shutdown.await;
        app.stop.cancel();
        app.tracker.close();
        // Who is not done by then is cut off below.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, app.tracker.wait()).await;
        cut.cancel();
    };
    let (served, ()) = tokio::join!(serving, stopping);
    app.tracker.wait().await;
    served
}
