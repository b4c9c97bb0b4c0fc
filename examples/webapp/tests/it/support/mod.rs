//! What the tests share: a running application that asks a running emulator, and a browser.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub mod app;
pub mod browser;
#[path = "../../../../../tests/it/common/service.rs"]
mod service;

pub use app::WebApp;
pub use browser::{Browser, Look, browse, browse_as};
pub use service::Service;

/// The key that tests use; no response, page or message may ever hold it.
pub const KEY: &str = "ovs-key-77ad02c4";

/// Plays this on a runtime of its own: services and applications, which have theirs, can't be
/// started on one.
pub fn play<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(test)
}

/// One of the real videos that `tests/run.sh` fetches.
pub fn video(name: &str) -> PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    Path::new(&folder).join(name)
}

/// Makes a video of two seconds by these elements; by `SOUND`, one without a picture.
pub fn made(folder: &Path, name: &str, line: &str) -> PathBuf {
    use gst::prelude::*;
    gst::init().expect("GStreamer starts");
    let path = folder.join(name);
    let line = match line {
        "SOUND" => "audiotestsrc num-buffers=80 ! lamemp3enc ! mp4mux".to_owned(),
        line => format!(
            "videotestsrc num-buffers=50 ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! {line}"
        ),
    };
    let pipeline = gst::parse::launch(&format!(
        "{line} ! filesink location=\"{}\"",
        path.display()
    ))
    .unwrap_or_else(|error| panic!("{line}: {error}"));
    pipeline.set_state(gst::State::Playing).expect("it starts");
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &ends);
    pipeline.set_state(gst::State::Null).expect("it stops");
    let end = end.expect("it ends");
    assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
    path
}

/// Waits until it holds.
pub async fn wait_until(why: &str, what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < deadline, "waited in vain for {why}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
