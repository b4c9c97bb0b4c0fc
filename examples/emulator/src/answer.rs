//! When answers are given, and what their messages hold (rules 10 to 12).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::event::Event;
use crate::live::Live;
use crate::push::Push;
use crate::record;
use crate::schema;
use crate::service::App;
use crate::sight::{Sight, Taken};
use crate::util::uuid;
use crate::validate::Sampling;

/// A token is about this many characters.
pub(crate) const CHARACTERS_PER_TOKEN: usize = 4;
/// No more answers than this are thought about at a time; a tick beyond is skipped.
const PENDING: usize = 64;

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
}

/// Samples and answers until the stream is over.
pub(crate) async fn run(live: Arc<Live>, push: Arc<Push>, app: Arc<App>) {
    let (sender, pending) = mpsc::channel(PENDING);
    tokio::select! {
        () = live.over.cancelled() => {}
        // Beside each other: an answer that takes its time must not hold up the sampler.
        ((), ()) = async { tokio::join!(look(&live, &push, &app, sender), answer(&live, &push, &app, pending)) } => {}
    }
}

/// Takes samples, and what answers are about.
async fn look(live: &Live, push: &Push, app: &App, pending: mpsc::Sender<Pending>) {
    let schedule = Schedule::of(push.eyes.sampling());
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
        let Ok(place) = pending.try_reserve() else {
            continue;
        };
        let Some(taken) = push.eyes.take(newest) else {
            continue;
        };
        newest = taken.newest().map(|frame| frame.rtp_time);
        place.send(Pending {
            taken_at: now,
            due: now + app.config.inference_latency,
            prompt: push.prompt(),
            taken,
        });
    }
}

fn sample(live: &Live, push: &Push, app: &App, now: Instant) {
    let Some((sample, codes)) = push.eyes.sample(now) else {
        return;
    };
    if !sample.repeat {
        app.tracker.spawn(async move {
            codes.read().await;
        });
    }
    app.config.control.stream(&live.id, |stream| {
        record::push_bounded(&mut stream.samples, record::RECORDS_PER_STREAM, sample);
    });
    app.tell(&Event::Sampled {
        stream: live.id.clone(),
        age: sample.age,
        repeat: sample.repeat,
    });
}

/// Gives the answers, in order.
async fn answer(live: &Live, push: &Push, app: &App, mut pending: mpsc::Receiver<Pending>) {
    while let Some(pending) = pending.recv().await {
        sleep_until(pending.due.into()).await;
        give(live, push, app, pending).await;
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
            schema::fit(schema, Some(sight), most).to_string()
        }
        None => sight.text(),
    }
}

async fn give(live: &Live, push: &Push, app: &App, pending: Pending) {
    pending.taken.read().await;
    let plan = &push.plan;
    let mode = plan.sampling.mode();
    let (Some(sight), Some(newest)) = (pending.taken.sight(mode), pending.taken.newest()) else {
        return;
    };
    let (result, finish_reason) = finish(
        text(&sight, plan.schema.as_ref(), plan.max_tokens),
        plan.max_tokens,
    );
    let id = uuid();
    // Before the answer leaves: whoever asks about it at once is told "not yet", not "unknown".
    app.keep_clip(id.clone(), live.owner.clone(), sight);
    let now = Instant::now();
    let total = now.duration_since(newest.arrived);
    let message = json!({
        "id": id,
        "stream_id": live.id,
        "mode": mode.name(),
        "model_backend": plan.backend,
        "model_name": plan.model,
        "prompt": pending.prompt,
        "result": result,
        "inference_latency_ms": milliseconds(now.duration_since(pending.taken_at)),
        "total_latency_ms": milliseconds(total),
        "ok": true,
        "error": null,
        "finish_reason": finish_reason,
    });
    let sockets = push.outlet.answer(id, message.to_string());
    push.answers.fetch_add(1, Ordering::Relaxed);
    app.tell(&Event::Answered {
        stream: live.id.clone(),
        result,
        total_latency: total,
        sockets,
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
