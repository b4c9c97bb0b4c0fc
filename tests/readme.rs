//! The README tells the truth: its pipelines run, and what it says about properties, messages,
//! errors and packages is so.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::launch::{Finished, command};
use common::{Camera, KEY, Launch, Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Mode, SocketMessage};
use serde_json::{Value, json};

const README: &str = include_str!("../README.md");

/// The section about API v1, most of whose examples don't run on v0.2.
fn v1_section() -> &'static str {
    let (_, rest) = README.split_once("\n## API v1\n").expect("the section");
    rest.split_once("\n## ").expect("the next one").0
}

/// The lines of the README's fenced blocks that hold this.
fn fenced(what: &str) -> Vec<&'static str> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in README.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && line.contains(what) {
            lines.push(line);
        }
    }
    lines
}

/// The `gst-launch-1.0` commands, without what stands before them.
fn pipelines() -> Vec<&'static str> {
    let line_at = |line: &'static str| line.find("gst-launch-1.0 ").map(|at| &line[at..]);
    fenced("gst-launch-1.0 ")
        .into_iter()
        .filter_map(line_at)
        .collect()
}

/// The pipeline with what a test machine does not have replaced:
/// a local camera by a live test picture, a camera's address by an RTSP server of the test's own,
/// the screen by a sink that shows nothing at the same pace. A file's name stays: it is a real
/// video in the folder that the pipeline runs in.
fn runnable(line: &str, camera: &Camera) -> String {
    line.replace("v4l2src", "videotestsrc is-live=true")
        .replace("rtsp://camera.example/stream", &camera.url)
        .replace("autovideosink", "fakesink sync=true")
}

/// A folder with the video that the README calls `video.mp4`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let video = common::video("carphone_pristine.mp4");
    fs::copy(video, folder.join("video.mp4")).expect("copied");
    folder
}

fn start(service: &Service, folder: &Path, line: &str) -> Launch {
    println!("{line}");
    Launch::spawn(
        command(service)
            .current_dir(folder)
            .arg("-c")
            .arg(format!("exec {line}")),
    )
}

/// No ERROR, no WARNING, the stream deleted.
fn check(service: &Service, line: &str, finished: &Finished) {
    assert!(finished.status.success(), "{line}: {finished:?}");
    for trouble in ["WARNING: ", "ERROR: "] {
        let told = finished.stdout.contains(trouble) || finished.stderr.contains(trouble);
        assert!(!told, "{line}: {finished:?}");
    }
    service.assert_all_deleted();
}

/// Runs a pipeline of the README to its end; what it printed.
fn run(service: &Service, folder: &Path, camera: &Camera, line: &str) -> Finished {
    let launch = start(service, folder, &runnable(line, camera));
    let answered = service.control.wait(Duration::from_secs(20), |seen| {
        let answers = seen.streams.first().map_or(0, |s| s.answers.len());
        answers + seen.questions.len() >= 3
    });
    if answered.is_err() {
        panic!("no answers: {line}: {:?}", launch.finish(Duration::ZERO));
    }
    // A file ends by itself; the others are ended as a person would.
    if !line.contains("video.mp4") {
        launch.interrupt();
    }
    let finished = launch.finish(Duration::from_secs(30));
    check(service, line, &finished);
    if line.contains(" -v ") {
        let shown = finished.stdout.matches("last-result = ").count();
        assert!(shown >= 2, "{line}: {}", finished.stdout);
    }
    if line.contains("recording.mp4") {
        assert!(seconds_of(&folder.join("recording.mp4")) > 0.5);
    }
    finished
}

/// The answer's text has the form that the README asks for.
fn check_form(text: &str) {
    let fits: Value = serde_json::from_str(text).expect("JSON of the form");
    assert!(fits["color"].is_string(), "{fits}");
    assert!(fits["moving"].is_boolean(), "{fits}");
}

