//! When answers are given, and what their messages hold (rules 10 to 12).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep_until;

use crate::records::event::Event;
use crate::records::snapshot;
use crate::service::app::App;
use crate::service::stream::Live;
use crate::util::uuid;
use crate::v02::request::Sampling;
use crate::v02::stream::Push;
use crate::vision::engine::vlm::{self, Question};
use crate::vision::engine::{Engine, TESSERACT, Trouble};
use crate::vision::jpeg::Jpeg;
use crate::vision::observation::{Sight, Taken};
use crate::vision::schema_fill;

/// A token is about this many characters.
pub(crate) const CHARACTERS_PER_TOKEN: usize = 4;
/// When answers are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// From the first frame to the first answer's clip.
    pub lead: Duration,
    /// From one to the next.
    pub period: Duration,
    /// From one sample to the next.
    pub sample: Duration,
}

impl Schedule {
    pub(crate) fn of(sampling: Sampling) -> Self {
        match sampling {
            Sampling::Clip {
                target_fps,
                length,
                delay,
            } => {
                let sample = Duration::from_secs_f64(1.0 / f64::from(target_fps.max(1)));
                Schedule {
                    lead: Duration::from_secs_f64(length),
                    // A delay of 0 means as often as there is something new: each sample.
                    period: if delay > 0.0 {
                        Duration::from_secs_f64(delay)
                    } else {
                        sample
                    },
                    sample,
                }
            }
            Sampling::Frame { interval } => Schedule {
                lead: Duration::ZERO,
                period: Duration::from_secs_f64(interval),
                sample: Duration::from_secs_f64(interval),
            },
        }
    }

    /// The tick after `tick`, on the grid, and not in the past.
    pub(crate) fn next(self, tick: Instant, now: Instant) -> Instant {
        let next = tick + self.period;
        if next >= now {
            return next;
        }
        let late = now.duration_since(next).as_nanos();
        let skipped = late.div_ceil(self.period.as_nanos().max(1));
        next + self.period * u32::try_from(skipped).unwrap_or(u32::MAX)
    }
}

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
pub(crate) async fn run(live: Arc<Live>, push: Arc<Push>, app: Arc<App>) {
    // Each in it holds a place, and there are no more of these.
    let (sender, pending) = mpsc::channel(app.config.engine.at_a_time());
    tokio::select! {
        () = live.over.cancelled() => {}
        // Beside each other: an answer that takes its time must not hold up the sampler.
        ((), ()) = async { tokio::join!(look(&live, &push, &app, sender), answer(&live, &push, &app, pending)) } => {}
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
async fn answer(live: &Live, push: &Push, app: &App, mut pending: mpsc::Receiver<Pending>) {
    let thoughts = stream::poll_fn(|context| pending.poll_recv(context))
        .map(async |pending| (think(push, app, &pending).await, pending))
        .buffered(app.config.engine.at_a_time());
    let mut thoughts = std::pin::pin!(thoughts);
    while let Some((thought, pending)) = thoughts.next().await {
        if let Some(thought) = thought {
            give(live, push, app, pending, thought);
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

/// Cuts a text at the allowed length, and says why it ends where it ends.
pub(crate) fn finish(text: String, max_tokens: usize) -> (String, &'static str) {
    let most = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
    match text.char_indices().nth(most) {
        None => (text, "stop"),
        Some((at, _)) => (text.get(..at).unwrap_or_default().to_owned(), "length"),
    }
}

/// About how many tokens a text has.
pub(crate) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS_PER_TOKEN)
}

/// The answer's text: a sentence, or JSON where a schema was given, if it can be within the tokens.
pub(crate) fn text(sight: &Sight, schema: Option<&serde_json::Value>, max_tokens: usize) -> String {
    match schema {
        Some(schema) => {
            let most = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
            schema_fill::fit(schema, Some(sight), most).to_string()
        }
        None => sight.text(),
    }
}

fn give(live: &Live, push: &Push, app: &App, pending: Pending, thought: Thought) {
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
    app.keep_clip(
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
    app.tell(&match error {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_follows_the_mode() {
        let clip = |delay| {
            Schedule::of(Sampling::Clip {
                target_fps: 10,
                length: 0.5,
                delay,
            })
        };
        assert_eq!(clip(0.2).lead, Duration::from_millis(500));
        assert_eq!(clip(0.2).period, Duration::from_millis(200));
        assert_eq!(clip(0.0).period, Duration::from_millis(100));
        let frame = Schedule::of(Sampling::Frame { interval: 0.2 });
        assert_eq!(frame.lead, Duration::ZERO);
        assert_eq!(frame.period, Duration::from_millis(200));
    }

    #[test]
    fn ticks_that_were_missed_are_skipped() {
        let schedule = Schedule::of(Sampling::Frame { interval: 0.2 });
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(schedule.next(start, at(1)), at(200));
        assert_eq!(schedule.next(start, at(200)), at(200));
        assert_eq!(schedule.next(start, at(201)), at(400));
        assert_eq!(schedule.next(start, at(1_050)), at(1_200));
    }

    #[test]
    fn long_answers_are_cut() {
        assert_eq!(
            finish("12345678".to_owned(), 2),
            ("12345678".to_owned(), "stop")
        );
        assert_eq!(
            finish("123456789".to_owned(), 2),
            ("12345678".to_owned(), "length")
        );
        assert_eq!(finish("ééééé".to_owned(), 1), ("éééé".to_owned(), "length"));
        assert_eq!(tokens("12345"), 2);
    }
}
