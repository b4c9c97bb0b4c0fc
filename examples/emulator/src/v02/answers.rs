//! When answers are given, and what their messages hold (rules 10 to 12).

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
use crate::service::stream::Live;
use crate::v02::V02;
use crate::v02::schedule::Schedule;
use crate::v02::stream::Push;
use crate::vision::answer_text::{finish, text};
use crate::vision::engine::vlm::{self, Question};
use crate::vision::engine::{Engine, TESSERACT, Trouble};
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::{Sight, Taken};

/// An answer that is being thought about.
struct Pending {
    taken_at: Instant,
    due: Instant,
    prompt: String,
    taken: Taken,
    /// A place among those that are thought about at a time.
    _place: OwnedSemaphorePermit,
}

/// What came of it.
struct Thought {
    /// The text, and why it ends; or why there is none.
    said: Result<(String, Option<String>), Trouble>,
    /// Who answered.
    model: String,
    /// How long that took.
    took: Duration,
    sight: Sight,
    /// What the model was shown.
    pictures: Vec<Jpeg>,
}

/// Samples and answers until the stream is over.
pub(crate) async fn run(live: Arc<Live>, push: Arc<Push>, api: Arc<V02>) {
    let app = &api.app;
    // Each in it holds a place, and there are no more of these.
    let (sender, pending) = mpsc::channel(app.config.engine.at_a_time());
    tokio::select! {
        () = live.over.cancelled() => {}
        // Beside each other: an answer that takes its time must not hold up the sampler.
        ((), ()) = async { tokio::join!(look(&live, &push, app, sender), answer(&live, &push, &api, pending)) } => {}
    }
}

/// Takes samples, and what answers are about.
async fn look(live: &Live, push: &Push, app: &App, pending: mpsc::Sender<Pending>) {
    let schedule = Schedule::of(push.eyes.sampling());
    let places = Arc::new(Semaphore::new(app.config.engine.at_a_time()));
    push.eyes.seen.notified().await;
    let mut sample_at = Instant::now();
    let mut tick = sample_at + schedule.lead;
    let mut newest = None;
    loop {
        // A sample that is due with an answer belongs to it.
        if sample_at <= tick {
            sleep_until(sample_at.into()).await;
            let now = Instant::now();
            sample_at = Schedule {
                period: schedule.sample,
                ..schedule
            }
            .next(sample_at, now);
            sample(live, push, app, now);
            continue;
        }
        sleep_until(tick.into()).await;
        let now = Instant::now();
        tick = schedule.next(tick, now);
        let Ok(place) = places.clone().try_acquire_owned() else {
            continue;
        };
        let Some(taken) = push.eyes.take(newest) else {
            continue;
        };
        newest = taken.newest().map(|frame| frame.rtp_time);
        let next = Pending {
            taken_at: now,
            due: now + app.config.inference_latency,
            prompt: push.prompt(),
            taken,
            _place: place,
        };
        // Who answers is gone with the stream.
        if pending.send(next).await.is_err() {
            return;
        }
    }
}

fn sample(live: &Live, push: &Push, app: &App, now: Instant) {
    let Some((sample, seen)) = push.eyes.sample(now) else {
        return;
    };
    if !sample.repeat {
        app.tracker.spawn(async move { seen.make().await });
    }
    app.config.control.stream(&live.id, |stream| {
        snapshot::push_bounded(&mut stream.samples, snapshot::RECORDS_PER_STREAM, sample);
    });
    app.tell(&Event::Sampled {
        stream: live.id.clone(),
        age: sample.age,
        repeat: sample.repeat,
    });
}

/// Gives the answers, in order; they are thought about beside each other.
async fn answer(live: &Live, push: &Push, api: &V02, mut pending: mpsc::Receiver<Pending>) {
    let thoughts = stream::poll_fn(|context| pending.poll_recv(context))
        .map(async |pending| (think(push, &api.app, &pending).await, pending))
        .buffered(api.app.config.engine.at_a_time());
    let mut thoughts = std::pin::pin!(thoughts);
    while let Some((thought, pending)) = thoughts.next().await {
        if let Some(thought) = thought {
            give(live, push, api, pending, thought);
        }
    }
}

/// What the engine says. `None`: there is nothing to say anything about.
async fn think(push: &Push, app: &App, pending: &Pending) -> Option<Thought> {
    let plan = &push.plan;
    let engine = &app.config.engine;
    let said = |sight: &Sight| {
        let text = text(sight, plan.schema.as_ref(), plan.max_tokens);
        let (text, reason) = finish(text, plan.max_tokens);
        Ok((text, Some(reason.to_owned())))
    };
    match engine {
        Engine::Measures => {
            sleep_until(pending.due.into()).await;
            pending.taken.read().await;
            let sight = pending.taken.sight()?;
            Some(Thought {
                said: said(&sight),
                model: plan.model.clone(),
                took: pending.taken_at.elapsed(),
                sight,
                pictures: Vec::new(),
            })
        }
        Engine::Ocr(ocr) => {
            let mut sight = pending.taken.sight()?;
            let picture = pending.taken.pictures(1).await.pop()?;
            let start = Instant::now();
            let read = ocr.read(picture).await;
            Some(Thought {
                took: start.elapsed(),
                said: read.and_then(|read| {
                    sight.read = Some(read);
                    said(&sight)
                }),
                model: TESSERACT.to_owned(),
                sight,
                pictures: Vec::new(),
            })
        }
        Engine::Vlm(vlm) => {
            let sight = pending.taken.sight()?;
            let pictures = pending.taken.pictures(vlm::PICTURES).await;
            if pictures.is_empty() {
                return None;
            }
            let question = Question {
                prompt: &pending.prompt,
                pictures: pictures.clone(),
                max_tokens: Some(plan.max_tokens),
                schema: plan.schema.as_ref(),
            };
            let answer = vlm.answer(&plan.model, question).await;
            Some(Thought {
                said: answer.done.map(|done| (done.content, done.finish_reason)),
                model: answer.model,
                took: answer.took,
                sight,
                pictures,
            })
        }
    }
}

fn give(live: &Live, push: &Push, api: &V02, pending: Pending, thought: Thought) {
    let Some(newest) = pending.taken.newest() else {
        return;
    };
    let plan = &push.plan;
    let (result, finish_reason, error) = match thought.said {
        Ok((text, finish_reason)) => (text, finish_reason, None),
        Err(trouble) => (String::new(), None, Some(trouble.to_string())),
    };
    let id = uuid();
    // Before the answer leaves: whoever asks about it at once is told "not yet", not "unknown".
    api.clips.keep(
        &api.app.config.engine,
        id.clone(),
        live.owner.clone(),
        thought.sight,
        thought.pictures,
    );
    let now = Instant::now();
    let total = now.duration_since(newest.arrived);
    let message = json!({
        "id": id,
        "stream_id": live.id,
        "mode": plan.sampling.mode().name(),
        "model_backend": plan.backend,
        "model_name": thought.model,
        "prompt": pending.prompt,
        "result": result,
        "inference_latency_ms": milliseconds(thought.took),
        "total_latency_ms": milliseconds(total),
        "ok": error.is_none(),
        "error": error,
        "finish_reason": finish_reason,
    });
    let sockets = push.outlet.answer(id, message.to_string());
    push.answers.fetch_add(1, Ordering::Relaxed);
    api.app.tell(&match error {
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