#[test]
fn every_pipeline_runs() {
    let mut pipelines = pipelines();
    pipelines.retain(|line| !v1_section().contains(line));
    assert!(pipelines.len() >= 11, "{pipelines:?}");
    let all = pipelines.concat();
    for replaced in ["v4l2src", "rtsp://camera.example/stream", "autovideosink"] {
        assert!(all.contains(replaced), "{replaced} is not in the README");
    }
    let camera = Camera::start("bikes.mp4");
    let folder = folder("readme");
    for line in pipelines {
        let service = Service::start();
        run(&service, &folder, &camera, line);
        let stream = service.stream();
        if line.contains(" interval-seconds=") {
            assert_eq!(stream.mode, Some(Mode::Frame), "{line}");
        }
        if line.contains(" output-schema=") {
            for answer in &stream.answers {
                let answer: Value = serde_json::from_str(&answer.text).expect("JSON");
                check_form(answer["result"].as_str().expect("a text"));
            }
        }
        if line.contains("answers.jsonl") {
            let lines = fs::read_to_string(folder.join("answers.jsonl")).expect("answers");
            let written: Vec<_> = lines.lines().collect();
            let sent: Vec<_> = stream.answers.iter().map(|a| a.text.as_str()).collect();
            assert_eq!(written, sent);
            assert!(sent.len() >= 10, "{} answers", sent.len());
        }
    }
}

/// The service, at the address of its other generation.
fn v1() -> Service {
    let mut service = Service::start();
    service.url = service.url.replace("/v0.2", "/v1");
    service
}

#[test]
fn every_pipeline_runs_on_v1() {
    let pipelines = pipelines();
    let own = pipelines
        .iter()
        .filter(|line| v1_section().contains(**line));
    assert!(own.count() >= 2, "{pipelines:?}");
    let camera = Camera::start("bikes.mp4");
    let folder = folder("readme-v1");
    for line in pipelines {
        let service = v1();
        let finished = run(&service, &folder, &camera, line);
        let asked = service.control.snapshot().questions;
        let urls: String = asked.iter().map(|q| q.media[0].url.as_str()).collect();
        if line.contains(" interval-seconds=") {
            assert!(!urls.contains("start_offset_ms"), "{line}: {urls}");
        }
        if line.contains(" output-schema=") {
            asked
                .iter()
                .for_each(|question| check_form(&question.answer));
        }
        if line.contains("answers.jsonl") {
            let lines = fs::read_to_string(folder.join("answers.jsonl")).expect("answers");
            let written: Vec<_> = lines.lines().map(text_of).collect();
            let sent: Vec<_> = asked.iter().map(|q| q.answer.clone()).collect();
            assert!(written.len() >= 3 && sent.starts_with(&written), "{lines}");
        }
        if line.contains(" questions=") {
            for (name, prompt) in [
                ("gate", "Is the gate open?"),
                ("people", "How many people?"),
            ] {
                let told = format!("\"question\":\"{name}\"");
                assert!(finished.stdout.contains(&told), "{finished:?}");
                assert!(asked.iter().any(|q| q.prompt == prompt), "{asked:?}");
            }
        }
        if line.contains(" stream-partial=") {
            assert!(
                finished.stdout.contains("overshoot-partial"),
                "{finished:?}"
            );
            assert!(asked.iter().all(|question| question.chunks));
        }
    }
}

/// The answer's text in a line of JSON.
fn text_of(line: &str) -> String {
    let answer: Value = serde_json::from_str(line).expect("JSON");
    answer["result"].as_str().expect("a text").to_owned()
}

