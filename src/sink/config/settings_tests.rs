// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

use super::*;
use crate::session::error::Kind;
use crate::sink::frames::rate_limit::Limit;

fn settings() -> Settings {
    gst::init().expect("GStreamer");
    Settings {
        api_key: Some(Secret::new("key")),
        api_url: Some("http://127.0.0.1:1/v0.2".into()),
        ..Settings::default()
    }
}

fn processing(settings: &Settings, source: Option<(i32, i32)>) -> Processing {
    let source = source.map(|(numer, denom)| gst::Fraction::new(numer, denom));
    let plan = settings.plan("What?").expect("a plan");
    plan.request(source).expect("a request").processing
}

#[test]
fn defaults_follow_the_source() {
    let sampled = |fps, sampling_ratio, clip_length_seconds| Processing::Sampled {
        fps,
        sampling_ratio,
        clip_length_seconds,
        delay_seconds: 0.2,
    };
    let settings = settings();
    assert_eq!(processing(&settings, None), sampled(30, 1.0, 0.2));
    assert_eq!(processing(&settings, Some((0, 1))), sampled(30, 1.0, 0.2));
    assert_eq!(processing(&settings, Some((25, 1))), sampled(25, 1.0, 0.2));
    assert_eq!(
        processing(&settings, Some((30000, 1001))),
        sampled(30, 1.0, 0.2)
    );
    // Defaults are never rejected.
    assert_eq!(processing(&settings, Some((60, 1))), sampled(60, 0.5, 0.2));
    assert_eq!(
        processing(&settings, Some((240, 1))),
        sampled(120, 0.25, 0.2)
    );
    assert_eq!(processing(&settings, Some((10, 1))), sampled(10, 1.0, 0.3));
    assert_eq!(processing(&settings, Some((1, 2))), sampled(1, 1.0, 3.0));
    for fps in 1..=240 {
        processing(&settings, Some((fps, 1)));
    }
}

#[test]
fn the_mode_is_frame_if_only_the_interval_is_set() {
    let interval = Settings {
        interval_seconds: Some(0.5),
        ..settings()
    };
    let frame = Processing::Frame {
        interval_seconds: 0.5,
    };
    assert_eq!(processing(&interval, None), frame);
    let both = Settings {
        target_fps: 6,
        clip_length_seconds: Some(0.5),
        ..interval.clone()
    };
    assert_eq!(processing(&both, None).mode(), protocol::Mode::Clip);
    let forced = Settings {
        mode: Mode::Frame,
        ..both
    };
    assert_eq!(processing(&forced, None), frame);
}

#[test]
fn only_frames_that_the_service_samples_are_sent() {
    let plan = |settings: Settings| {
        let plan = settings.plan("What?").expect("a plan");
        let request = plan.request(None).expect("a request");
        plan.limit(&request)
    };
    let target = Settings {
        target_fps: 6,
        clip_length_seconds: Some(0.5),
        ..settings()
    };
    let gap = |ms| Limit::Gap(gst::ClockTime::from_mseconds(ms));
    assert_eq!(plan(target.clone()), gap(150));
    let ratio = Settings {
        fps: 30,
        sampling_ratio: Some(0.1),
        clip_length_seconds: Some(1.0),
        ..settings()
    };
    assert_eq!(plan(ratio), gap(300));
    // If a source is sampled at its own rate, all its frames are needed.
    assert!(matches!(plan(settings()), Limit::Gap(gap) if gap.mseconds() < 33));
    let frame = Settings {
        interval_seconds: Some(3.0),
        ..settings()
    };
    assert_eq!(plan(frame), gap(2_000));
    let own = Settings {
        max_framerate: gst::Fraction::new(7, 1),
        ..target
    };
    assert_eq!(plan(own), Limit::Rate(gst::Fraction::new(7, 1)));
}

