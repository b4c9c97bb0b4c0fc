// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Helpers of these tests, some of them shared with the tests of the element.

pub mod brokers;
#[path = "../../../../../tests/it/common/camera.rs"]
pub mod camera;
pub mod media;
pub mod pictures;
pub mod program;
// The tests of the element use more of it.
pub mod relay;
#[allow(dead_code)]
#[path = "../../../../../tests/it/common/service.rs"]
pub mod service;
pub mod sound;

pub use camera::Camera;
pub use program::Program;
pub use relay::Relay;
pub use service::Service;

/// The API key of the tests. No line, message or file may contain it.
pub const KEY: &str = "ovs-key-5f1e9c7a";

/// Endless live video, as from a camera.
pub const LIVE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96";

/// A camera that asks for the user `admin` with this password.
pub fn with_password(line: &str, password: &'static str) -> Camera {
    use gst_rtsp_server::prelude::*;
    Camera::serve_with(0, line, move |server, factory| {
        let auth = gst_rtsp_server::RTSPAuth::new();
        let token = gst_rtsp_server::RTSPToken::builder()
            .field("media.factory.role", "user")
            .build();
        let basic = gst_rtsp_server::RTSPAuth::make_basic("admin", password);
        auth.add_basic(&basic, &token);
        server.set_auth(Some(&auth));
        let role = gst::Structure::builder("user")
            .field("media.factory.access", true)
            .field("media.factory.construct", true);
        factory.add_role_from_structure(&role.build());
    })
}

/// Initializes GStreamer for the RTSP servers of this process. The element runs in another process.
pub fn init() {
    gst::init().expect("GStreamer starts");
}

/// The path of a real video that `tests/run.sh` fetches.
pub fn video(name: &str) -> std::path::PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    std::path::Path::new(&folder).join(name)
}

/// Writes a file of cameras in a new folder.
pub fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.toml");
    std::fs::write(&file, text).expect("written");
    (folder, file)
}

/// The entry of one camera with five answers per second. More fields may follow it.
pub fn entry(name: &str, url: &str) -> String {
    format!(
        "[[cameras]]\nname = \"{name}\"\nurl = \"{url}\"\nprompt = \"What do you see?\"\ninterval-seconds = 0.2\n"
    )
}

/// The number of streams that have not ended.
pub fn active_streams(seen: &overshoot_emulator::Snapshot) -> usize {
    seen.streams
        .iter()
        .filter(|stream| stream.ended.is_none())
        .count()
}
