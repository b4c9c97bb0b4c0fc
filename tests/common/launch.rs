//! A real `gst-launch-1.0` with the plugin that was just built, stopped when it is dropped.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{KEY, Service};

pub struct Launch {
    child: Child,
    output: Option<JoinHandle<String>>,
    errors: Option<JoinHandle<String>>,
}

/// What a finished gst-launch-1.0 left.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Launch {
    /// Starts `gst-launch-1.0` with these arguments against the service.
    pub fn start(service: &Service, arguments: &str) -> Self {
        Self::spawn(
            command(service)
                .arg("-c")
                .arg(format!("exec gst-launch-1.0 {arguments}")),
        )
    }

    /// Runs a command of [`command`], changed at will.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        // Read all along: a full pipe would stop it.
        let output = child.stdout.take().map(read_all);
        let errors = child.stderr.take().map(read_all);
        Self {
            child,
            output,
            errors,
        }
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for it to end by itself.
    pub fn finish(mut self, timeout: Duration) -> Finished {
        let deadline = Instant::now() + timeout;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().expect("it can be killed");
                let _ = self.child.wait();
                panic!("it did not end in {timeout:?}: {}", self.printed());
            }
            thread::sleep(Duration::from_millis(10));
        };
        let text = |reader: &mut Option<JoinHandle<String>>| {
            let reader = reader.take().expect("read once");
            reader.join().expect("the reader ends")
        };
        Finished {
            status,
            stdout: text(&mut self.output),
            stderr: text(&mut self.errors),
        }
    }

    fn printed(&mut self) -> String {
        [self.output.take(), self.errors.take()]
            .into_iter()
            .flatten()
            .map(|reader| reader.join().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("it can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A shell in which GStreamer finds the plugin, and the plugin the service.
pub fn command(service: &Service) -> Command {
    let mut command = Command::new("bash");
    command
        .env("OVERSHOOT_API_URL", &service.url)
        .env("OVERSHOOT_API_KEY", KEY)
        .env("G_DEBUG", "fatal-criticals")
        .env("GST_PLUGIN_PATH", plugin_folder())
        .env("GST_REGISTRY", plugin_folder().join("registry.bin"));
    command
}

/// A folder that holds this build of the plugin and nothing else, so that GStreamer need not look
/// through all that the compiler left beside it.
pub fn plugin_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let deps = std::env::current_exe().expect("a test has a path");
        let built = deps
            .ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join("libgstovershoot.so"))
            .find(|file| file.exists())
            .expect("the plugin is built beside the tests");
        // One for each file of tests.
        let name = deps.file_stem().expect("a test has a name");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder can be made");
        symlink(built, folder.join("libgstovershoot.so")).expect("a link can be made");
        folder
    })
}
