// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The table of cameras on the terminal. It scrolls, and shows the whole text of a camera.

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
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};
use ratatui::{Frame, Terminal};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::keys::{Key, Keys};
use super::{Board, CameraStatus, State};
use crate::log::{Log, TABLE_LOG_LINES};

const REDRAW_INTERVAL: Duration = Duration::from_millis(250);

/// Draws the table until `stop` is cancelled. Then the terminal is as before. Ctrl-C cancels `interrupt`.
pub fn show(
    board: &Arc<Board>,
    log: &Arc<Log>,
    interrupt: CancellationToken,
    stop: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let (board, log) = (board.clone(), log.clone());
    let mut screen = Screen::open(log.clone())?;
    let mut keys = Keys::open();
    Ok(tokio::spawn(async move {
        let mut each = interval(REDRAW_INTERVAL);
        each.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut view = View {
            has_keys: keys.is_some(),
            ..View::default()
        };
        loop {
            tokio::select! {
                _ = each.tick() => {}
                Some(key) = next_key(&mut keys) => match key {
                    Key::Interrupt => interrupt.cancel(),
                    key => view.handle(key),
                },
                () = stop.cancelled() => break,
            }
            let drawn = screen
                .terminal
                .draw(|frame| draw(frame, &board, &log, &mut view));
            if drawn.is_err() {
                // The terminal is closed.
                interrupt.cancel();
                break;
            }
        }
        if let Some(keys) = keys {
            keys.close().await;
        }
    }))
}

async fn next_key(keys: &mut Option<Keys>) -> Option<Key> {
    match keys {
        Some(keys) => keys.next().await,
        None => None,
    }
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

/// What the user looks at.
#[derive(Default)]
struct View {
    has_keys: bool,
    table: TableState,
    /// The whole text of the selected camera is shown.
    has_details: bool,
    /// How many rows were shown last.
    rows: u16,
}

impl View {
    fn handle(&mut self, key: Key) {
        let page = self.rows.max(1);
        match key {
            Key::Up => self.table.scroll_up_by(1),
            // The first one selects the first row.
            Key::Down if self.table.selected().is_none() => self.table.select_first(),
            Key::Down => self.table.scroll_down_by(1),
            Key::PageUp => self.table.scroll_up_by(page),
            Key::PageDown => self.table.scroll_down_by(page),
            Key::First => self.table.select_first(),
            Key::Last => self.table.select_last(),
            Key::Details => {
                if self.table.selected().is_none() {
                    self.table.select_first();
                }
                self.has_details = !self.has_details;
            }
            Key::Close => self.has_details = false,
            Key::Interrupt => {}
        }
    }

    fn title(&self, count: usize) -> String {
        let first = self.table.offset();
        let last = (first + usize::from(self.rows)).min(count);
        let cameras = match count {
            1 => "1 camera".to_owned(),
            _ if count > usize::from(self.rows) => {
                format!("{} to {last} of {count} cameras", first + 1)
            }
            _ => format!("{count} cameras"),
        };
        let keys = match (self.has_keys, self.has_details) {
            (false, _) => "",
            (true, false) => " ↑ ↓ select, Enter shows the whole text;",
            (true, true) => " ↑ ↓ select, Enter shows the log;",
        };
        format!(" {cameras};{keys} Ctrl-C ends ")
    }
}

fn draw(frame: &mut Frame, board: &Board, log: &Log, view: &mut View) {
    let cameras = board.cameras();
    let below = match view.has_details {
        true => Constraint::Percentage(50),
        false => Constraint::Length(TABLE_LOG_LINES as u16 + 1),
    };
    let [table, below] = Layout::vertical([Constraint::Min(3), below]).areas(frame.area());
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
        .row_highlight_style(Style::new().reversed())
        .column_spacing(1);
    view.rows = table.height.saturating_sub(1);
    frame.render_stateful_widget(table_of_cameras, table, &mut view.table);
    let selected = view.table.selected().and_then(|index| cameras.get(index));
    let text = match selected.filter(|_| view.has_details) {
        Some(camera) => vec![Line::raw(details(camera))],
        None => log.lines().into_iter().map(Line::raw).collect(),
    };
    let block = Block::new()
        .borders(ratatui::widgets::Borders::TOP)
        .title(view.title(cameras.len()));
    let mut paragraph = Paragraph::new(text).block(block);
    if view.has_details {
        paragraph = paragraph.wrap(Wrap { trim: false });
    }
    frame.render_widget(paragraph, below);
}

/// The whole text of a camera.
fn details(camera: &CameraStatus) -> String {
    let current = camera.current();
    let text = format!(
        "{} ({}): {}",
        camera.name,
        current.state.name(),
        current.note
    );
    text.replace(char::is_control, " ")
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
            .draw(|frame| draw(frame, &board, &log, &mut View::default()))
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

    /// The lines of a terminal with 80 columns and 14 rows: four cameras and the log.
    fn lines(board: &Board, view: &mut View) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(80, 14)).expect("a terminal");
        let log = Log::default();
        let drawn = terminal.draw(|frame| draw(frame, board, &log, view));
        drawn.expect("drawn");
        let text = terminal.backend().to_string();
        text.lines()
            .map(|line| line.trim_matches('"').trim_end().to_owned())
            .collect()
    }

    #[test]
    fn the_order_is_that_of_the_file_and_keys_scroll_and_show_the_whole_text() {
        let board = Board::new();
        let names = ["zoo", "yard", "gate", "door", "attic", "cellar"];
        board.set_order(names.map(str::to_owned).to_vec());
        for name in ["attic", "cellar", "door", "gate", "yard", "zoo"] {
            board.add(name);
        }
        let cause = format!(
            "no video: {} end of the cause",
            "a long reason, ".repeat(10)
        );
        board.cameras()[5].set_problem(&cause);
        let mut view = View {
            has_keys: true,
            ..View::default()
        };
        let shown = |lines: &[String]| {
            let rows = lines.iter().skip(1).take(view_rows(lines));
            let first = rows.map(|row| row.split(' ').next().unwrap_or_default().to_owned());
            first.collect::<Vec<_>>()
        };
        let first = lines(&board, &mut view);
        assert_eq!(shown(&first), ["zoo", "yard", "gate", "door"], "{first:#?}");
        assert!(
            first[5].contains("1 to 4 of 6 cameras; ↑ ↓ select"),
            "{first:#?}"
        );
        view.handle(Key::Down);
        view.handle(Key::PageDown);
        view.handle(Key::Down);
        let last = lines(&board, &mut view);
        assert_eq!(
            shown(&last),
            ["gate", "door", "attic", "cellar"],
            "{last:#?}"
        );
        assert!(last[5].contains("3 to 6 of 6 cameras"), "{last:#?}");
        assert!(!last.concat().contains("end of the cause"), "{last:#?}");
        view.handle(Key::Details);
        let details = lines(&board, &mut view).concat();
        assert!(details.contains("cellar (waiting): no video"), "{details}");
        assert!(details.contains("end of the cause"), "{details}");
        view.handle(Key::Close);
        view.handle(Key::First);
        assert_eq!(lines(&board, &mut view)[1..5], first[1..5]);
    }

    fn view_rows(lines: &[String]) -> usize {
        lines
            .iter()
            .position(|line| line.contains("cameras;"))
            .map_or(0, |at| at - 1)
    }
}
