// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Samples a stream, asks the engine, and sends the answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep_until;

use crate::ids::uuid;
use crate::records::event::Event;
use crate::records::snapshot;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::v02::V02;
use crate::v02::schedule::Schedule;
use crate::v02::stream_state::V02StreamState;
use crate::vision::answer_text::{answer_text, truncate};
use crate::vision::engine::vlm::{self, VlmRequest};
use crate::vision::engine::{Engine, EngineError, TESSERACT};
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::{AnswerFrames, Observation};

/// An answer that the engine works on.
struct PendingAnswer {
    taken_at: Instant,
    due: Instant,
    prompt: String,
    frames: AnswerFrames,
    /// One of the answers that the engine may work on at a time.
    _permit: OwnedSemaphorePermit,
}

/// The engine's answer.
struct EngineAnswer {
    /// The text, and why it ends; or why there is no text.
    text: Result<(String, Option<String>), EngineError>,
    /// The model that answered.
    model: String,
    /// How long it took.
    took: Duration,
    observation: Observation,
    /// The pictures that the model received.
    pictures: Vec<Jpeg>,
}

/// Samples and answers until the stream ends.
pub(crate) async fn run(live: Arc<LiveStream>, state: Arc<V02StreamState>, api: Arc<V02>) {
    let app = &api.app;
    // Each queued answer holds a permit, and there are no more permits than this.
    let (sender, pending) = mpsc::channel(app.config.engine.max_parallel());
    tokio::select! {
        () = live.end_token.cancelled() => {}
        // Concurrently: a slow answer must not delay the sampler.
        ((), ()) = async { tokio::join!(take_samples(&live, &state, app, sender), send_answers(&live, &state, &api, pending)) } => {}
    }
}

/// Takes the samples, and chooses the frames of each answer.
async fn take_samples(
    live: &LiveStream,
    state: &V02StreamState,
    app: &App,
    pending: mpsc::Sender<PendingAnswer>,
) {
    let schedule = Schedule::new(state.sampler.sampling());
    let permits = Arc::new(Semaphore::new(app.config.engine.max_parallel()));
    state.sampler.frame_added.notified().await;
    let mut sample_at = Instant::now();
    let mut tick = sample_at + schedule.lead;
    let mut newest = None;
    loop {
        // A sample that is due at the same time as an answer belongs to it.
        if sample_at <= tick {
            sleep_until(sample_at.into()).await;
            let now = Instant::now();
            sample_at = Schedule {
                period: schedule.sample,
                ..schedule
            }
            .next(sample_at, now);
            sample(live, state, app, now);
            continue;
        }
        sleep_until(tick.into()).await;
        let now = Instant::now();
        tick = schedule.next(tick, now);
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            continue;
        };
        let Some(frames) = state.sampler.answer_frames(newest) else {
            continue;
        };
        newest = frames.newest().map(|frame| frame.rtp_time);
        let next = PendingAnswer {
            taken_at: now,
            due: now + app.config.inference_latency,
            prompt: state.prompt(),
            frames,
            _permit: permit,
        };
        // The receiver ends with the stream.
        if pending.send(next).await.is_err() {
            return;
        }
    }
}

fn sample(live: &LiveStream, state: &V02StreamState, app: &App, now: Instant) {
    let Some((sample, frame)) = state.sampler.sample(now) else {
        return;
    };
    if !sample.repeat {
        app.tracker.spawn(async move { frame.make().await });
    }
    app.config.control.stream(&live.id, |stream| {
        snapshot::push_bounded(&mut stream.samples, snapshot::RECORDS_PER_STREAM, sample);
    });
    app.emit(&Event::Sampled {
        stream: live.id.clone(),
        age: sample.age,
        repeat: sample.repeat,
    });
}

/// Sends the answers in order. The engine works on several at a time.
async fn send_answers(
    live: &LiveStream,
    state: &V02StreamState,
    api: &V02,
    mut pending: mpsc::Receiver<PendingAnswer>,
) {
    let answers = stream::poll_fn(|context| pending.poll_recv(context))
        .map(async |pending| (ask_engine(state, &api.app, &pending).await, pending))
        .buffered(api.app.config.engine.max_parallel());
    let mut answers = std::pin::pin!(answers);
    while let Some((answer, pending)) = answers.next().await {
        if let Some(answer) = answer {
            send_answer(live, state, api, pending, answer);
        }
    }
}

