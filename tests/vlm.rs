//! A vision model behind the emulator: what its endpoint is asked and shown, and what becomes of its
//! answers, from the element's video to the element's messages, on both generations.

mod common;
#[path = "vlm/endpoint.rs"]
mod endpoint;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::pipeline::Posted;
use common::{KEY, Pipeline, Service};
use endpoint::{Asked, Endpoint, MODELS, Manner, VLM_KEY, words};
use gst::prelude::*;
use overshoot_emulator::{Call, Config, Engine, EventSink, Vlm};
use serde_json::{Value, json};

const WAIT: Duration = Duration::from_secs(30);
/// As `videotestsrc` wants it, and as it must come out.
const ORANGE: (&str, [u8; 3]) = ("0xffe07820", [0xe0, 0x78, 0x20]);

/// What the emulator told of itself.
type Told = Arc<Mutex<String>>;

fn vlm(endpoint: &Endpoint) -> Vlm {
    Vlm::new(&endpoint.url, Some(VLM_KEY.to_owned())).expect("a good URL")
}

fn service(api: &str, vlm: Vlm) -> (Service, Told) {
    let told = Told::default();
    let telling = told.clone();
    let service = Service::of(api, |config: &mut Config| {
        config.engine = Engine::Vlm(vlm);
        config.on_event = Some(EventSink::new(move |event| {
            *telling.lock().expect("no panic") += &format!("{event:?}\n");
        }));
    });
    (service, told)
}

/// Live pictures of one colour, with a code in a corner.
fn line(size: (u32, u32), properties: &str) -> String {
    let ((width, height), (colour, _)) = (size, ORANGE);
    format!(
        "videotestsrc is-live=true pattern=solid-color foreground-color={colour} \
         ! video/x-raw,format=I420,width={width},height={height},framerate=30/1 \
         ! debugqroverlay pixel-size=4 ! overshootsink name=o {properties}"
    )
}

fn result(pipeline: &Pipeline, what: impl Fn(&Posted) -> bool) -> Posted {
    pipeline.wait_for("an answer", WAIT, |message| {
        let structure = message.structure()?.to_owned();
        let posted = Posted {
            at: std::time::Instant::now(),
            structure,
        };
        (posted.structure.name() == "overshoot-result" && what(&posted)).then_some(posted)
    })
}

fn is_ok(posted: &Posted) -> bool {
    posted.structure.get("ok") == Ok(true)
}

/// The colour is right, and each picture has a code of its own.
fn assert_shown(asked: &Asked, size: (u32, u32), count: usize) {
    assert_eq!(asked.pictures.len(), count);
    let mut codes = Vec::new();
    for picture in &asked.pictures {
        assert_eq!(
            (picture.width, picture.height),
            (size.0 as usize, size.1 as usize)
        );
        let off = picture.corner.iter().zip(ORANGE.1);
        let off = off.map(|(a, b)| a.abs_diff(b)).max();
        assert!(off < Some(6), "{:?} is not {:?}", picture.corner, ORANGE.1);
        codes.push(picture.code.clone().expect("a code"));
    }
    let shown = codes.clone();
    codes.dedup();
    assert_eq!(codes, shown);
}

/// No message, answer or event has the endpoint's key.
fn assert_secret(pipeline: &Pipeline, told: &Told) {
    let messages: String = pipeline
        .messages()
        .iter()
        .filter_map(|(_, message)| Some(message.structure()?.to_string()))
        .collect();
    for text in [&messages, &*told.lock().expect("no panic")] {
        assert!(!text.contains(VLM_KEY), "{text}");
    }
}

#[test]
fn frames_are_shown_with_their_colours() {
    // In the matrices of BT.601 and BT.709, both as the encoder says.
    for (size, caps) in [
        ((640, 360), "video/x-vp8"),
        ((640, 360), "video/x-h264"),
        ((1_280, 720), "video/x-vp8"),
        ((1_280, 720), "video/x-h264"),
    ] {
        let endpoint = Endpoint::start();
        let (service, told) = service("v0.2", vlm(&endpoint));
        let properties =
            format!("interval-seconds=0.3 max-output-tokens=20 video-caps={caps} prompt=Which?");
        let pipeline = Pipeline::new(&service, &line(size, &properties));
        pipeline.play();
        let posted = result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_content();
        let asked = &endpoint.asked()[0];
        assert_shown(asked, size, 1);
        println!(
            "{caps} {size:?}: {:?} for {:?}",
            asked.pictures[0].corner, ORANGE.1
        );
        assert_eq!(asked.texts, [("user".to_owned(), "Which?".to_owned())]);
        let told_model = MODELS[0];
        assert_eq!(
            asked.body["max_tokens"]
                .as_u64()
                .zip(asked.body["model"].as_str()),
            Some((20, told_model))
        );
        assert_eq!(posted.text(), words(asked));
        assert_eq!(posted.structure.get("finish-reason"), Ok("length"));
        assert_eq!(posted.structure.get("model-name"), Ok(told_model));
        assert_secret(&pipeline, &told);
        service.assert_all_deleted();
    }
}

