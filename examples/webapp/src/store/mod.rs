// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The answers on disk: one file of JSON lines per session, which outlives the session and the server.
//!
//! One thread writes, so that neither a full disk nor a slow one delays a stream. `log` is one file, `writer`
//! the thread with its limits, `export` turns a file into the formats that people download.

mod export;
mod log;
mod writer;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use serde_json::{Map, Value};
use tokio::sync::{oneshot, watch};

use crate::time::rfc3339;

pub(crate) use export::Format;
use writer::Writer;

/// How many answers may wait for the disk.
const MAX_QUEUED_ANSWERS: usize = 512;
/// How many sessions a list has.
const MAX_LISTED: usize = 50;
/// The largest session file is this part of all.
const SESSION_SHARE: u64 = 16;

enum Command {
    Append {
        to: Arc<Target>,
        line: String,
    },
    /// Completes when everything before it is written.
    Flush(oneshot::Sender<()>),
    Close(Arc<Target>),
    Quit,
}

/// The file of one session.
struct Target {
    session_id: String,
    /// Its first line.
    header: String,
    /// Why answers are not stored at the moment.
    problem: watch::Sender<Option<String>>,
}

pub(crate) struct Store {
    folder: PathBuf,
    commands: SyncSender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Starts the thread. The folder is made with the first answer.
    pub(crate) fn open(folder: PathBuf, max_bytes: u64) -> io::Result<Self> {
        let (commands, received) = sync_channel(MAX_QUEUED_ANSWERS);
        let writer = Writer::new(folder.clone(), max_bytes);
        let thread = thread::Builder::new()
            .name("answers".to_owned())
            .spawn(move || write_all(writer, &received))?;
        Ok(Self {
            folder,
            commands,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Makes the recorder of a session. The receiver has the reason while answers cannot be stored.
    pub(crate) fn recorder(
        &self,
        session_id: &str,
        header: &Map<String, Value>,
    ) -> (Recorder, watch::Receiver<Option<String>>) {
        let (problem, changes) = watch::channel(None);
        let target = Target {
            session_id: session_id.to_owned(),
            header: Value::Object(header.clone()).to_string(),
            problem,
        };
        let recorder = Recorder {
            target: Arc::new(target),
            commands: self.commands.clone(),
        };
        (recorder, changes)
    }

    /// Writes the answers of a session in this format. `None`: it has none.
    pub(crate) async fn export(
        &self,
        session_id: &str,
        format: Format,
        range: Range,
    ) -> io::Result<Option<Export>> {
        self.flush().await;
        let path = path_of(&self.folder, session_id);
        let exporting = move || match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
            Ok(file) => {
                let mut lines = BufReader::new(file).lines();
                let header = lines.next().transpose()?.unwrap_or_default();
                let header: Map<String, Value> = serde_json::from_str(&header)?;
                let filename = header.get("filename").and_then(Value::as_str);
                let filename = filename.unwrap_or("webcam").to_owned();
                let answers = lines.map_while(Result::ok).filter_map(|line| {
                    // A line that a crash has cut is left out.
                    serde_json::from_str::<Map<String, Value>>(&line).ok()
                });
                let answers = answers.filter(|answer| id_of(answer) > range.after);
                let text = match range.newest {
                    None => export::write(format, header, answers),
                    Some(count) => {
                        let mut newest = std::collections::VecDeque::new();
                        for answer in answers {
                            if newest.len() == count {
                                newest.pop_front();
                            }
                            newest.push_back(answer);
                        }
                        export::write(format, header, newest.into_iter())
                    }
                };
                Ok(Some(Export { filename, text }))
            }
        };
        spawn(exporting).await
    }

    /// The sessions that have answers, the newest first: what their file says, `until` and `answers`.
    pub(crate) async fn list(&self) -> io::Result<Vec<Map<String, Value>>> {
        self.flush().await;
        let folder = self.folder.clone();
        spawn(move || {
            let mut files = writer::files(&folder)?;
            files.sort_by_key(|file| std::cmp::Reverse(file.changed));
            files.truncate(MAX_LISTED);
            let described = files
                .into_iter()
                .filter_map(|file| describe(&file.path, file.changed).ok());
            Ok(described.collect())
        })
        .await
    }

    /// Waits until everything that was recorded so far is written.
    async fn flush(&self) {
        let (sender, written) = oneshot::channel();
        let commands = self.commands.clone();
        // The queue may be full, so this may wait for the disk.
        let sending = tokio::task::spawn_blocking(move || commands.send(Command::Flush(sender)));
        if matches!(sending.await, Ok(Ok(()))) {
            let _ = written.await;
        }
    }

    /// Writes what waits, and ends the thread. This blocks.
    pub(crate) fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(writer) = writer else { return };
        let _ = self.commands.send(Command::Quit);
        if writer.join().is_err() {
            eprintln!("overshoot-webapp: the thread that stores answers panicked");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Which answers to export.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Range {
    /// Only answers with a higher number.
    pub after: u64,
    /// Only so many of these, the newest.
    pub newest: Option<usize>,
}

pub(crate) struct Export {
    /// The name of the video.
    pub filename: String,
    pub text: String,
}

/// Stores the answers of one session.
pub(crate) struct Recorder {
    target: Arc<Target>,
    commands: SyncSender<Command>,
}

impl Recorder {
    /// Hands an answer to the thread. Never waits.
    pub(crate) fn record(&self, line: String) {
        let to = self.target.clone();
        match self.commands.try_send(Command::Append { to, line }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let sentence =
                    "Answers are not stored at the moment, because the disk is too slow.";
                self.target.problem.send_replace(Some(sentence.to_owned()));
            }
            // The application ends.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // If the queue is full, the file stays open until the end.
        let _ = self.commands.try_send(Command::Close(self.target.clone()));
    }
}

fn write_all(mut writer: Writer, commands: &Receiver<Command>) {
    while let Ok(command) = commands.recv() {
        match command {
            Command::Append { to, line } => {
                let problem = writer.append(&to.session_id, &to.header, &line).err();
                let problem = problem.map(|error| {
                    format!(
                        "Answers are not stored: {error}. Free space in {}, or make it writable. The stream goes on.",
                        writer.folder().display()
                    )
                });
                to.problem.send_if_modified(|shown| {
                    let changed = *shown != problem;
                    *shown = problem;
                    changed
                });
            }
            Command::Flush(done) => {
                let _ = done.send(());
            }
            Command::Close(target) => writer.close(&target.session_id),
            Command::Quit => return,
        }
    }
}

/// Only ids that this application makes become a path.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn path_of(folder: &Path, session_id: &str) -> PathBuf {
    folder.join(format!("{session_id}.jsonl"))
}

fn id_of(answer: &Map<String, Value>) -> u64 {
    answer.get("id").and_then(Value::as_u64).unwrap_or_default()
}

fn describe(path: &Path, changed: SystemTime) -> io::Result<Map<String, Value>> {
    let mut lines = BufReader::new(File::open(path)?).lines();
    let header = lines.next().transpose()?.unwrap_or_default();
    let mut header: Map<String, Value> = serde_json::from_str(&header)?;
    header.insert("until".to_owned(), rfc3339(changed).into());
    header.insert(
        "answers".to_owned(),
        lines.map_while(Result::ok).count().into(),
    );
    Ok(header)
}

async fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
