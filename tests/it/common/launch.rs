// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A real `gst-launch-1.0` with the plugin of this build. Dropping it stops the process.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{KEY, Service};

/// A running process and what it prints.
pub struct Launch {
    child: Child,
    output: CapturedPipe,
    errors: CapturedPipe,
}

/// Everything that a process has printed on one pipe so far. A thread reads all the time, because a full pipe would
/// stop the process.
struct CapturedPipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

/// The exit status and the output of a finished process.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Launch {
    /// Starts `gst-launch-1.0` with these arguments. The element in it uses this service.
    pub fn start(service: &Service, arguments: &str) -> Self {
        Self::spawn(
            command(service)
                .arg("-c")
                .arg(format!("exec gst-launch-1.0 {arguments}")),
        )
    }

    /// Starts any command, for example one that [`command`] made.
    pub fn spawn(command: &mut Command) -> Self {
        // Build scripts (ring's) watch the variables of packages. With those of this test, a build in the command would
        // rebuild half of the dependencies, and so would the next build of the tests.
        for (name, _) in std::env::vars() {
            if name == "OUT_DIR"
                || name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
            {
                command.env_remove(name);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = CapturedPipe::start(child.stdout.take().expect("piped"));
        let errors = CapturedPipe::start(child.stderr.take().expect("piped"));
        Self {
            child,
            output,
            errors,
        }
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        let sent = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
    }

    /// Waits until the process ends by itself. After the timeout, kills it and panics.
    pub fn finish(mut self, timeout: Duration) -> Finished {
        let deadline = Instant::now() + timeout;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().expect("it can be killed");
                let _ = self.child.wait();
                panic!(
                    "the process did not end within {timeout:?}: {}",
                    self.printed()
                );
            }
            thread::sleep(Duration::from_millis(10));
        };
        Finished {
            status,
            stdout: self.output.all(),
            stderr: self.errors.all(),
        }
    }

    /// Waits until the process has printed this text on stdout.
    pub fn wait_for_output(&self, text: &str, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !self.output.so_far().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?}: {}", self.printed());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything printed on stdout so far.
    pub fn stdout(&self) -> String {
        self.output.so_far()
    }

    /// Everything printed on stdout and stderr so far.
    pub fn printed(&self) -> String {
        self.output.so_far() + &self.errors.so_far()
    }
}

impl CapturedPipe {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = bytes.clone();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
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

    /// The whole output. Waits until the process has ended.
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

/// A shell command with the environment in which GStreamer finds the plugin and the plugin finds the service.
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

/// A folder that contains only this build of the plugin, so that GStreamer does not scan the compiler's other files.
pub fn plugin_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // tests/run.sh makes a copy, because some tests run scripts that build the plugin again in the same place.
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
        // All tests share this folder and its registry, so that only the first process scans the plugins. GStreamer
        // replaces the registry file in one step.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
        fs::create_dir_all(&folder).expect("a folder can be made");
        let link = folder.join("libgstovershoot.so");
        if fs::read_link(&link).ok().as_ref() != Some(&built) {
            let temporary = folder.join(format!("link-{}", std::process::id()));
            symlink(&built, &temporary).expect("a link can be made");
            fs::rename(temporary, link).expect("it can be renamed");
        }
        folder
    })
}