#[test]
fn the_overlay_shows_each_answer_until_the_next() {
    const FRAMES: usize = 180;
    // A clock for the far side only makes each answer another text; on the local picture there is
    // nothing but that text.
    let line = pipelines()
        .into_iter()
        .find(|line| line.contains("textoverlay"))
        .expect("the overlay")
        .trim_start_matches("gst-launch-1.0 -e ")
        .replace(
            "is-live=true",
            &format!("is-live=true pattern=black num-buffers={FRAMES}"),
        )
        .replace(
            "overshootsink name=o",
            "debugqroverlay pixel-size=4 ! overshootsink name=o delay-seconds=0.5",
        )
        .replace(
            "autovideosink",
            "video/x-raw,format=GRAY8 ! appsink name=seen",
        );
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line);
    let seen = pipeline.pipeline.by_name("seen").expect("named seen");
    let seen = seen.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.play();
    // Each frame: when it was shown, and its pixels where it has a text.
    let mut shown = Vec::new();
    while let Some(sample) = seen.try_pull_sample(gst::ClockTime::from_seconds(10)) {
        let at = Instant::now();
        let buffer = sample.buffer().expect("a frame");
        let pixels = buffer.map_readable().expect("readable");
        let has_text = pixels.iter().any(|pixel| *pixel > 128);
        shown.push((at, has_text.then(|| pixels.to_vec())));
    }
    // Both branches at full rate.
    assert_eq!(shown.len(), FRAMES);
    pipeline.wait_for_eos(Duration::from_secs(10));
    let stats = pipeline.sink.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<u64>("frames-in"), Ok(FRAMES as u64), "{stats}");

    // Each text from the first frame that shows it; the last answers come after the last frame.
    let last = shown[FRAMES - 1].0;
    let mut first_shown = Vec::new();
    let mut before = None;
    for (at, text) in &shown {
        if let Some(text) = text
            && before != Some(text)
        {
            first_shown.push(*at);
            before = Some(text);
        }
    }
    let results = pipeline.results();
    let answered: Vec<_> = (results.iter().map(|posted| posted.at))
        .filter(|at| *at + Duration::from_millis(200) < last)
        .collect();
    assert!(answered.len() >= 8, "{} answers", answered.len());
    assert!(first_shown.len() >= answered.len(), "a text was not shown");
    let mut delays: Vec<_> = (first_shown.iter().zip(&answered))
        .map(|(shown, answered)| shown.saturating_duration_since(*answered))
        .collect();
    delays.sort();
    let (p50, most) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("from the answer to the picture: p50 {p50:?}, at the most {most:?}");
    // One frame for the source's latency, one until the next is drawn, and one without a text, in
    // which textoverlay takes the new one.
    assert!(p50 < Duration::from_millis(105), "{p50:?}");
    assert!(most < Duration::from_millis(400), "{most:?}");

    let first = shown.iter().position(|(_, text)| text.is_some());
    let since = &shown[first.expect("a text")..];
    let with_text = since.iter().filter(|(_, text)| text.is_some()).count();
    println!(
        "text on {with_text} of {} frames since the first answer",
        since.len()
    );
    // A machine that is busy delays an answer now and then; without durations it would be one
    // frame of fifteen.
    assert!(since.len() > 120 && with_text * 3 > since.len() * 2);
}

/// How long a video is, by playing it to its end.
fn seconds_of(video: &Path) -> f64 {
    common::init();
    let pipeline = gst::parse::launch("filesrc name=f ! decodebin ! fakesink sync=false name=s")
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
    let file = pipeline.by_name("f").expect("named f");
    file.set_property("location", video.to_str().expect("text"));
    pipeline.set_state(gst::State::Playing).expect("it plays");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline
        .bus()
        .expect("a bus")
        .timed_pop_filtered(gst::ClockTime::from_seconds(20), &ends)
        .expect("it ends");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let sink = pipeline.by_name("s").expect("named s");
    let position = sink.query_position::<gst::ClockTime>();
    pipeline.set_state(gst::State::Null).expect("it stops");
    position.expect("a position").nseconds() as f64 / 1e9
}

#[test]
fn the_recorder_records_whatever_happens_to_the_key() {
    let line = pipelines()
        .into_iter()
        .find(|line| line.contains("on-error=warn"))
        .expect("the recorder");
    let folder = folder("readme-recorder");
    let service = Service::with(|config| config.api_keys = vec!["another".to_owned()]);
    let launch = start(&service, &folder, line);
    service.wait("the refusal", |seen| {
        seen.requests.iter().any(|request| request.status == 401)
    });
    // It goes on as if nothing had happened.
    std::thread::sleep(Duration::from_secs(3));
    launch.interrupt();
    let finished = launch.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    let told = finished.stdout + &finished.stderr;
    assert!(told.contains("key was refused"), "{told}");
    let seconds = seconds_of(&folder.join("recording.mp4"));
    assert!(seconds > 2.5, "{seconds} s were recorded");
}

#[test]
fn the_emulator_runs_by_hand() {
    let (emulator, pipeline) = match fenced("127.0.0.1:8787")[..] {
        [emulator, pipeline] => (emulator, pipeline),
        ref others => panic!("an emulator and a pipeline: {others:?}"),
    };
    // A port that is free here.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port().to_string();
    drop(listener);
    let shell = |line: &str| {
        let mut shell = Command::new("bash");
        shell
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("GST_PLUGIN_PATH", common::launch::plugin_folder())
            .env_remove("OVERSHOOT_API_URL")
            .env_remove("OVERSHOOT_API_KEY")
            .arg("-c")
            .arg(line.replace("8787", &port));
        shell
    };
    let emulator = Launch::spawn(&mut shell(&format!("exec {emulator}")));
    emulator.wait_for_output("listening on", Duration::from_secs(600));
    let pipeline = Launch::spawn(&mut shell(
        &pipeline.replace("gst-launch", "exec gst-launch"),
    ));
    pipeline.wait_for_output("last-result = ", Duration::from_secs(20));
    pipeline.interrupt();
    let finished = pipeline.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
    emulator.interrupt();
    let finished = emulator.finish(Duration::from_secs(20));
    assert!(finished.status.success(), "{finished:?}");
}