#[test]
fn a_clip_is_several_pictures_in_order() {
    let endpoint = Endpoint::start();
    let (service, _) = service("v0.2", vlm(&endpoint).model(MODELS[1]));
    let size = (320, 240);
    for (clip, count) in [
        ("target-fps=6 clip-length-seconds=0.5 delay-seconds=0.5", 3),
        ("target-fps=10 clip-length-seconds=2 delay-seconds=0.5", 8),
    ] {
        let before = endpoint.asked().len();
        let pipeline = Pipeline::new(&service, &line(size, clip));
        pipeline.play();
        endpoint.wait("clips", |_| endpoint.asked().len() > before + 2);
        result(&pipeline, is_ok);
        pipeline.stop();
        endpoint.assert_content();
        // The first clips of a stream may miss a sample while it starts.
        let full = endpoint.asked().split_off(before);
        let full = full.iter().find(|asked| asked.pictures.len() == count);
        let full = full.unwrap_or_else(|| panic!("no clip of {count}"));
        assert_shown(full, size, count);
        assert_eq!(full.body["model"], MODELS[1]);
        let time = |code: &Option<String>| {
            let json: Value = serde_json::from_str(code.as_deref().expect("a code")).expect("JSON");
            json["TIMESTAMP"]
                .as_str()
                .map_or_else(|| json["TIMESTAMP"].as_u64(), |t| t.parse().ok())
        };
        let times: Vec<_> = full.pictures.iter().map(|p| time(&p.code)).collect();
        assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    }
}

#[test]
fn schemas_and_new_prompts_reach_the_model() {
    let endpoint = Endpoint::start();
    let (service, _) = service("v0.2", vlm(&endpoint));
    let schema = json!({
        "type": "object",
        "properties": {"said": {"type": "string"}},
        "required": ["said"],
    });
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=0.5 prompt=One?"),
    );
    pipeline
        .sink
        .set_property("output-schema", schema.to_string());
    pipeline.play();
    let posted = result(&pipeline, is_ok);
    let asked = endpoint.asked().remove(0);
    assert_eq!(
        asked.body["response_format"],
        json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema},
        })
    );
    let said: Value = serde_json::from_str(&posted.text()).expect("JSON");
    assert_eq!(said, json!({"said": words(&asked)}));
    pipeline.sink.set_property("prompt", "Two?");
    endpoint.wait("the new prompt", |asked| asked.texts[0].1 == "Two?");
    let posted = result(&pipeline, |posted| posted.text().contains("Two?"));
    assert_eq!(posted.structure.get("prompt"), Ok("Two?"));
    endpoint.assert_content();
}

#[test]
fn an_endpoint_in_trouble_makes_failed_answers_and_nothing_worse() {
    let endpoint = Endpoint::start();
    let quick = vlm(&endpoint).timeout(Duration::from_secs(1));
    let (service, told) = service("v0.2", quick);
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    result(&pipeline, is_ok);
    for (manner, why) in [
        (Manner::Status(500), "refuses with 500: not today, …"),
        (Manner::Status(401), "refuses with 401: not today, …"),
        (Manner::Page, "is no JSON: <html>Please sign in."),
        (Manner::Hangs, "gave no answer within 1 s"),
    ] {
        endpoint.behaves(manner.clone());
        let posted = result(&pipeline, |posted| {
            let error = posted.structure.get::<&str>("error");
            !is_ok(posted) && error.is_ok_and(|error| error.contains(why))
        });
        let error: String = posted.structure.get("error").expect("a reason");
        println!("{manner:?}: {error}");
        assert!(
            error.starts_with(&format!("the model at {}", endpoint.url)),
            "{error}"
        );
    }
    endpoint.behaves(Manner::Well);
    let before = pipeline.results().len();
    pipeline.wait_for("answers again", WAIT, |_| {
        let results = pipeline.results();
        results.iter().skip(before + 1).any(is_ok).then_some(())
    });
    pipeline.stop();
    assert_eq!(
        service.stream().ended.map(|(_, why)| why.name()),
        Some("client_requested")
    );
    assert_eq!(
        pipeline
            .states()
            .iter()
            .filter(|s| *s == "reconnecting")
            .count(),
        0
    );
    assert_secret(&pipeline, &told);
    endpoint.assert_content();
}

