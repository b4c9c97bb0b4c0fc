// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The plan: the checked settings of one run of the element.

use std::time::Duration;

use url::Url;

use super::alerts::{self, AlertRule};
use super::ask_when::AskWhen;
use super::budget;
use super::endpoint::Endpoint;
use super::evidence::{self, EvidencePlan};
use super::ice_servers;
use super::ice_servers::IceConfig;
use super::idle::{self, Idle};
use super::questions;
use super::settings::{DEFAULT_MAX_HEIGHT, DEFAULT_MAX_WIDTH, Settings};
use super::transport::Route;
use crate::session::Api;
use crate::session::costs::budget::Budget;
use crate::session::error::Error;
use crate::session::protocol::{self, Processing};
use crate::session::question::Question;
use crate::session::request::{StreamRequest, check_prompt, max_output_tokens};
use crate::session::schema::Schema;
use crate::session::secret::Secret;
use crate::sink::codec::input_format::InputFormat;
use crate::sink::codec::offer;
use crate::sink::codec::offer::OfferedFormat;
use crate::sink::codec::picture_size::SizeLimits;
use crate::sink::enums::{Backend, OnError, SchemaMode};
use crate::sink::frames::rate_limit::Limit;
use crate::sink::frames::scene::Still;

/// How late a frame may be: this part of a sampling interval, but at least this many seconds.
const JITTER_SHARE: f64 = 0.1;
const MIN_JITTER_SECONDS: f64 = 0.015;