/// The cells of the table whose head starts like this, without backticks.
fn table(head: &str) -> Vec<Vec<String>> {
    let start = README.find(head).expect("the table");
    README[start..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().replace('`', ""))
                .collect()
        })
        .collect()
}

/// The names in a cell, separated by commas.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split(',').map(|name| name.trim().to_owned())
}

fn fields(structure: &gst::StructureRef) -> BTreeSet<String> {
    structure.fields().map(|name| name.to_string()).collect()
}

#[test]
fn the_table_of_properties_is_the_elements() {
    common::init();
    let element = gst::ElementFactory::make("overshootsink")
        .build()
        .expect("made");
    let of_bin: Vec<_> = gst::Bin::new()
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .collect();
    let rows = table("| property | type | default |");
    let mut named: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    let mut real: Vec<_> = element
        .list_properties()
        .iter()
        .map(|pspec| pspec.name().to_owned())
        .filter(|name| !of_bin.contains(name))
        .collect();
    named.sort();
    real.sort();
    assert_eq!(named, real);

    for row in &rows {
        let [name, type_, default, when, _] = &row[..] else {
            panic!("five cells: {row:?}");
        };
        let pspec = element.find_property(name).expect("compared above");
        let flags = pspec.flags();
        let expected = if !flags.contains(gst::glib::ParamFlags::WRITABLE) {
            "ro"
        } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            "P"
        } else {
            "R"
        };
        assert_eq!(when, expected, "{name}");
        assert_eq!(type_, type_name(pspec.value_type()), "{name}");
        let blurb = pspec.blurb().unwrap_or_default();
        assert!(blurb.len() > 10, "{name}: {blurb}");
        // The environment may set the address; counters are listed in the text.
        if flags.contains(gst::glib::ParamFlags::READABLE) && name != "stats" && name != "api-url" {
            assert_eq!(*default, shown(&element.property_value(name)), "{name}");
        }
    }
}

fn type_name(type_: gst::glib::Type) -> &'static str {
    match type_.name() {
        "gchararray" => "string",
        "gboolean" => "bool",
        "gint" => "int",
        "guint" => "uint",
        "guint64" => "uint64",
        "gdouble" => "double",
        "GstFraction" => "fraction",
        "GstCaps" => "caps",
        "GstValueArray" => "array",
        "GstStructure" => "structure",
        _ if type_.is_a(gst::glib::Type::ENUM) => "enum",
        other => other,
    }
}

/// A default as the README writes it.
fn shown(value: &gst::glib::Value) -> String {
    if let Ok(text) = value.get::<Option<String>>() {
        return text.unwrap_or_default();
    }
    if let Some((_, value)) = gst::glib::EnumValue::from_value(value) {
        return value.nick().to_owned();
    }
    if let Ok(caps) = value.get::<gst::Caps>() {
        return caps.to_string();
    }
    if let Ok(number) = value.get::<f64>() {
        return number.to_string();
    }
    value.serialize().expect("serializable").to_string()
}