#[test]
fn an_endpoint_that_is_not_there_is_named_at_the_start() {
    // A port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", port.local_addr().expect("an address"));
    drop(port);
    let (service, told) = service("v0.2", Vlm::new(&url, None).expect("a good URL"));
    let pipeline = Pipeline::new(&service, &line((320, 240), "interval-seconds=0.3"));
    pipeline.play();
    let posted = result(&pipeline, |posted| !is_ok(posted));
    let error: String = posted.structure.get("error").expect("a reason");
    assert!(
        error.contains(&url) && error.contains("cannot be reached"),
        "{error}"
    );
    let told = told.lock().expect("no panic").clone();
    assert_eq!(told.matches("NoModel").count(), 1, "{told}");
    pipeline.stop();
    service.assert_all_deleted();
}

#[test]
fn a_slow_model_skips_ticks() {
    let pause = Duration::from_millis(700);
    for (parallel, properties) in [(1, "interval-seconds=0.1"), (2, "interval-seconds=0.1")] {
        let endpoint = Endpoint::start();
        endpoint.behaves(Manner::Slowly(pause));
        let (service, _) = service("v0.2", vlm(&endpoint).parallel(parallel));
        let pipeline = Pipeline::new(&service, &line((320, 240), properties));
        pipeline.play();
        pipeline.wait_for("five answers", WAIT, |_| {
            (pipeline.results().len() >= 5).then_some(())
        });
        pipeline.stop();
        let asked = endpoint.asked();
        let beside = asked.iter().map(|asked| asked.beside).max();
        assert_eq!(beside, Some(parallel - 1));
        // Only what was being asked at the end is not answered.
        assert!(
            asked.len() <= pipeline.results().len() + 2 * parallel,
            "{}",
            asked.len()
        );
        for posted in pipeline.results() {
            let of = |field: &str| posted.structure.get::<f64>(field).expect("a time");
            let (inference, total) = (of("inference-latency-ms"), of("total-latency-ms"));
            assert!(inference >= 690.0, "{inference}");
            assert!(total >= inference, "{total} of {inference}");
        }
    }
}

/// A request to v1, beside the element's own.
fn ask(service: &Service, body: &Value) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let url = format!("{}/chat/completions", service.url);
        let sent = client.post(url).bearer_auth(KEY).json(body).send().await;
        let mut response = sent.expect("a response");
        let status = response.status().as_u16();
        let mut text = Vec::new();
        // What breaks off, too.
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend(chunk);
        }
        (status, String::from_utf8(text).expect("text"))
    })
}