/// A checked snapshot of the properties.
#[derive(Clone)]
pub struct Plan {
    pub api: Api,
    pub api_url: Url,
    /// The address is one of the public service, and was not set.
    pub is_public: bool,
    /// The plan for the other address of the public service, if this one is not served.
    pub other: Option<Box<Plan>>,
    pub api_key: Secret,
    pub timeout: Duration,
    pub drain_timeout: Duration,
    pub reconnect: bool,
    pub max_reconnects: i32,
    pub on_error: OnError,
    pub ice: IceConfig,
    pub route: Route,
    /// The formats that raw video can be encoded to.
    pub encoded: Vec<OfferedFormat>,
    /// The token with which the service joins the application's room.
    pub service_token: Option<Secret>,
    pub size_limits: SizeLimits,
    pub budget: Budget,
    /// What decides whether the service is asked; `None`: only the intervals.
    pub ask_when: Option<AskWhen>,
    /// When the stream is deleted because there is nothing to look at.
    pub idle: Option<Idle>,
    pub(super) schema: Option<Schema>,
    pub alerts: Vec<AlertRule>,
    pub evidence: EvidencePlan,
    /// The property `questions`.
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

impl Settings {
    /// Makes the plan. Checks everything that can be checked before the frame rate of the video is known.
    ///
    /// # Errors
    /// If the service would reject a setting. The text says how to fix it.
    pub fn plan(&self, prompt: &str) -> Result<Plan, Error> {
        let (mut plans, mut refusal) = (Vec::new(), None);
        for endpoint in self.endpoints()? {
            match self.plan_at(endpoint, prompt) {
                Ok(plan) => plans.push(plan),
                // The other API may have other limits.
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        let mut plans = plans.into_iter();
        match (plans.next(), refusal) {
            (Some(first), _) => Ok(Plan {
                other: plans.next().map(Box::new),
                ..first
            }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::settings("There is no address of the service.")),
        }
    }

    /// The element's own question, without the prompt, for a source with this frame rate.
    ///
    /// # Errors
    /// If a setting cannot be used.
    pub fn own_question(&self, api: Api, source: Option<gst::Fraction>) -> Result<Question, Error> {
        Ok(Question {
            name: None,
            prompt: None,
            processing: self.processing(api, source)?,
            models: Vec::new(),
            schema: self.schema()?,
            max_output_tokens: Some(self.max_output_tokens).filter(|tokens| *tokens > 0),
        })
    }

    fn plan_at(&self, endpoint: Endpoint, prompt: &str) -> Result<Plan, Error> {
        let Endpoint {
            api,
            url: api_url,
            is_public,
        } = endpoint;
        if api == Api::V02 {
            check_prompt(prompt)?;
        }
        let ice = IceConfig {
            stun_server: self.stun_server.clone(),
            turn_servers: ice_servers::turn_servers(&self.turn_servers, &api_url)?,
            policy: self.ice_transport_policy,
            local_addresses: ice_servers::local_addresses(&api_url),
        };
        let (token, service_token) = self.tokens()?;
        let questions = self.questions(api)?;
        let names: Vec<_> = questions.iter().filter_map(|q| q.name.as_deref()).collect();
        let ask_when = self.ask_when.as_ref().map(|it| AskWhen::read(it));
        let ask_when = ask_when.transpose()?;
        let alerts = alerts::read(&self.alerts, &names)?;
        let evidence = evidence::read(
            self.evidence,
            self.evidence_location.as_deref(),
            self.evidence_clip.as_deref(),
            !alerts.is_empty(),
        )?;
        let plan = Plan {
            api,
            alerts,
            evidence,
            questions,
            api_key: self.api_key()?,
            timeout: self.timeout.into(),
            drain_timeout: self.drain_timeout.into(),
            reconnect: self.reconnect,
            max_reconnects: self.max_reconnects,
            on_error: self.on_error,
            ice,
            service_token,
            route: Route::new(
                api,
                self.transport,
                self.livekit_url.as_deref(),
                token.as_ref(),
            )?,
            encoded: offer::offer(self.video_caps.as_ref())?,
            size_limits: self.size_limits(),
            budget: self.budget()?,
            idle: idle::read(api, self.idle_timeout.into(), ask_when.as_ref())?,
            ask_when,
            schema: self.schema()?,
            settings: self.clone(),
            api_url,
            is_public,
            other: None,
        };
        // Checks with the assumed rate of 30/s, at which the fewest settings fail. The real rate is checked
        // when it is known.
        plan.request(None)?;
        Ok(plan)
    }

    /// The largest picture that is sent.
    pub fn size_limits(&self) -> SizeLimits {
        SizeLimits {
            width: self.max_width.unwrap_or(DEFAULT_MAX_WIDTH),
            height: self.max_height.unwrap_or(DEFAULT_MAX_HEIGHT),
        }
    }

    fn budget(&self) -> Result<Budget, Error> {
        let read = self
            .budget
            .as_ref()
            .map(|structure| budget::read(structure));
        Ok(read.transpose()?.unwrap_or_default())
    }

    fn questions(&self, api: Api) -> Result<Vec<Question>, Error> {
        match api {
            Api::V02 if !self.questions.is_empty() => Err(Error::settings(
                "questions needs API v1, where one stream answers several questions: set api-url to a v1 address, or use one overshootsink for each question.",
            )),
            Api::V02 if self.stream_partial => Err(Error::settings(
                "stream-partial needs API v1: API v0.2 sends only whole answers. Unset stream-partial, or set api-url to a v1 address.",
            )),
            Api::V02 if self.system_prompt().is_some() => Err(Error::settings(
                "system-prompt needs API v1. On API v0.2 write it at the start of prompt, or set api-url to a v1 address.",
            )),
            Api::V02 if self.temperature()?.is_some() => Err(Error::settings(
                "temperature needs API v1: unset it, or set api-url to a v1 address.",
            )),
            Api::V02 if self.schema_mode == SchemaMode::Prompt => Err(Error::settings(
                "schema-mode=prompt needs API v1: API v0.2 is always strict. Unset schema-mode, or set api-url to a v1 address.",
            )),
            Api::V1 if self.backend != Backend::Overshoot => Err(Error::settings(
                "backend needs API v0.2. On API v1 unset backend: model alone selects what is asked.",
            )),
            _ => questions::read(&self.questions, self.v1_fps()),
        }
    }
}

impl Plan {
    /// The formats to offer for this input.
    pub fn offer(&self, input: &InputFormat) -> Vec<OfferedFormat> {
        match input {
            InputFormat::Raw | InputFormat::Device(_) | InputFormat::Pictures(_) => {
                self.encoded.clone()
            }
            InputFormat::Encoded(passthrough) => offer::offer_to_pass(passthrough, &self.encoded),
        }
    }

    /// Whether the request depends on the frame rate of the source, so that the caps must be known first.
    pub fn needs_source_rate(&self) -> bool {
        let settings = &self.settings;
        settings.resolved_mode() == protocol::Mode::Clip
            && settings.target_fps == 0
            && settings.fps == 0
            && (self.api == Api::V02 || settings.sampling_ratio.is_some())
    }

    /// Whether there are questions besides `prompt`.
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Set if still scenes are asked about seldom.
    pub fn still(&self) -> Option<Still> {
        self.ask_when.as_ref().and_then(AskWhen::still)
    }

    /// Whether questions are asked only after events.
    pub fn awaits_events(&self) -> bool {
        self.ask_when.as_ref().is_some_and(AskWhen::awaits_events)
    }

    /// A warning about settings that work but are unsafe.
    pub fn warning(&self) -> Option<Error> {
        let exposed = self.api_url.scheme() == "http" && !ice_servers::is_loopback(&self.api_url);
        let warning = exposed.then(|| {
            Error::settings(format!(
                "api-url {} is not encrypted: anyone on the network path can read the API key. Use https.",
                self.api_url
            ))
        });
        let warning = warning.or_else(|| self.route.warning());
        warning.map(Error::that_may_pass)
    }

    /// A warning that the service cut an answer off. `interval` is the time between answers.
    pub fn cut_off_warning(&self, interval: Duration) -> Error {
        let most = max_output_tokens(interval.as_secs_f64());
        let (now, property) = (
            self.settings.max_output_tokens,
            match self.settings.resolved_mode() {
                protocol::Mode::Clip => "delay-seconds",
                protocol::Mode::Frame => "interval-seconds",
            },
        );
        let change = match now {
            0 if self.api == Api::V1 => {
                "set max-output-tokens to more than the model's default".to_owned()
            }
            0 => format!(
                "raise {property}: max-output-tokens is unset, so the limit is the maximum for this interval, {most}"
            ),
            now if self.api == Api::V1 => format!("raise max-output-tokens from {now}"),
            now if f64::from(now) < most => {
                format!("raise max-output-tokens from {now} to at most {most}")
            }
            now => format!(
                "raise {property}, because max-output-tokens is already {now}, the maximum for this interval"
            ),
        };
        Error::settings(format!(
            "An answer was cut off at the maximum length (finish_reason \"length\"). To get whole answers, {change}, or ask for less text."
        ))
        .that_may_pass()
    }

    /// The request for a source with this frame rate.
    ///
    /// # Errors
    /// If the service would reject it. The text says how to fix it.
    pub fn request(&self, source: Option<gst::Fraction>) -> Result<StreamRequest, Error> {
        let settings = &self.settings;
        let request = StreamRequest {
            processing: settings.processing(self.api, source)?,
            backend: settings.backend.into(),
            models: settings.models(),
            output_schema: self.schema.clone(),
            max_output_tokens: (settings.max_output_tokens != 0)
                .then_some(settings.max_output_tokens),
            system_prompt: settings.system_prompt(),
            temperature: settings.temperature()?,
            schema_mode: settings.schema_mode.into(),
            partial: settings.stream_partial,
            own_question: None,
            questions: self.questions.clone(),
        };
        request.check(self.api)?;
        Ok(request)
    }

    /// The limit on the frames to send: `max-framerate` if it is set, else as few frames as give each
    /// sample of the service a new frame.
    ///
    /// The service samples with its own clock, which is not synchronised with ours. The longest time between
    /// two frames therefore matters, and not the average rate. The table has the part of the samples that
    /// find no new frame, over all offsets between the two clocks (measured by `tests/it/rate.rs`, `measure`).
    /// The columns are values of `max-framerate`, as multiples of the sampling rate, and the limit used here.
    ///
    /// | source, sampled | 1 × | 1.1 × | 1.25 × | 1.5 × | 2 × | used here |
    /// |---|---|---|---|---|---|---|
    /// | 30/s, 6/s | 0.2 % | 0.1 % | 0 | 0 | 0 | 0 at 7.5/s |
    /// | 30/s, 15/s | 0.3 % | 0.3 % | 0.2 % | 0.1 % | 0 | 0 at 30/s |
    /// | 25/s, 3/s | 2.4 % | 0 | 0 | 0 | 0 | 0 at 3.6/s |
    /// | 25/s, 6/s | 3.1 % | 0 | 0 | 0 | 0 | 0 at 8.3/s |
    /// | 25/s, 15/s | 13.2 % | 11.3 % | 8.3 % | 3.3 % | 0 | 0 at 25/s |
    /// | 15/s, 6/s | 10 % | 6.1 % | 0 | 0 | 0 | 0 at 7.5/s |
    ///
    /// With several questions, the question that needs the most frames decides. Questions that wait for an event need
    /// enough frames at any time, because they can be about the time before it.
    pub fn limit(&self, request: &StreamRequest) -> Limit {
        if self.settings.max_framerate.numer() > 0 {
            return Limit::Rate(self.settings.max_framerate);
        }
        let more = request
            .questions
            .iter()
            .map(|question| &question.processing);
        let fps = f64::from(self.settings.v1_fps());
        let awaits_events = self.awaits_events() && self.api == Api::V1;
        let before_event = awaits_events.then(|| clip_gap_seconds(1.0 / fps));
        let shortest = more
            .map(gap_seconds)
            .chain(before_event)
            .fold(gap_seconds(&request.processing), f64::min);
        Limit::Gap(gst::ClockTime::from_seconds_f64(shortest))
    }
}

/// The longest time between two frames, in seconds, that gives each sample a new frame.
fn gap_seconds(processing: &Processing) -> f64 {
    match *processing {
        Processing::Target { target_fps, .. } => clip_gap_seconds(1.0 / f64::from(target_fps)),
        // The same as above: the service samples at a rate of int(fps × sampling-ratio).
        Processing::Sampled {
            fps,
            sampling_ratio,
            ..
        } => clip_gap_seconds(1.0 / (f64::from(fps) * sampling_ratio + 1e-9).floor().max(1.0)),
        // Each answer has a single sample, so the age of its frame matters too. With three frames for two
        // samples the average age is a third of an interval, at a quarter less cost than four frames.
        Processing::Frame { interval_seconds } => interval_seconds / 1.5,
    }
}

/// The longest time between two frames, in seconds, if the service samples once per `interval` seconds. It
/// is shorter than the interval, because encoder, network and decoder may delay one frame more than the
/// frame before.
fn clip_gap_seconds(interval: f64) -> f64 {
    (interval - (interval * JITTER_SHARE).max(MIN_JITTER_SECONDS)).max(0.0)
}
