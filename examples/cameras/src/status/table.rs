// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The table of cameras on the terminal.

use std::io::{self, Stderr};
use std::sync::Arc;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use ratatui::{Frame, Terminal};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Board, CameraStatus, State};
use crate::log::{Log, TABLE_LOG_LINES};

const REDRAW_INTERVAL: Duration = Duration::from_millis(250);

/// Draws the table until `stop` is cancelled. Then the terminal is as before.
pub fn show(
    board: &Arc<Board>,
    log: &Arc<Log>,
    stop: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let (board, log) = (board.clone(), log.clone());
    let mut screen = Screen::open(log.clone())?;
    Ok(tokio::spawn(async move {
        let mut each = interval(REDRAW_INTERVAL);
        each.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = each.tick() => {}
                () = stop.cancelled() => return,
            }
            let drawn = screen.terminal.draw(|frame| draw(frame, &board, &log));
            if drawn.is_err() {
                // The terminal is closed. The cameras continue.
                return;
            }
        }
    }))
}

struct Screen {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    log: Arc<Log>,
}

impl Screen {
    fn open(log: Arc<Log>) -> io::Result<Self> {
        execute!(io::stderr(), EnterAlternateScreen, Hide)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
        log.show_in_table();
        Ok(Self { terminal, log })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // An error means that there is no terminal to restore.
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
        self.log.print_to_stderr();
    }
}

fn draw(frame: &mut Frame, board: &Board, log: &Log) {
    let cameras = board.cameras();
    let lines = log.lines();
    let [table, below] = Layout::vertical([
        Constraint::Min(3),
        Constraint::Length(TABLE_LOG_LINES as u16 + 1),
    ])
    .areas(frame.area());
    let header = [
        "camera",
        "state",
        "fps",
        "latency",
        "answers",
        "cost",
        "last answer",
    ];
    let widths = [
        Constraint::Length(20),
        Constraint::Length(12),
        Constraint::Length(4),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    let rows = cameras.iter().map(|camera| row(camera));
    let table_of_cameras = Table::new(rows, widths)
        .header(Row::new(header).style(Style::new().bold().reversed()))
        .column_spacing(1);
    frame.render_widget(table_of_cameras, table);
    let lines: Vec<Line> = lines.iter().map(|line| Line::raw(line.as_str())).collect();
    let title = match cameras.len() {
        1 => " 1 camera; Ctrl-C ends ".to_owned(),
        count => format!(" {count} cameras; Ctrl-C ends "),
    };
    let block = Block::new()
        .borders(ratatui::widgets::Borders::TOP)
        .title(title);
    frame.render_widget(Paragraph::new(lines).block(block), below);
}

fn row(camera: &CameraStatus) -> Row<'static> {
    let current = camera.current();
    let colour = match current.state {
        State::Streaming => Color::Green,
        State::Waiting | State::Connecting | State::Starting => Color::Yellow,
        State::Reconnecting | State::Pausing | State::Refused => Color::Red,
    };
    let latency = current.latency_ms.map(|ms| format!("{ms:.0} ms"));
    // The terminal would interpret control characters in an answer.
    let note = current.note.replace(char::is_control, " ");
    Row::new([
        Cell::new(camera.name.to_string()),
        Cell::new(current.state.name()).style(colour),
        Cell::new(format!("{:.0}", camera.metrics.fps.get())),
        Cell::new(latency.unwrap_or_default()),
        Cell::new(camera.metrics.answers.get().to_string()),
        Cell::new(cost(camera)),
        Cell::new(note),
    ])
}

/// In cents if the service reports them, or else the seconds that it bills.
fn cost(camera: &CameraStatus) -> String {
    match camera.metrics.cost.get() {
        cents if cents > 0.0 => format!("{cents:.2} ct"),
        _ => format!("{:.0} s", camera.metrics.streamed.get()),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn each_camera_is_a_row_with_its_state_rate_latency_cost_and_answer() {
        let (board, log) = (Board::new(), Log::default());
        log.show_in_table();
        log.camera("gate", "no video\nfrom \u{1b}[2J127.0.0.1");
        let gate = board.add("gate");
        gate.set_state(State::Streaming);
        gate.metrics.fps.set(24.8);
        gate.metrics.answers.inc_by(17);
        gate.metrics.streamed.inc_by(64.2);
        gate.set_answer("open\nwide \u{1b}[2J", Some(312.4));
        let yard = board.add("yard");
        yard.metrics.cost.inc_by(1.257);
        yard.set_problem("no video from 192.0.2.11");
        let mut terminal = Terminal::new(TestBackend::new(100, 14)).expect("a terminal");
        terminal
            .draw(|frame| draw(frame, &board, &log))
            .expect("drawn");
        let drawn = terminal.backend().to_string();
        let lines: Vec<Vec<&str>> = drawn
            .lines()
            .map(|line| line.trim_matches('"').split_whitespace().collect())
            .collect();
        let header = "camera state fps latency answers cost last answer";
        assert_eq!(lines[0].join(" "), header, "{drawn}");
        assert_eq!(
            lines[1].join(" "),
            "gate streaming 25 312 ms 17 64 s open wide [2J",
            "{drawn}"
        );
        assert_eq!(
            lines[2].join(" "),
            "yard waiting 0 0 1.26 ct no video from 192.0.2.11",
            "{drawn}"
        );
        assert!(drawn.contains("2 cameras; Ctrl-C ends"), "{drawn}");
        assert!(
            drawn.contains("gate: no video from  [2J127.0.0.1"),
            "{drawn}"
        );
    }
}