#[test]
fn errors_about_settings_say_how_to_fix_them() {
    let bad = |change: &dyn Fn(&mut Settings), fix: &str| {
        let mut settings = settings();
        change(&mut settings);
        let error = settings.plan("What?").expect_err(fix);
        assert_eq!(error.kind, Kind::InvalidSettings);
        assert!(error.message.contains(fix), "{error} should say {fix}");
    };
    bad(
        &|s| s.api_url = Some("api.overshoot.ai".into()),
        "looks like",
    );
    bad(
        &|s| s.api_url = Some("ftp://x/v0.2".into()),
        "http or https",
    );
    bad(&|s| s.api_url = Some("http://u:p@x/v0.2".into()), "api-key");
    let one = gst::Array::new(["q,name=a,prompt=b"]);
    bad(&|s| s.questions = one.clone(), "needs API v1");
    bad(&|s| s.stream_partial = true, "needs API v1");
    bad(
        &|s| (s.api_version, s.backend) = (ApiVersion::V1, Backend::Gemini),
        "unset backend",
    );
    bad(
        &|s| s.api_key = Some(Secret::new("  ")),
        "OVERSHOOT_API_KEY",
    );
    bad(&|s| s.target_fps = 6, "clip-length-seconds to 0.50");
    bad(&|s| (s.target_fps, s.fps) = (30, 30), "unset");
    bad(&|s| s.fps = 60, "sampling-ratio");
    bad(&|s| s.clip_length_seconds = Some(0.05), "0.1 to 60");
    bad(&|s| s.interval_seconds = Some(61.0), "0.1 to 60");
    bad(&|s| s.max_output_tokens = 26, "max-output-tokens to 25");
    bad(&|s| s.output_schema = Some("{".into()), "not valid JSON");
    bad(&|s| s.output_schema = Some("3".into()), "JSON object");
    bad(
        &|s| s.output_schema_location = Some("/none".into()),
        "/none",
    );
    bad(
        &|s| {
            s.output_schema = Some("{}".into());
            s.output_schema_location = Some("/none".into());
        },
        "unset one",
    );
    let error = settings().plan(" ").expect_err("no prompt");
    assert!(error.message.contains("prompt"));
}

#[test]
fn a_slow_source_with_a_short_clip_is_rejected_once_its_rate_is_known() {
    let short = Settings {
        clip_length_seconds: Some(0.2),
        ..settings()
    };
    let plan = short.plan("What?").expect("valid at 30 frames per second");
    assert!(plan.needs_source_rate());
    let error = plan.request(Some(gst::Fraction::new(10, 1)));
    let error = error.expect_err("too few frames");
    assert!(
        error.message.contains("clip-length-seconds to 0.30"),
        "{error}"
    );
}

#[test]
fn model_is_a_comma_separated_list() {
    let models = |model: &str| {
        let settings = Settings {
            model: Some(model.into()),
            ..settings()
        };
        let plan = settings.plan("What?").expect("a plan");
        plan.request(None).expect("a request").models
    };
    assert_eq!(models("a, b,,c"), ["a", "b", "c"]);
    assert!(models(" ,").is_empty());
}

#[test]
fn the_address_decides_the_api_version() {
    let api = |url: &str, api_version| {
        let settings = Settings {
            api_url: Some(url.into()),
            api_version,
            ..settings()
        };
        settings.plan("What?").expect("a plan").api
    };
    for (url, expected) in [
        ("https://x/v0.2", Api::V02),
        ("https://cluster1.overshoot.ai/api/v0.2", Api::V02),
        ("https://x/v1", Api::V1),
        ("https://x/v1beta/", Api::V1),
        ("https://x/v1/streams", Api::V02),
        ("https://x", Api::V02),
    ] {
        assert_eq!(api(url, ApiVersion::Auto), expected, "{url}");
        assert_eq!(api(url, ApiVersion::V1), Api::V1, "{url}");
        assert_eq!(api(url, ApiVersion::V02), Api::V02, "{url}");
    }
}

#[test]
fn unset_seconds_mean_one_second_on_v1() {
    let v1 = Settings {
        api_version: ApiVersion::V1,
        ..settings()
    };
    let request = |settings: Settings| {
        let plan = settings.plan("What?").expect("a plan");
        assert!(!plan.needs_source_rate());
        (plan.request(None).expect("a request"), plan)
    };
    let (clip, plan) = request(v1.clone());
    let target = Processing::Target {
        target_fps: 6,
        clip_length_seconds: 1.0,
        delay_seconds: 1.0,
    };
    assert_eq!(clip.processing, target);
    assert!(
        clip.models.is_empty(),
        "empty means the first model that is ready"
    );
    let of_clip = plan.limit(&clip);
    let (frame, plan) = request(Settings {
        mode: Mode::Frame,
        ..v1.clone()
    });
    let second = Processing::Frame {
        interval_seconds: 1.0,
    };
    assert_eq!(frame.processing, second);
    assert_eq!(
        plan.limit(&frame),
        Limit::Gap(gst::ClockTime::from_seconds_f64(1.0 / 1.5))
    );
    // The question that needs the most frames decides how many are sent.
    let (both, plan) = request(Settings {
        mode: Mode::Frame,
        questions: gst::Array::new(["q,name=a,prompt=b,clip-length-seconds=1"]),
        ..v1
    });
    assert_eq!(plan.limit(&both), of_clip);
}

#[test]
fn debug_output_hides_the_key() {
    let settings = Settings {
        api_key: Some(Secret::new("hush")),
        ..settings()
    };
    let plan = settings.plan("What?").expect("a plan");
    assert!(!format!("{plan:?}").contains("hush"));
}
