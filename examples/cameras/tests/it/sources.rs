// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Video of every kind, judged by the colour that the service saw; and what `check` says about it.

use serde_json::Value;

use crate::support::media::{HttpServer, SrtCamera, live, make, run_line};
use crate::support::program::{answers_of, bare, command, status_of};
use crate::support::{Camera, KEY, Program, Service, entry, file, init};

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25";
const B_FRAMES: &str = "x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=25";
const SOUND: &str = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc \
    ! rtppcmapay name=pay1 pt=8";

/// A camera of the file: its name, URL, further fields, the colour that the service sees, and what `check` says.
struct Case {
    name: &'static str,
    url: String,
    more: &'static str,
    colour: &'static str,
    codec: &'static str,
    handling: &'static str,
}

/// The seconds of the minute of an event.
fn second(event: &Value) -> f64 {
    let time = event["time"].as_str().expect("a time");
    let field = |range: std::ops::Range<usize>| {
        time[range]
            .trim_end_matches('Z')
            .parse::<f64>()
            .expect("a number")
    };
    field(14..16) * 60.0 + field(17..time.len())
}

fn checked(list: &std::path::Path) -> (bool, Vec<Value>, String) {
    let done = bare().arg("check").arg("--json").arg(list).output();
    let done = done.expect("it runs");
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    let lines = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.success(), lines.collect(), stderr)
}

/// A camera with MPEG-4. The encoder's own timestamps are garbage (libav 5.1).
fn mpeg4_camera(video: &str) -> Camera {
    make(
        60,
        "0000ff",
        &format!("avenc_mpeg4 gop-size=25 ! avimux ! filesink location={video}"),
    );
    let line = "avidemux ! mpeg4videoparse ! rtpmp4vpay config-interval=1 name=pay0 pt=96";
    Camera::serve(0, &format!("filesrc location={video} ! {line}"))
}

#[test]
fn video_of_every_kind_reaches_the_service() {
    init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    make(
        6,
        "ff00ff",
        &format!(
            "{H264} ! h264parse ! mp4mux faststart=true ! filesink location={}",
            path("web.mp4")
        ),
    );
    make(
        6,
        "ffff00",
        &format!(
            "{H264} ! h264parse ! hlssink2 target-duration=2 playlist-length=0 max-files=0 location={} playlist-location={}",
            path("part%05d.ts"),
            path("list.m3u8")
        ),
    );
    make(
        4,
        "ff8000",
        &format!(
            "{B_FRAMES} ! h264parse ! matroskamux ! filesink location={}",
            path("once.mkv")
        ),
    );
    make(
        2,
        "000070",
        &format!(
            "vp8enc deadline=1 ! webmmux ! filesink location={}",
            path("again.webm")
        ),
    );
    make(
        1,
        "00ffff",
        &format!("jpegenc ! multifilesink location={}", path("picture.jpg")),
    );
    let http = HttpServer::of(folder.path());
    let jpeg = Camera::serve(0, &live("ff0000", "jpegenc ! rtpjpegpay name=pay0 pt=26"));
    let vp8 = "vp8enc deadline=1 keyframe-max-dist=25 ! rtpvp8pay name=pay0 pt=96";
    let vp8 = Camera::serve(0, &format!("{} {SOUND}", live("00c800", vp8)));
    let mpeg4 = mpeg4_camera(&path("mpeg4.avi"));
    let srt = SrtCamera::serve(&live(
        "ffffff",
        &format!("{H264} ! h264parse config-interval=-1"),
    ));
    let web = |login: &str, path: &str| format!("http://{login}{}/{path}", http.address);
    let case = |name, url, colour, codec, handling| Case {
        name,
        url,
        more: "",
        colour,
        codec,
        handling,
    };
    let cases = [
        case("jpeg", jpeg.url.clone(), "red", "MJPEG", "single-frames"),
        case("vp8", vp8.url.clone(), "green", "VP8", "passed-through"),
        case("mpeg4", mpeg4.url.clone(), "blue", "MPEG-4", "reencoded"),
        case(
            "mjpeg",
            web("admin:s3same@", "mjpeg"),
            "cyan",
            "MJPEG",
            "single-frames",
        ),
        case(
            "web",
            web("", "web.mp4"),
            "magenta",
            "H.264",
            "passed-through",
        ),
        case(
            "hls",
            web("", "list.m3u8"),
            "yellow",
            "H.264",
            "passed-through",
        ),
        case("srt", srt.url.clone(), "white", "H.264", "passed-through"),
        case("once", path("once.mkv"), "orange", "H.264", "reencoded"),
        Case {
            more: "loop = true\n",
            ..case(
                "again",
                format!("file://{}", path("again.webm")),
                "navy",
                "VP8",
                "passed-through",
            )
        },
    ];
    let entries = cases
        .iter()
        .map(|case| entry(case.name, &case.url) + case.more);
    let (_folder, list) = file(&format!(
        "keys = [\"KEY_1\", \"KEY_2\"]\n{}",
        entries.collect::<String>()
    ));

    let (success, lines, stderr) = checked(&list);
    for (case, line) in cases.iter().zip(&lines) {
        assert_eq!(
            (&line["camera"], &line["ok"]),
            (&case.name.into(), &true.into()),
            "{line}"
        );
        assert_eq!(
            (&line["codec"], &line["handling"]),
            (&case.codec.into(), &case.handling.into()),
            "{line}"
        );
        let fps = line["fps"].as_f64().expect("a rate");
        // A server that reads a file sends its first frames at once.
        let tolerance = if case.name == "mpeg4" { 15.0 } else { 4.0 };
        assert!((fps - 25.0).abs() < tolerance, "{line}");
        assert_eq!(
            (&line["width"], &line["height"]),
            (&320.into(), &240.into()),
            "{line}"
        );
        if ["srt", "web", "once"].contains(&case.name) {
            let seconds = line["key_frame_seconds"].as_f64().expect("an interval");
            assert!((seconds - 1.0).abs() < 0.2, "{line}");
        }
        let sound = if case.name == "vp8" {
            "PCMA".into()
        } else {
            Value::Null
        };
        assert_eq!(line["sound"], sound, "{line}");
        let b_frames = line["why"]
            .as_str()
            .is_some_and(|why| why.contains("B-frames"));
        assert_eq!(b_frames, case.name == "once", "{line}");
    }
    assert!(success && lines.len() == cases.len(), "{stderr}");

    let other = "ovs-key-another";
    let service = Service::with(|config| config.api_keys.push(other.to_owned()));
    let mut command = command(&service);
    command.env("KEY_1", KEY).env("KEY_2", other);
    let program = Program::spawn(command.arg("run").arg(&list));
    let saw = |events: &[Value], case: &Case| {
        let colour = format!("mostly {} (", case.colour);
        let right = |answer: &&&Value| {
            answer["result"]
                .as_str()
                .is_some_and(|text| text.contains(&colour))
        };
        answers_of(events, case.name).iter().filter(right).count() >= 3
    };
    for case in &cases {
        program.wait(case.name, |events| saw(events, case));
    }
    // A file is played at its own speed, once or again and again.
    let events = program.wait("the end of the file", |events| {
        status_of(events, "once").is_some_and(|status| status["reason"] == "ended")
    });
    let answers = answers_of(&events, "once");
    let end = status_of(&events, "once").expect("it has ended");
    let played = (second(end) - second(answers[0])).rem_euclid(3600.0);
    assert!(played > 2.0, "{played} s of 4 s");
    program.wait("a file that repeats", |events| {
        let answers = answers_of(events, "again");
        let both = answers.first().zip(answers.last());
        both.is_some_and(|(first, last)| (second(last) - second(first)).rem_euclid(3600.0) > 4.0)
    });
    let finished = program.stop();
    assert!(finished.status.success(), "{finished:?}");
    assert!(!format!("{finished:?}").contains("s3same"));
    service.assert_all_deleted();
}