/// The engine's answer. `None`: there are no frames to answer about.
async fn ask_engine(
    state: &V02StreamState,
    app: &App,
    pending: &PendingAnswer,
) -> Option<EngineAnswer> {
    let plan = &state.plan;
    let engine = &app.config.engine;
    let text = |observation: &Observation| {
        let text = answer_text(observation, plan.schema.as_ref(), plan.max_tokens);
        let (text, reason) = truncate(text, plan.max_tokens);
        Ok((text, Some(reason.to_owned())))
    };
    match engine {
        Engine::Measures => {
            sleep_until(pending.due.into()).await;
            pending.frames.read_codes().await;
            let observation = pending.frames.observe()?;
            Some(EngineAnswer {
                text: text(&observation),
                model: plan.model.clone(),
                took: pending.taken_at.elapsed(),
                observation,
                pictures: Vec::new(),
            })
        }
        Engine::Ocr(ocr) => {
            let mut observation = pending.frames.observe()?;
            let picture = pending.frames.pictures(1).await.pop()?;
            let start = Instant::now();
            let read = ocr.read(picture).await;
            Some(EngineAnswer {
                took: start.elapsed(),
                text: read.and_then(|read| {
                    observation.read = Some(read);
                    text(&observation)
                }),
                model: TESSERACT.to_owned(),
                observation,
                pictures: Vec::new(),
            })
        }
        Engine::Vlm(vlm) => {
            let observation = pending.frames.observe()?;
            let pictures = pending.frames.pictures(vlm::MAX_PICTURES).await;
            if pictures.is_empty() {
                return None;
            }
            let question = VlmRequest {
                prompt: &pending.prompt,
                pictures: pictures.clone(),
                max_tokens: Some(plan.max_tokens),
                schema: plan.schema.as_ref(),
            };
            let answer = vlm.answer(&plan.model, question).await;
            Some(EngineAnswer {
                text: answer.result.and_then(|done| match done.refusal {
                    Some(refusal) => Err(vlm.failed(&refusal)),
                    None => Ok((done.content, done.finish_reason)),
                }),
                model: answer.model,
                took: answer.took,
                observation,
                pictures,
            })
        }
    }
}

fn send_answer(
    live: &LiveStream,
    state: &V02StreamState,
    api: &V02,
    pending: PendingAnswer,
    answer: EngineAnswer,
) {
    let Some(newest) = pending.frames.newest() else {
        return;
    };
    let plan = &state.plan;
    let (result, finish_reason, error) = match answer.text {
        Ok((text, finish_reason)) => (text, finish_reason, None),
        Err(error) => (String::new(), None, Some(error.to_string())),
    };
    let id = uuid();
    // Before the answer is sent: a client that asks about it at once gets "not stored yet", not "unknown".
    api.clips.keep(
        &api.app.config.engine,
        id.clone(),
        live.owner.clone(),
        answer.observation,
        answer.pictures,
    );
    let now = Instant::now();
    let total = now.duration_since(newest.arrived);
    let message = json!({
        "id": id,
        "stream_id": live.id,
        "mode": plan.sampling.mode().name(),
        "model_backend": plan.backend,
        "model_name": answer.model,
        "prompt": pending.prompt,
        "result": result,
        "inference_latency_ms": milliseconds(answer.took),
        "total_latency_ms": milliseconds(total),
        "ok": error.is_none(),
        "error": error,
        "finish_reason": finish_reason,
    });
    let sockets = state.subscribers.answer(id, message.to_string());
    state.answers.fetch_add(1, Ordering::Relaxed);
    api.app.emit(&match error {
        None => Event::Answered {
            stream: live.id.clone(),
            result,
            total_latency: total,
            sockets,
        },
        Some(error) => Event::Unanswered {
            stream: live.id.clone(),
            error,
        },
    });
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