#[test]
fn the_messages_have_the_documented_fields() {
    let service = Service::with(|config| {
        config.lease_ttl = Duration::from_secs(2);
        config.credits_cents = Some(100.0);
    });
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o",
    );
    // Which the answer below does not fit.
    let schema = r#"{"type":"object"}"#;
    pipeline.sink.set_property("output-schema", schema);
    pipeline.play();
    let wait = Duration::from_secs(10);
    pipeline.wait_for_element("overshoot-result", wait);
    pipeline.sink.set_property("prompt", "And now?");
    assert!(pipeline.sink.emit_by_name::<bool>("get-models", &[]));
    let mut told: Vec<_> = ["overshoot-prompt", "overshoot-credits", "overshoot-models"]
        .into_iter()
        .map(|name| pipeline.wait_for_element(name, wait))
        .collect();
    // An answer with all that a service can say.
    let id = service.stream().id;
    let answer = json!({
        "id": "full", "stream_id": id, "mode": "clip", "model_backend": "overshoot",
        "model_name": "m", "prompt": "And now?", "result": "r", "inference_latency_ms": 1.5,
        "total_latency_ms": 2.5, "ok": true, "error": "e", "finish_reason": "stop", "new": 1,
    });
    let sent = SocketMessage::Text(answer.to_string());
    assert!(service.control.send_on_socket(&id, sent));
    let full = pipeline.wait_for("the answer", wait, |message| {
        let structure = message.structure()?;
        (structure.get::<&str>("id") == Ok("full")).then(|| structure.to_owned())
    });
    pipeline.stop();
    told.push(pipeline.wait_for_state("closed", wait));
    let (results_of_v1, partial) = told_on_v1();
    told.push(partial);

    for structure in &told {
        let row = table("| message |")
            .into_iter()
            .find(|row| row[0] == structure.name().as_str())
            .unwrap_or_else(|| panic!("{structure} is not in the README"));
        let (documented, _) = row[2].split_once(':').expect("names: types");
        let documented: BTreeSet<_> = names(documented).collect();
        // A stream that is closed has no id.
        assert!(fields(structure).is_subset(&documented), "{structure}");
    }
    let results: Vec<_> = std::iter::once(full).chain(results_of_v1).collect();
    let mut documented = BTreeSet::new();
    for row in table("| field of `overshoot-result`") {
        for name in names(&row[0]) {
            let value = results.iter().find_map(|result| result.value(&name).ok());
            let type_ = match value.expect("documented").type_().name() {
                "gchararray" => "string",
                "gboolean" => "boolean",
                "gdouble" => "double",
                "GstClockTime" | "guint64" if name.ends_with("-time") => "clock time",
                "guint64" => "uint64",
                other => other,
            };
            assert_eq!(row[1], type_, "{name}");
            documented.insert(name);
        }
    }
    let real: BTreeSet<_> = results.iter().flat_map(|result| fields(result)).collect();
    assert_eq!(real, documented);
}

/// What only API v1 tells: an answer to a question with a name, one to a question that was asked
/// once, and a part of an answer. In the README's own words, see
/// [`the_lines_of_rust_are_run_here`].
fn told_on_v1() -> (Vec<gst::Structure>, gst::Structure) {
    let service = v1();
    let line = "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
                ! overshootsink name=o stream-partial=true";
    let pipeline = Pipeline::new(&service, line);
    let sink = &pipeline.sink;
    let gate = gst::Structure::builder("question")
        .field("name", "gate")
        .field("prompt", "Is the gate open?")
        .field("interval-seconds", 2.0)
        .build();
    sink.set_property("questions", gst::Array::new([gate]));
    pipeline.play();
    let wait = Duration::from_secs(20);
    let partial = pipeline.wait_for_element("overshoot-partial", wait);
    let result = |why: &str, what: &dyn Fn(&gst::StructureRef) -> bool| {
        pipeline.wait_for(why, wait, |message| {
            let told = message.structure()?;
            (told.name() == "overshoot-result" && what(told)).then(|| told.to_owned())
        })
    };
    let named = result("the question", &|told| told.get("question") == Ok("gate"));
    // So that there are pictures of five seconds ago.
    let six = gst::ClockTime::from_seconds(6);
    result("six seconds", &|told| {
        told.get::<gst::ClockTime>("capture-time")
            .is_ok_and(|time| time > six)
    });
    let serial = sink.emit_by_name::<u64>("ask", &[&"Who came in?", &0_u64, &5000_u64]);
    let once = result("the answer", &|told| told.get("ask-serial") == Ok(serial));
    assert_eq!(once.get("ok"), Ok(true), "{once}");
    let [came, captured] = ["running-time", "capture-time"]
        .map(|name| once.get::<gst::ClockTime>(name).expect("a time"));
    let ago = came - captured;
    assert!(ago.seconds_f64() > 5.0 && ago.seconds_f64() < 7.0, "{ago}");
    // Neither is what `last-result` is for.
    let own: String = sink.property("last-result");
    let newest = pipeline.results().into_iter().rev().find(|posted| {
        let told = &posted.structure;
        !told.has_field("question") && !told.has_field("ask-serial")
    });
    assert_eq!(own, newest.expect("answers").text());
    pipeline.stop();
    (vec![named, once], partial)
}

#[test]
fn the_lines_of_rust_are_run_here() {
    let trimmed = |text: &str| -> String {
        text.lines()
            .map(|line| line.trim().to_owned() + "\n")
            .collect()
    };
    let here = trimmed(include_str!("readme.rs"));
    let blocks: Vec<_> = README.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let (lines, _) = block.split_once("```").expect("its end");
        assert!(here.contains(&trimmed(lines)), "{lines} is not run");
    }
}

