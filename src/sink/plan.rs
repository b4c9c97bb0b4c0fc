//! What one run of the element goes by.

use std::time::Duration;

use reqwest::Url;

use super::codec::{self, Offered};
use super::entry::Input;
use super::rate_limit::Limit;
use super::route::Route;
use super::settings::Settings;
use super::webrtcbin::Ice;
use super::{OnError, ice};
use crate::session::Api;
use crate::session::error::Error;
use crate::session::protocol::{self, Processing};
use crate::session::question::Question;
use crate::session::request::{StreamRequest, most_output_tokens};
use crate::session::schema::Schema;
use crate::session::secret::Secret;

/// What frames may be late by: this part of a sampling interval, and at least so many seconds.
const JITTER_SHARE: f64 = 0.1;
const LEAST_JITTER: f64 = 0.015;
/// A snapshot of the properties, checked.
#[derive(Clone)]
pub struct Plan {
    pub api: Api,
    pub api_url: Url,
    pub api_key: Secret,
    pub timeout: Duration,
    pub drain_timeout: Duration,
    pub reconnect: bool,
    pub max_reconnects: i32,
    pub on_error: OnError,
    pub ice: Ice,
    pub route: Route,
    /// What raw video can be encoded to.
    pub encoded: Vec<Offered>,
    /// For the service to join the application's room by.
    pub service_token: Option<Secret>,
    pub max_width: u32,
    pub max_height: u32,
    pub(super) schema: Option<Schema>,
    /// More of them, beside the prompt.
    pub(super) questions: Vec<Question>,
    pub(super) settings: Settings,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("api_url", &self.api_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// What to offer for this input.
    pub fn offer(&self, input: &Input) -> Vec<Offered> {
        match input {
            Input::Raw => self.encoded.clone(),
            Input::Encoded(passable) => codec::offer_to_pass(passable, &self.encoded),
        }
    }

    /// Whether the request depends on the source's frame rate, so that the caps must be known.
    pub fn needs_source_rate(&self) -> bool {
        let settings = &self.settings;
        settings.resolved_mode() == protocol::Mode::Clip
            && settings.target_fps == 0
            && settings.fps == 0
            && (self.api == Api::V02 || settings.sampling_ratio.is_some())
    }

    /// What can be done, and should not.
    pub fn warning(&self) -> Option<Error> {
        let exposed = self.api_url.scheme() == "http" && !ice::is_loopback(&self.api_url);
        let warning = exposed.then(|| {
            Error::settings(format!(
                "api-url {} is not encrypted: anyone on the way can read the API key. Use https.",
                self.api_url
            ))
        });
        warning.or_else(|| self.route.warning())
    }

    /// The service cut an answer off; `interval` is the time between answers.
    pub fn cut_off(&self, interval: Duration) -> Error {
        let most = most_output_tokens(interval.as_secs_f64());
        let (now, property) = (
            self.settings.max_output_tokens,
            match self.settings.resolved_mode() {
                protocol::Mode::Clip => "delay-seconds",
                protocol::Mode::Frame => "interval-seconds",
            },
        );
        let change = match now {
            0 if self.api == Api::V1 => {
                "set max-output-tokens to more than the model's own default".to_owned()
            }
            0 => format!("raise {property}: unset, max-output-tokens is the most for it, {most}"),
            now if self.api == Api::V1 => format!("raise max-output-tokens from {now}"),
            now if f64::from(now) < most => {
                format!("raise max-output-tokens from {now} to {most} at the most")
            }
            now => format!(
                "max-output-tokens is {now}, the most for this interval: raise {property}, too"
            ),
        };
        Error::settings(format!(
            "An answer was cut off at its largest length (finish_reason \"length\"). To have it whole, {change}, or ask for less text."
        ))
    }

    /// The request for a source of this rate.
    ///
    /// # Errors
    /// What the service would refuse, with the fix in the text.
    pub fn request(&self, source: Option<gst::Fraction>) -> Result<StreamRequest, Error> {
        let settings = &self.settings;
        let request = StreamRequest {
            processing: settings.processing(self.api, source)?,
            backend: settings.backend.into(),
            models: settings.models(self.api),
            output_schema: self.schema.clone(),
            max_output_tokens: (settings.max_output_tokens != 0)
                .then_some(settings.max_output_tokens),
            partial: settings.stream_partial,
            questions: self.questions.clone(),
        };
        request.check(self.api)?;
        Ok(request)
    }

    /// Which frames are worth sending: as `max-framerate` says, else as few as can be so that
    /// each sample finds a fresh one.
    ///
    /// The service samples by a clock that knows nothing of ours, so what counts is the longest
    /// time from one frame to the next, and not their average rate. Samples that find no fresh
    /// frame, over all phases of the service's clock (`tests/rate.rs`, `measure`):
    ///
    /// | source, sampled | 1 × | 1.1 × | 1.25 × | 1.5 × | 2 × | this |
    /// |---|---|---|---|---|---|---|
    /// | 30/s, 6/s | 0.2 % | 0.1 % | 0 | 0 | 0 | 0 at 7.5/s |
    /// | 30/s, 15/s | 0.3 % | 0.3 % | 0.2 % | 0.1 % | 0 | 0 at 30/s |
    /// | 25/s, 3/s | 2.4 % | 0 | 0 | 0 | 0 | 0 at 3.6/s |
    /// | 25/s, 6/s | 3.1 % | 0 | 0 | 0 | 0 | 0 at 8.3/s |
    /// | 25/s, 15/s | 13.2 % | 11.3 % | 8.3 % | 3.3 % | 0 | 0 at 25/s |
    /// | 15/s, 6/s | 10 % | 6.1 % | 0 | 0 | 0 | 0 at 7.5/s |
    ///
    /// Of several questions the one that wants the most frames decides.
    pub fn limit(&self, request: &StreamRequest) -> Limit {
        if self.settings.max_framerate.numer() > 0 {
            return Limit::Rate(self.settings.max_framerate);
        }
        let more = request
            .questions
            .iter()
            .map(|question| &question.processing);
        let gap = more.map(gap).fold(gap(&request.processing), f64::min);
        Limit::Gap(gst::ClockTime::from_seconds_f64(gap))
    }
}

/// The longest time from frame to frame, in seconds, that gives each sample a fresh one.
fn gap(processing: &Processing) -> f64 {
    match *processing {
        Processing::Target { target_fps, .. } => clip_gap(1.0 / f64::from(target_fps)),
        // The same for the service, which takes int(fps × sampling-ratio) as the target rate.
        Processing::Sampled {
            fps,
            sampling_ratio,
            ..
        } => clip_gap(1.0 / (f64::from(fps) * sampling_ratio + 1e-9).floor().max(1.0)),
        // There is one sample an answer, so its age matters too: three frames for two samples
        // make it a third of an interval on average, and cost a quarter less than four.
        Processing::Frame { interval_seconds } => interval_seconds / 1.5,
    }
}

/// The longest time from frame to frame, in seconds, where one is sampled each `interval`: shorter
/// by what encoder, network and decoder may delay one frame more than the one before.
fn clip_gap(interval: f64) -> f64 {
    (interval - (interval * JITTER_SHARE).max(LEAST_JITTER)).max(0.0)
}
