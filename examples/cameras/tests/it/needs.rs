// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Measures the CPU time, memory and threads of a replica. The cameras send 720p30, which is passed through. The
//! service and the cameras run in another process. It takes a minute, so it is not run with the other tests:
//!
//! ```console
//! bash tests/run.sh -p overshoot-cameras --test needs -- --ignored --nocapture
//! ```

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Camera, Program, Service, file};

/// How long to measure, once all cameras stream.
const SPAN: Duration = Duration::from_secs(10);

/// User and system time of a process, in seconds.
fn cpu(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    // The fields after the name, which may contain spaces.
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    // Linux has 100 ticks per second.
    (ticks(11) + ticks(12)) / 100.0
}

fn status(id: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
#[ignore = "measures for a minute"]
fn a_replica_of_1_4_and_16_cameras() {
    let folder = tempfile::tempdir().expect("a folder");
    let video = folder.path().join("video.mkv");
    // The video is encoded only once, so that the cameras need little CPU time.
    let made = std::process::Command::new("gst-launch-1.0")
        .args([
            "-q",
            "videotestsrc",
            "num-buffers=1800",
            "pattern=ball",
            "!",
        ])
        .args([
            "video/x-raw,format=I420,width=1280,height=720,framerate=30/1",
            "!",
        ])
        .args([
            "timeoverlay",
            "!",
            "x264enc",
            "tune=zerolatency",
            "speed-preset=ultrafast",
        ])
        .args([
            "bitrate=2000",
            "key-int-max=60",
            "!",
            "h264parse",
            "!",
            "matroskamux",
            "!",
        ])
        .args(["filesink", &format!("location={}", video.display())])
        .status();
    assert!(made.expect("gst-launch-1.0 runs").success());
    let line = format!(
        "filesrc location={} ! matroskademux ! h264parse ! rtph264pay name=pay0 pt=96",
        video.display()
    );
    println!(
        "| cameras | with a trigger | CPU s/s | MiB resident | threads |\n|---|---|---|---|---|"
    );
    for (count, trigger) in [(1, false), (4, false), (16, false), (4, true), (16, true)] {
        let service = Service::with(|config| {
            config.max_streams_per_key = 100;
            // Without decoding, the receiver leaves the CPU to the sender.
            config.decode = false;
        });
        let rtsp = Camera::serve(0, &line);
        let keys = "keys = [\"KEY\", \"KEY\", \"KEY\", \"KEY\"]\n".to_owned();
        let entries = (0..count).map(|number| {
            let camera = format!(
                "[[cameras]]\nname = \"c{number}\"\nurl = \"{}\"\nprompt = \"?\"\nschema = {{ type = \"object\" }}\n",
                rtsp.url
            );
            match trigger {
                true => camera + "trigger = { when = \"/alert == true\", folder = \"/tmp\" }\n",
                false => camera,
            }
        });
        let (_folder, list) = file(&(keys + &entries.collect::<String>()));
        let mut command = crate::support::program::command(&service);
        let program = Program::spawn(command.env("KEY", crate::support::KEY).arg("run").arg(list));
        service.wait("all streams", |seen| {
            seen.streams
                .iter()
                .filter(|stream| stream.packets > 100)
                .count()
                == count
        });
        let (start, used) = (Instant::now(), cpu(program.id()));
        std::thread::sleep(SPAN);
        let rate = (cpu(program.id()) - used) / start.elapsed().as_secs_f64();
        let (kib, threads) = (
            status(program.id(), "VmRSS:"),
            status(program.id(), "Threads:"),
        );
        let with = if trigger { "yes" } else { "no" };
        println!(
            "| {count} | {with} | {rate:.3} | {} | {threads} |",
            kib / 1024
        );
        let sent = service.control.snapshot();
        assert_eq!(sent.streams.len(), count);
        assert!(program.stop().status.success());
    }
}
