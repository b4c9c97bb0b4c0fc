// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A screen without a monitor (Xvfb), windows on it, and the text that tesseract reads on it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::Launch;

/// A running X server. Dropping it stops the server.
pub struct Screen {
    /// The value for DISPLAY.
    pub display: String,
    server: Child,
}

impl Screen {
    /// Starts the server. Returns `None` and prints the reason if Xvfb does not start.
    pub fn start() -> Option<Self> {
        // Xvfb chooses a free number, and prints it once it accepts connections. Without `-noreset` it would restart
        // when its last client disconnects, and so break a connection that is just being made.
        let server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "640x480x24"])
            .args(["-noreset", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = match server {
            Ok(server) => server,
            Err(error) => {
                println!("SKIPPED: Xvfb does not start (install xvfb): {error}");
                return None;
            }
        };
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("piped"))
            .read_line(&mut number)
            .expect("Xvfb prints its number");
        let display = format!(":{}", number.trim());
        Some(Self { display, server })
    }

    /// Covers the screen with a window that shows this text, until the returned process is dropped.
    pub fn show(&self, text: &str) -> Launch {
        let mut window = Command::new("gst-launch-1.0");
        window.args(["-q", "videotestsrc", "is-live=true", "pattern=white"]);
        window.args(["!", "video/x-raw,width=640,height=480", "!", "textoverlay"]);
        // Black letters, as on most screens. The font is small, because GStreamer wraps lines that are too long.
        window.args([
            "color=0xff000000",
            "draw-outline=false",
            "draw-shadow=false",
        ]);
        window.args(["valignment=center", "font-desc=Sans 14"]);
        window.arg(format!("text={text}"));
        window.args(["!", "videoconvert", "!", "ximagesink"]);
        Launch::spawn(window.arg(format!("display={}", self.display)))
    }

    /// The text that tesseract reads on the screen.
    pub fn read(&self, folder: &Path) -> String {
        let picture = folder.join("screen.png");
        let status = Command::new("gst-launch-1.0")
            .args(["-q", "ximagesrc", "use-damage=false", "num-buffers=1"])
            .arg(format!("display-name={}", self.display))
            .args(["!", "videoconvert", "!", "pngenc", "!", "filesink"])
            .arg(format!("location={}", picture.display()))
            .status();
        assert!(status.expect("gst-launch-1.0 runs").success());
        let output = Command::new("tesseract")
            .args([picture.as_os_str(), "stdout".as_ref()])
            .args(["-l", "eng", "--psm", "11"])
            .output()
            .expect("tesseract is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
