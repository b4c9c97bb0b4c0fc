// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The keys that are pressed on the terminal while the table is shown.

use std::fs;
use std::io::{self, IsTerminal};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long the end waits for the thread that reads keys.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Keys that may wait for the table.
const MAX_QUEUED_KEYS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Shows the whole text of a camera, or the log again.
    Details,
    /// Shows the log again.
    Close,
    /// Ctrl-C: the terminal makes no signal of it while single keys are read.
    Interrupt,
}

impl Key {
    fn of(event: KeyEvent) -> Option<Self> {
        let is_control = event.modifiers.contains(KeyModifiers::CONTROL);
        Some(match event.code {
            KeyCode::Char('c') if is_control => Self::Interrupt,
            KeyCode::Up | KeyCode::Char('k') => Self::Up,
            KeyCode::Down | KeyCode::Char('j') => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::First,
            KeyCode::End => Self::Last,
            KeyCode::Enter | KeyCode::Char(' ') => Self::Details,
            KeyCode::Esc => Self::Close,
            _ => return None,
        })
    }
}

/// Reads single keys. Dropping it leaves the terminal as it was.
pub struct Keys {
    keys: mpsc::Receiver<Key>,
    reader: JoinHandle<()>,
    stop: CancellationToken,
    _raw: RawMode,
}

impl Keys {
    /// `None`: nobody can type here.
    pub fn open() -> Option<Self> {
        let raw = RawMode::enable()?;
        let (sender, keys) = mpsc::channel(MAX_QUEUED_KEYS);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        // It ends within the poll interval.
        let reader = tokio::task::spawn_blocking(move || {
            while !stopped.is_cancelled() {
                // Crossterm never returns from a terminal that is closed, so look first.
                match wait_for_input() {
                    Input::Ready => {}
                    Input::Nothing => continue,
                    Input::Closed => return,
                }
                match event::poll(Duration::ZERO) {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(_) => return,
                }
                let Ok(event) = event::read() else {
                    return;
                };
                let Event::Key(event) = event else {
                    continue;
                };
                if event.kind != KeyEventKind::Release
                    && let Some(key) = Key::of(event)
                    // Full: the table is busy. Nobody misses an arrow.
                    && let Err(mpsc::error::TrySendError::Full(Key::Interrupt)) = sender.try_send(key)
                    && sender.blocking_send(Key::Interrupt).is_err()
                {
                    return;
                }
            }
        });
        Some(Self {
            keys,
            reader,
            stop,
            _raw: raw,
        })
    }

    /// `None`: there will be no more.
    pub async fn next(&mut self) -> Option<Key> {
        self.keys.recv().await
    }

    pub async fn close(mut self) {
        self.stop.cancel();
        self.keys.close();
        // A panic has already printed its message.
        let _ = self.reader.await;
    }
}

enum Input {
    Ready,
    Nothing,
    Closed,
}

/// Waits for the poll interval at most.
fn wait_for_input() -> Input {
    let stdin = io::stdin();
    let mut input = [PollFd::new(&stdin, PollFlags::IN)];
    let timeout = Timespec::try_from(POLL_INTERVAL).ok();
    match poll(&mut input, timeout.as_ref()) {
        Err(rustix::io::Errno::INTR) | Ok(0) => Input::Nothing,
        Err(_) => Input::Closed,
        Ok(_) => match input[0].revents() == PollFlags::IN {
            true => Input::Ready,
            false => Input::Closed,
        },
    }
}

/// The terminal passes on each key at once, and shows none.
struct RawMode;

impl RawMode {
    fn enable() -> Option<Self> {
        let can_read = io::stdin().is_terminal() && is_in_foreground();
        (can_read && enable_raw_mode().is_ok()).then_some(Self)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // An error means that there is no terminal any more.
        let _ = disable_raw_mode();
    }
}

/// A program in the background (`&`) that changes the terminal is stopped by the system.
fn is_in_foreground() -> bool {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields after the name, which may contain spaces: state, parent, group, session, terminal, group in front.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let fields: Vec<&str> = fields.unwrap_or_default().split_whitespace().collect();
    fields
        .get(2)
        .is_some_and(|group| fields.get(5) == Some(group))
}