#[test]
fn the_fields_of_a_question_are_the_elements() {
    let service = v1();
    let pipeline = Pipeline::new(&service, "videotestsrc ! overshootsink name=o");
    let question = gst::Structure::builder("question").field("nonsense", 1);
    let questions = gst::Array::new([question.build()]);
    pipeline.sink.set_property("questions", questions);
    assert!(pipeline.pipeline.set_state(gst::State::Playing).is_err());
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let told = failure.error.to_string();
    let (_, real) = told.split_once("there are ").expect("the fields");
    let real: BTreeSet<_> = names(real.trim_end_matches('.')).collect();
    let documented: BTreeSet<_> = table("| field of a question")
        .iter()
        .flat_map(|row| names(&row[0]).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, real);
}

#[test]
fn every_stage_is_named() {
    let source = include_str!("../src/session/error.rs");
    let real: BTreeSet<_> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Stage::")?.split_once(" => \""))
        .map(|(_, rest)| rest.trim_end_matches("\",").to_owned())
        // Where the balance can't be had, nothing is said.
        .filter(|name| name != "balance")
        .collect();
    let named: BTreeSet<_> = table("| stage |")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(named, real);
}

#[test]
fn stats_have_the_documented_fields() {
    let service = Service::with(|config| {
        // So that a renewal comes soon, and says what is left.
        config.lease_ttl = Duration::from_secs(2);
        config.credits_cents = Some(1000.0);
    });
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 \
         ! overshootsink name=o delay-seconds=0.1",
    );
    let stats = || pipeline.sink.property::<gst::Structure>("stats");
    let documented: BTreeMap<String, String> = table("| stats field |")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let names: BTreeSet<_> = documented.keys().cloned().collect();
    pipeline.play();
    // The far side's first report and the first renewal are the last to come.
    let deadline = Instant::now() + Duration::from_secs(20);
    while fields(&stats()).len() < names.len() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let stats = stats();
    assert_eq!(fields(&stats), names, "{stats}");
    for (name, value) in stats.iter() {
        let type_ = match value.type_().name() {
            "gchararray" => "string",
            "gboolean" => "boolean",
            "gdouble" => "double",
            "guint64" => "uint64",
            "gint64" => "int64",
            "guint" => "uint",
            other => other,
        };
        assert_eq!(documented[name.as_str()], type_, "{name}");
    }
}

#[test]
fn failures_have_the_documented_details() {
    let service = Service::with(|config| config.api_keys = vec![format!("not-{KEY}")]);
    let pipeline = Pipeline::new(
        &service,
        "videotestsrc is-live=true ! video/x-raw,framerate=30/1 ! overshootsink name=o",
    );
    pipeline.play();
    let failure = pipeline.wait_for_failure(true, Duration::from_secs(10));
    let details = failure.details.expect("details");
    let documented: BTreeSet<_> = table("| field | type |")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(fields(&details), documented);
    let row = table("| cause |")
        .into_iter()
        .find(|row| row[0].starts_with("401"))
        .expect("it is there");
    assert_eq!(details.get::<&str>("kind"), Ok(&*row[1]));
    assert!(failure.error.matches(gst::ResourceError::NotAuthorized));
    assert_eq!(row[2], "NOT_AUTHORIZED");
}

#[test]
fn every_signal_is_named() {
    let inspected = Command::new("gst-inspect-1.0")
        .arg("overshootsink")
        .env("GST_PLUGIN_PATH", common::launch::plugin_folder())
        .output()
        .expect("it runs");
    let inspected = String::from_utf8(inspected.stdout).expect("text");
    let (_, signals) = inspected.split_once("Element Signals:").expect("there");
    let real: BTreeSet<_> = signals
        .lines()
        // GStreamer 1.26 lists actions apart, with what they return before the colon.
        .filter_map(|line| line.strip_prefix("  \"")?.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let named: BTreeSet<_> = table("| signal |")
        .into_iter()
        .filter_map(|row| row[0].split('(').next().map(str::to_owned))
        .collect();
    assert_eq!(named, real);
}

#[test]
fn the_packages_are_those_of_the_scripts() {
    let words = |text: &str| -> BTreeSet<String> {
        text.split_whitespace()
            .filter(|word| *word != "\\")
            .map(str::to_owned)
            .collect()
    };
    let (_, rest) = README.split_once("apt-get install ").expect("the line");
    let (named, _) = rest.split_once("\ncargo ").expect("what follows it");
    let script = include_str!("../scripts/setup.sh");
    let (_, rest) = script.split_once("base_packages=(").expect("the list");
    let (wanted, _) = rest.split_once(')').expect("its end");
    assert_eq!(words(named), words(wanted));
}