#[test]
fn questions_of_v1_are_passed_on_and_answers_back() {
    let endpoint = Endpoint::start();
    let (service, told) = service("v1", vlm(&endpoint));
    let size = (640, 360);
    let pipeline = Pipeline::new(&service, &line(size, "interval-seconds=0.5 prompt=Which?"));
    pipeline.play();
    let posted = result(&pipeline, is_ok);
    let asked = endpoint.asked().remove(0);
    assert_shown(&asked, size, 1);
    assert_eq!(posted.text(), words(&asked));
    assert_eq!(posted.structure.get("model-name"), Ok(MODELS[0]));
    service.wait("two seconds of pictures", |seen| {
        let frames = seen.streams.first().map(|stream| &stream.frames);
        let times = frames.and_then(|frames| frames.first().zip(frames.last()));
        times.is_some_and(|(first, last)| last.rtp_time > first.rtp_time + 2 * 90_000)
    });
    let id = service.stream().id;
    let video = format!("ovs://streams/{id}?start_offset_ms=-1000&max_fps=3");
    let mut body = json!({
        "model": MODELS[1],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "video_url", "video_url": {"url": video}},
                {"type": "text", "text": "What moves?"},
            ]},
        ],
        "temperature": 0.5,
        "max_completion_tokens": 33,
        "thread_id": "t",
    });
    let (status, text) = ask(&service, &body);
    assert_eq!(status, 200, "{text}");
    let asked = endpoint.wait("the clip", |asked| asked.texts.len() == 2);
    assert!(
        (2..=4).contains(&asked.pictures.len()),
        "{}",
        asked.pictures.len()
    );
    assert_eq!(
        asked.texts[0],
        ("system".to_owned(), "Be brief.".to_owned())
    );
    assert_eq!(asked.texts[1].1, "What moves?");
    assert_eq!(asked.body["max_tokens"], 33);
    assert_eq!(asked.body["temperature"], 0.5);
    assert_eq!(asked.body["model"], MODELS[1]);
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["choices"][0]["message"]["content"], words(&asked));
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["prompt_tokens"], 1_234);
    assert_eq!(
        answer["overshoot"]["media"][0]["frame_count"],
        asked.pictures.len()
    );
    let seen = service.control.snapshot();
    let noted = seen.questions.iter().find(|q| q.prompt == "What moves?");
    assert_eq!(noted.map(|q| q.answer.clone()), Some(words(&asked)));

    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    body["messages"][1]["content"][1]["text"] = json!("And now?");
    let (status, text) = ask(&service, &body);
    assert_eq!(status, 200, "{text}");
    let events: Vec<&str> = text
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .collect();
    assert_eq!(events.last(), Some(&"data: [DONE]"));
    let chunks = events
        .iter()
        .filter_map(|event| event.strip_prefix("data: {"));
    let chunks: Vec<Value> = chunks
        .map(|chunk| serde_json::from_str(&format!("{{{chunk}")).expect("JSON"))
        .collect();
    let said: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    let asked = endpoint.wait("chunks", |asked| asked.body["stream"] == true);
    assert_eq!(said, words(&asked));
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["usage"]["completion_tokens"] == 56)
    );
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["overshoot"]["media"].is_array())
    );
    service.wait("its record", |seen| {
        seen.questions
            .iter()
            .any(|q| q.prompt == "And now?" && q.chunks && q.answer == said)
    });

    endpoint.behaves(Manner::BreaksOff);
    let (status, text) = ask(&service, &body);
    assert!(
        status == 200 && text.contains("delta") && !text.contains("[DONE]"),
        "{text}"
    );
    endpoint.assert_content();
    pipeline.stop();
    assert_secret(&pipeline, &told);
    service.assert_all_deleted();
}

#[test]
fn what_the_endpoint_refuses_has_the_codes_of_v1() {
    let endpoint = Endpoint::start();
    let (service, told) = service("v1", vlm(&endpoint).timeout(Duration::from_secs(1)));
    let pipeline = Pipeline::new(
        &service,
        &line((320, 240), "interval-seconds=20 prompt=Which?"),
    );
    pipeline.play();
    result(&pipeline, is_ok);
    let id = service.stream().id;
    let body = |stream: bool| {
        let url = format!("ovs://streams/{id}?frame_index=-1");
        json!({
            "model": "any",
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
            "stream": stream,
        })
    };
    for (manner, status, code) in [
        (Manner::Status(500), 502, "upstream_http_500"),
        (Manner::Status(401), 502, "upstream_http_401"),
        (Manner::Status(422), 400, "upstream_http_422"),
        (Manner::Status(429), 429, "upstream_http_429"),
        (Manner::Page, 502, "upstream_request_failed"),
        (Manner::Hangs, 504, "upstream_timeout"),
    ] {
        for chunks in [false, true] {
            endpoint.behaves(manner.clone());
            let (got, text) = ask(&service, &body(chunks));
            let refusal: Value = serde_json::from_str(&text).expect("JSON");
            let error = &refusal["detail"]["error"];
            assert_eq!(
                (got, error["code"].as_str()),
                (status, Some(code)),
                "{text}"
            );
            assert!(!text.contains(VLM_KEY), "{text}");
        }
    }
    endpoint.behaves(Manner::Well);
    assert_eq!(ask(&service, &body(false)).0, 200);
    pipeline.stop();
    assert_secret(&pipeline, &told);
    let seen = service.control.snapshot();
    assert!(seen.calls(Call::Models).all(|call| call.status == 200));
    service.assert_all_deleted();
}
