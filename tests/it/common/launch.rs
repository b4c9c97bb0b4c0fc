//! A real `gst-launch-1.0` with the plugin that was just built, stopped when it is dropped.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{KEY, Service};

pub struct Launch {
    child: Child,
    output: Printed,
    errors: Printed,
}

/// What a process has printed so far, read all along: a full pipe would stop it.
struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
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
        let output = Printed::of(child.stdout.take().expect("piped"));
        let errors = Printed::of(child.stderr.take().expect("piped"));
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
        Finished {
            status,
            stdout: self.output.all(),
            stderr: self.errors.all(),
        }
    }

    /// Waits until it has printed this on stdout.
    pub fn wait_for_output(&self, text: &str, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !self.output.so_far().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?}: {}", self.printed());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has printed on stdout so far.
    pub fn stdout(&self) -> String {
        self.output.so_far()
    }

    pub fn printed(&self) -> String {
        self.output.so_far() + &self.errors.so_far()
    }
}

impl Printed {
    fn of(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = bytes.clone();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                all.lock()
                    .expect("no panic")
                    .extend_from_slice(&chunk[..length]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no panic")).into_owned()
    }

    /// All of it, once the process has ended.
    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
        self.so_far()
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

/// A shell in which GStreamer finds the plugin, and the plugin the service.
pub fn command(service: &Service) -> Command {
    let mut command = Command::new("bash");
    command
        .env("OVERSHOOT_API_URL", &service.url)
        .env("OVERSHOOT_API_KEY", KEY)
        .env("G_DEBUG", "fatal-warnings")
        .env("GST_PLUGIN_PATH", plugin_folder())
        .env("GST_REGISTRY", plugin_folder().join("registry.bin"));
    command
}

/// A folder that holds this build of the plugin and nothing else, so that GStreamer need not look
/// through all that the compiler left beside it.
pub fn plugin_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // tests/run.sh makes a copy: tests that run a script which builds replace what cargo built.
        if let Some(folder) = std::env::var_os("OVERSHOOT_TEST_PLUGIN") {
            return folder.into();
        }
        let deps = std::env::current_exe().expect("a test has a path");
        let built = deps
            .ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join("libgstovershoot.so"))
            .find(|file| file.exists())
            .expect("the plugin is built beside the tests");
        // Shared by all tests, and with it the registry, which GStreamer replaces in one step: what one
        // process has found out about the plugins, the next one need not.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
        fs::create_dir_all(&folder).expect("a folder can be made");
        let link = folder.join("libgstovershoot.so");
        if fs::read_link(&link).ok().as_ref() != Some(&built) {
            let own = folder.join(format!("link-{}", std::process::id()));
            symlink(&built, &own).expect("a link can be made");
            fs::rename(own, link).expect("it can be renamed");
        }
        folder
    })
}
