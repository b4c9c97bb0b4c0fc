// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The options, and the [`Config`] that they make.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use overshoot_emulator::{
    Api, Call, Codec, Config, Engine, EventSink, Fault, LivekitServer, Model, ModelStatus, Ocr,
    Times, Vlm,
};

use crate::cli::durations::{milliseconds, seconds};
use crate::cli::fault_option;
use crate::cli::print::{Printer, Verbosity};

/// The environment variable with the key of the `--vlm-url` endpoint.
const VLM_KEY: &str = "VLM_API_KEY";

const EXAMPLES: &str = "\
Examples:
  overshoot-emulator
      serves http://127.0.0.1:8787/v0.2 and http://127.0.0.1:8787/v1, and accepts every key
  overshoot-emulator --listen 127.0.0.1:0 --api-key secret --codec h264
      any free port (see the first line of the output), one key, H.264 only
  overshoot-emulator --fault create=503*2 --fault socket=refuse-key
      the first two creates fail with 503, the first socket is closed with 1008
  overshoot-emulator --lease-ttl 3 --fault keepalive=hang*always
      no keepalive is answered, so every lease expires
  overshoot-emulator --livekit-url ws://127.0.0.1:7880 --livekit-key devkey --livekit-secret secret
      rooms are made on that LiveKit server (livekit-server --dev), not in the emulator
  overshoot-emulator --vlm-url http://127.0.0.1:8080/v1
      answers come from the vision model of an OpenAI-compatible server, such as llama-server
  overshoot-emulator --ocr
      answers are the text in the pictures, as tesseract reads it

  A client uses one of the printed URLs as its API URL, for example
  gst-launch-1.0 videotestsrc is-live=true ! overshootsink \\
      api-url=http://127.0.0.1:8787/v0.2 api-key=any prompt=\"What is it?\"

Faults: CALL=FAULT (the next call), CALL=FAULT*N (the next N calls) or CALL=FAULT*always
  CALL   create, keepalive, delete, models, viewer-token; v0.2: prompt, health, feedback, info, clip,
         socket; v1: get, chat, balance, pricing, checkout; rooms: signal
  FAULT  a status (503), hang, reset, delay-MS (delay-2000), drip-MS (one byte each MS), html, truncated;
         for create and signal: no-video, inactive, wrong-fingerprint, deaf, deaf-dtls, garbage-sdp, loose-sdp;
         for create and keepalive: expired-token; for socket: refuse-key; for socket and signal: silent;
         for signal: no-answer, leave-disconnect, leave-resume, leave-reconnect;
         for streamed answers of chat: breaks-off, stalls";

/// A local stand-in for the Overshoot real-time vision service.
///
/// It receives video over WebRTC as the service does, decodes it, and answers with what the pixels show:
/// size, frame rate, colour, brightness, motion, QR codes. API v0.2 pushes answers on the stream's WebSocket.
/// API v1 returns them from chat completions. It is as strict as the service, and prints one line for each
/// event.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,

    /// An accepted key (repeatable); without this option, every key is accepted
    #[arg(long, value_name = "KEY")]
    api_key: Vec<String>,

    /// A model in the list, in this order (repeatable): NAME, or NAME=unavailable (also degraded, saturated)
    /// [default: some of each kind]
    #[arg(long, value_name = "NAME[=STATUS]", value_parser = model)]
    model: Vec<Model>,

    /// How long a stream lives without a keepalive, in seconds [default: 30 on v0.2, 300 on v1]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    lease_ttl: Option<Duration>,

    /// How long an answer takes, in milliseconds: 80 or 80ms
    #[arg(long, value_name = "MS", default_value = "80ms", value_parser = milliseconds)]
    latency: Duration,

    /// Answer with the text in the pictures, read by tesseract: `eng`, or `deu+eng`, … [default: eng]
    #[arg(long, value_name = "LANGUAGE", num_args = 0..=1, default_missing_value = "eng")]
    ocr: Option<String>,

    /// Answer with a vision model at an OpenAI-compatible endpoint below this URL, such as
    /// http://127.0.0.1:8080/v1; if it needs a key, set the environment variable VLM_API_KEY
    #[arg(long, value_name = "URL", conflicts_with = "ocr")]
    vlm_url: Option<String>,

    /// The model to ask there [default: the model that the client names if the endpoint lists it, else the
    /// first one listed]
    #[arg(long, value_name = "NAME", requires = "vlm_url")]
    vlm_model: Option<String>,

    /// How long the model may take for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds, requires = "vlm_url")]
    vlm_timeout: Duration,

    /// How many questions the model is asked at a time
    #[arg(long, value_name = "N", default_value_t = 1, requires = "vlm_url")]
    vlm_parallel: usize,

    /// A codec to accept (repeatable) [default: all that this machine decodes]
    #[arg(long, value_name = "CODEC")]
    codec: Vec<CodecName>,

    /// The IP address for media; only needed if clients run on other machines [default: the address of
    /// --listen, or 127.0.0.1 if that is not a single address]
    #[arg(long, value_name = "IP")]
    media_ip: Option<IpAddr>,

    /// A LiveKit server to make rooms on [default: the emulator hosts the rooms itself]
    #[arg(long, value_name = "URL", requires_all = ["livekit_key", "livekit_secret"])]
    livekit_url: Option<String>,

    /// An API key of that server
    #[arg(long, value_name = "KEY", requires = "livekit_url")]
    livekit_key: Option<String>,

    /// The secret of that API key
    #[arg(long, value_name = "SECRET", requires = "livekit_url")]
    livekit_secret: Option<String>,

    /// The credits of the account, in cents [default: credits are not counted]
    #[arg(long, value_name = "CENTS")]
    credits: Option<f64>,

    /// Serve only this API; requests of the other one get 404
    #[arg(long, value_name = "API")]
    only: Option<ApiName>,

    /// The region of this emulator, on v1: requests must name it in X-Overshoot-Region [default: any region]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// Pull from cameras in private networks, too, on v1; the service refuses their addresses
    #[arg(long)]
    private_cameras: bool,

    /// Do not require the gateway's route cookie
    #[arg(long)]
    no_sticky: bool,

    /// Read QR codes in every frame, not only in the frames that an answer is about
    #[arg(long)]
    read_every_frame: bool,

    /// A fault to inject (repeatable), see below
    #[arg(long, value_name = "CALL=FAULT[*N]", value_parser = fault_option::parse)]
    fault: Vec<(Call, Fault, Times)>,

    /// Print only the addresses and errors
    #[arg(long)]
    quiet: bool,

    /// Print each sample too: the age of the frame, and whether it was sampled before
    #[arg(long, conflicts_with = "quiet")]
    verbose: bool,
}