#[test]
fn check_says_what_is_missing() {
    init();
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("mpeg4.avi").display().to_string();
    let camera = mpeg4_camera(&video);
    let sound = folder.path().join("sound.ogg").display().to_string();
    let line =
        format!("audiotestsrc num-buffers=100 ! vorbisenc ! oggmux ! filesink location={sound}");
    run_line(&line);
    let server = HttpServer::of(folder.path());
    let http = server.address;
    let entries = [
        ("mpeg4", camera.url.clone()),
        ("file", "/no/such/file.mp4".to_owned()),
        ("device", "v4l2:/dev/video97".to_owned()),
        ("sound", sound),
        ("login", format!("http://admin:wr0ng@{http}/mjpeg")),
        ("page", format!("http://{http}/nothing.mp4")),
    ];
    let entries = entries.map(|(name, url)| entry(name, &url)).concat();
    let (_folder, list) = file(&entries);
    let mut check = bare();
    check
        .env("GST_PLUGIN_FEATURE_RANK", "avdec_mpeg4:NONE")
        .arg("check")
        .arg(&list);
    let done = check.output().expect("it runs");
    let stdout = String::from_utf8_lossy(&done.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!((lines.len(), done.status.code()), (6, Some(1)), "{done:?}");
    for (line, parts) in lines.iter().zip([
        [
            "mpeg4: no video (missing-plugin)",
            "Debian: gstreamer1.0-libav",
        ],
        ["file: no video (not-found)", "/no/such/file.mp4"],
        ["device: no video (not-found)", "/dev/video97"],
        ["sound: no video (no-video)", "no video in it"],
        [
            "login: no video (password)",
            "refused the user or the password",
        ],
        ["page: no video (not-found)", "404"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(!stdout.contains("wr0ng"), "{stdout}");
    assert!(stderr.contains("6 of 6 cameras bring no video"), "{stderr}");
}
