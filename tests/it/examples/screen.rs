//! A screen without a monitor (Xvfb), and what there is to read on it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::Launch;

pub struct Screen {
    /// For DISPLAY.
    pub display: String,
    server: Child,
}

impl Screen {
    /// None, with the reason printed, where there is no Xvfb.
    pub fn start() -> Option<Self> {
        // It picks a free number, and tells it once it takes connections. It would start anew whenever
        // its last client goes, and with it whoever is just connecting.
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
            .expect("it tells its number");
        let display = format!(":{}", number.trim());
        Some(Self { display, server })
    }

    /// Covers it with a window that has this text, for as long as that is kept.
    pub fn show(&self, text: &str) -> Launch {
        let mut window = Command::new("gst-launch-1.0");
        window.args(["-q", "videotestsrc", "is-live=true", "pattern=white"]);
        window.args(["!", "video/x-raw,width=640,height=480", "!", "textoverlay"]);
        // Black letters, as on most screens; GStreamer would wrap a line that it thinks too long.
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

    /// What tesseract reads on it.
    pub fn read(&self, folder: &Path) -> String {
        let picture = folder.join("screen.png");
        let taken = Command::new("gst-launch-1.0")
            .args(["-q", "ximagesrc", "use-damage=false", "num-buffers=1"])
            .arg(format!("display-name={}", self.display))
            .args(["!", "videoconvert", "!", "pngenc", "!", "filesink"])
            .arg(format!("location={}", picture.display()))
            .status();
        assert!(taken.expect("gst-launch-1.0 runs").success());
        let read = Command::new("tesseract")
            .args([picture.as_os_str(), "stdout".as_ref()])
            .args(["-l", "eng", "--psm", "11"])
            .output()
            .expect("tesseract is installed");
        String::from_utf8_lossy(&read.stdout).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