fn model(text: &str) -> Result<Model, String> {
    let (name, status) = text.split_once('=').unwrap_or((text, "ready"));
    let statuses = [
        ModelStatus::Ready,
        ModelStatus::Degraded,
        ModelStatus::Saturated,
        ModelStatus::Unavailable,
    ];
    let has_name = |known: &ModelStatus| format!("{known:?}").eq_ignore_ascii_case(status);
    match statuses.into_iter().find(has_name) {
        Some(status) if !name.is_empty() => Ok(Model {
            name: name.to_owned(),
            status,
        }),
        _ => Err("write NAME, or NAME=ready, degraded, saturated or unavailable".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ApiName {
    #[value(name = "v0.2")]
    V02,
    V1,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CodecName {
    Vp8,
    H264,
    Vp9,
    H265,
    Av1,
}

impl Options {
    /// The engine that answers.
    fn engine(&self) -> Result<Engine, String> {
        if let Some(language) = &self.ocr {
            return Ok(Engine::Ocr(Ocr::new(language)?));
        }
        let Some(url) = &self.vlm_url else {
            return Ok(Engine::Measures);
        };
        // An option would show the key to everybody on this machine.
        let key = std::env::var(VLM_KEY).ok();
        let vlm = Vlm::new(url, key).map_err(|error| format!("--vlm-url: {error}"))?;
        let vlm = vlm.timeout(self.vlm_timeout).parallel(self.vlm_parallel);
        Ok(Engine::Vlm(match &self.vlm_model {
            Some(model) => vlm.model(model),
            None => vlm,
        }))
    }

    /// The library's settings. The error is a full sentence.
    pub(crate) fn config(self) -> Result<Config, String> {
        let defaults = Config::default();
        let engine = self.engine()?;
        let listen_ip = Some(self.listen.ip()).filter(|ip| !ip.is_unspecified());
        let codecs: Vec<Codec> = self
            .codec
            .iter()
            .map(|codec| match codec {
                CodecName::Vp8 => Codec::Vp8,
                CodecName::H264 => Codec::H264,
                CodecName::Vp9 => Codec::Vp9,
                CodecName::H265 => Codec::H265,
                CodecName::Av1 => Codec::Av1,
            })
            .collect();
        for (call, fault, times) in self.fault {
            defaults.control.inject(call, fault, times);
        }
        let printer = Printer::new(match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Errors,
            (false, false) => Verbosity::Events,
            (false, true) => Verbosity::Everything,
        });
        let livekit = self.livekit_url.zip(self.livekit_key);
        let livekit = livekit
            .zip(self.livekit_secret)
            .map(|((url, key), secret)| LivekitServer { url, key, secret });
        Ok(Config {
            api_keys: self.api_key,
            engine,
            models: match self.model.is_empty() {
                true => defaults.models,
                false => self.model,
            },
            lease_ttl: self.lease_ttl.unwrap_or(defaults.lease_ttl),
            sticky: !self.no_sticky,
            media_ip: self.media_ip.or(listen_ip).unwrap_or(defaults.media_ip),
            codecs: if codecs.is_empty() {
                defaults.codecs
            } else {
                codecs
            },
            inference_latency: self.latency,
            read_every_frame: self.read_every_frame,
            credits_cents: self.credits,
            livekit,
            only: self.only.map(|name| match name {
                ApiName::V02 => Api::V02,
                ApiName::V1 => Api::V1,
            }),
            region: self.region,
            private_cameras: self.private_cameras,
            on_event: Some(EventSink::new(move |event| printer.print(event))),
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::man_pages;

    #[test]
    fn the_manual_pages_are_current() {
        man_pages::check(Options::command(), env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn models_have_a_status() {
        let status = |text| model(text).map(|model| (model.name, model.status));
        let ready = ("a/b".to_owned(), ModelStatus::Ready);
        assert_eq!(status("a/b"), Ok(ready));
        let gone = ("a/b".to_owned(), ModelStatus::Unavailable);
        assert_eq!(status("a/b=unavailable"), Ok(gone));
        for wrong in ["", "=ready", "a/b=", "a/b=gone"] {
            assert!(status(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }
}
