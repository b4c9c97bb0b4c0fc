//! What the tests share: a running application that asks a running emulator, and a browser.
// Each test file uses its part of it.
#![allow(dead_code, unused_imports)]

pub mod app;
pub mod browser;
#[path = "../../../../tests/common/service.rs"]
mod service;

pub use app::WebApp;
pub use browser::{Browser, Look, browse, browse_as};
pub use service::Service;

/// The key that tests use; no response, page or message may ever hold it.
pub const KEY: &str = "ovs-key-77ad02c4";

/// One of the real videos that `tests/run.sh` fetches.
pub fn video(name: &str) -> std::path::PathBuf {
    let folder = std::env::var("OVERSHOOT_TEST_VIDEOS").expect(
        "OVERSHOOT_TEST_VIDEOS: run the tests by `bash tests/run.sh`, which fetches the videos",
    );
    std::path::Path::new(&folder).join(name)
}
