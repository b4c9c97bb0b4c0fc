//! What the element tells the application: answers, states, the end.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{OvershootSink, lock};
use super::{State, messages, running_time};
use crate::session::Answer;

impl OvershootSink {
    /// An answer: to the bus, the pads, the signal and the property. `interval` is the time to the
    /// next one.
    pub fn deliver(&self, answer: &Answer, interval: Duration) {
        let obj = self.obj();
        let running_time = running_time(obj.upcast_ref())
            .map(|now| now.saturating_sub(messages::clock_time(Instant::now() - answer.arrived)));
        let age = self.video().map(|video| video.age());
        let result = messages::result(answer, running_time, age.unwrap_or_default());
        let text = answer.result.result.clone().unwrap_or_default();
        {
            let mut shown = self.shown();
            shown.last_result = Some(text.clone());
            shown.answers += 1;
            if answer.result.ok == Some(false) {
                shown.answers_failed += 1;
            }
        }
        messages::post(&obj, result.clone());
        {
            let pads = lock(&self.pads);
            let time = running_time.unwrap_or_default();
            if let Some(pad) = &pads.text {
                pad.push(text, time, interval);
            }
            if let Some(pad) = &pads.json {
                pad.push(answer.json.clone() + "\n", time, interval);
            }
        }
        obj.emit_by_name::<()>("result", &[&result]);
        obj.notify_last_result();
    }

    /// Shows the state in the properties and on the bus.
    pub fn show(&self, state: State, stream_id: Option<&str>, reason: Option<&str>) {
        let changed = {
            let mut shown = self.shown();
            let changed = shown.state != state || shown.stream_id.as_deref() != stream_id;
            shown.state = state;
            shown.stream_id = stream_id.map(str::to_owned);
            changed
        };
        if changed {
            let obj = self.obj();
            messages::post(&obj, messages::state(state, stream_id, reason));
            obj.notify_state();
            obj.notify_stream_id();
        }
    }

    /// The last answer is here: the end goes on to the bus and the text pads.
    pub fn pass_eos(&self) {
        self.end_text();
        let eos = lock(&self.running).as_mut().and_then(|r| r.eos.take());
        if let Some(eos) = eos {
            self.parent_handle_message(eos);
        }
    }

    pub fn end_text(&self) {
        let pads = lock(&self.pads);
        for pad in [&pads.text, &pads.json].into_iter().flatten() {
            pad.end();
        }
    }
}
