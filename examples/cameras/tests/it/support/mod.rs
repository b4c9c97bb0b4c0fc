//! What these tests share with those of the element, and the program itself as a process.

pub mod brokers;
#[path = "../../../../../tests/it/common/camera.rs"]
pub mod camera;
pub mod program;
// These tests use less of it than the element's do.
#[allow(dead_code)]
#[path = "../../../../../tests/it/common/service.rs"]
pub mod service;
pub mod way;

pub use camera::Camera;
pub use program::Program;
pub use service::Service;
pub use way::Way;

/// The key that tests use; no line, message or file may ever hold it.
pub const KEY: &str = "ovs-key-5f1e9c7a";

/// A picture that never ends, as it comes from a camera.
pub const LIVE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96";

/// For the RTSP servers of this process; the element is in another one.
pub fn init() {
    gst::init().expect("GStreamer starts");
}

/// One of the real videos that `tests/run.sh` fetches.
pub fn video(name: &str) -> std::path::PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    std::path::Path::new(&folder).join(name)
}

/// A file of cameras, in a folder of its own.
pub fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.toml");
    std::fs::write(&file, text).expect("written");
    (folder, file)
}

/// One camera of such a file, asked five times a second; more of its fields may follow.
pub fn entry(name: &str, url: &str) -> String {
    format!(
        "[[cameras]]\nname = \"{name}\"\nurl = \"{url}\"\nprompt = \"What do you see?\"\ninterval-seconds = 0.2\n"
    )
}
