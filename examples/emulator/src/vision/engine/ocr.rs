// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! OCR with tesseract: one process for each picture.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::vision::engine::{EngineError, TESSERACT};
use crate::vision::jpeg::{self, Jpeg};

/// Reading a picture takes a fraction of a second, and several seconds on a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Pictures of at most this width are doubled in size: tesseract needs letters of 20 pixels' height, letters
/// on screens have 10.
const SMALL_PICTURE_WIDTH: usize = 1_280;
/// tesseract's mode for sparse text: pictures are not pages.
const PAGE_SEGMENTATION_MODE: &str = "11";
/// Textures that tesseract takes for text stay below this, mostly far below.
const MIN_CONFIDENCE_PERCENT: f32 = 60.0;

/// A text reader: tesseract, in Debian the package `tesseract-ocr`.
#[derive(Clone, Debug)]
pub struct Ocr {
    language: String,
    /// One for each core.
    permits: Arc<Semaphore>,
}

impl Ocr {
    /// A reader for a language, by tesseract's name for it, such as `eng`, or for several, such as `eng+deu`.
    ///
    /// # Errors
    ///
    /// If tesseract or the language is not installed. The text is a sentence that names the package to
    /// install.
    pub fn new(language: &str) -> Result<Self, String> {
        let listed = std::process::Command::new(TESSERACT)
            .arg("--list-langs")
            .output();
        let listed = listed.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                "tesseract is not installed here: apt-get install tesseract-ocr".to_owned()
            }
            _ => format!("tesseract does not start: {error}"),
        })?;
        // Before 5.0, the list was on stderr.
        let listed = [listed.stdout, listed.stderr].concat();
        let listed = String::from_utf8_lossy(&listed);
        for wanted in language.split('+') {
            if !listed.lines().any(|line| line.trim() == wanted) {
                return Err(missing(wanted));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Ocr {
            language: language.to_owned(),
            permits: Arc::new(Semaphore::new(cores)),
        })
    }

    /// The text in a picture, line by line; empty if there is none. Dropping the future stops the reader.
    pub(crate) async fn read(&self, jpeg: Jpeg) -> Result<String, EngineError> {
        let failed = |why: String| EngineError::Failed(format!("tesseract failed: {why}"));
        let _turn = self
            .permits
            .acquire()
            .await
            .map_err(|error| failed(error.to_string()))?;
        let picture = spawn_blocking(move || jpeg::grey(&jpeg).map(to_pgm)).await;
        let picture = picture.ok().flatten();
        let picture = picture.ok_or_else(|| failed("the picture cannot be decoded".to_owned()))?;
        match tokio::time::timeout(ANSWER_TIMEOUT, self.run(&picture)).await {
            Ok(read) => read.map_err(failed),
            Err(_) => Err(EngineError::TimedOut {
                who: TESSERACT.to_owned(),
                after: ANSWER_TIMEOUT,
            }),
        }
    }

    async fn run(&self, picture: &[u8]) -> Result<String, String> {
        let mut child = Command::new(TESSERACT)
            .args(["stdin", "stdout", "-l", &self.language])
            .args(["--psm", PAGE_SEGMENTATION_MODE, "tsv"])
            // For pictures of this size, its threads cost more than they help.
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let stdin = child.stdin.take();
        let feed = async {
            match stdin {
                // Dropping stdin marks the end of the picture.
                Some(mut stdin) => stdin.write_all(picture).await,
                None => Ok(()),
            }
        };
        let (fed, output) = tokio::join!(feed, child.wait_with_output());
        let output = output.map_err(|error| error.to_string())?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let text = text.lines().last().unwrap_or_default();
            return Err(format!("{}: {text}", output.status));
        }
        fed.map_err(|error| error.to_string())?;
        Ok(text(&String::from_utf8_lossy(&output.stdout)))
    }
}

fn missing(language: &str) -> String {
    // As Debian names its packages: tesseract-ocr-chi-sim has `chi_sim`.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if language.is_empty() || !language.chars().all(plain) {
        return format!("tesseract has no language `{language}`: use one such as eng or deu");
    }
    let package = language.to_lowercase().replace('_', "-");
    format!("tesseract has no language `{language}` here: apt-get install tesseract-ocr-{package}")
}

/// A grey picture as a PGM; a small one at twice its size.
fn to_pgm((width, height, grey): (usize, usize, Vec<u8>)) -> Vec<u8> {
    let (width, height, grey) = if width <= SMALL_PICTURE_WIDTH {
        (2 * width, 2 * height, doubled(width, height, &grey))
    } else {
        (width, height, grey)
    };
    let mut pgm = format!("P5\n{width} {height}\n255\n").into_bytes();
    pgm.extend(grey);
    pgm
}

/// The picture at twice its size, with means between the pixels.
fn doubled(width: usize, height: usize, grey: &[u8]) -> Vec<u8> {
    let mean = |one: u8, other: u8| u8::midpoint(one, other);
    let wide = |row: &[u8]| -> Vec<u8> {
        let next = row.iter().skip(1).chain(row.last());
        let pairs = row.iter().zip(next);
        pairs
            .flat_map(|(one, next)| [*one, mean(*one, *next)])
            .collect()
    };
    let mut large = Vec::with_capacity(4 * width * height);
    let mut rows = grey.chunks_exact(width.max(1)).map(wide).peekable();
    while let Some(row) = rows.next() {
        let next = rows.peek().unwrap_or(&row);
        let between: Vec<u8> = row.iter().zip(next).map(|(a, b)| mean(*a, *b)).collect();
        large.extend(row);
        large.extend(between);
    }
    large
}

/// The words that tesseract is confident of, from its table. Each line of the table is a word: block,
/// paragraph and line are in columns 3 to 5, the confidence is in column 11, the word in column 12.
fn text(table: &str) -> String {
    let mut lines: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [
            _,
            _,
            block,
            paragraph,
            line,
            _,
            _,
            _,
            _,
            _,
            confidence,
            word,
        ] = columns[..]
        else {
            continue;
        };
        let sure = confidence
            .parse::<f32>()
            .is_ok_and(|c| c >= MIN_CONFIDENCE_PERCENT);
        if !sure || !word.chars().any(char::is_alphanumeric) {
            continue;
        }
        let place = vec![block, paragraph, line];
        match lines.last_mut() {
            Some((of, words)) if *of == place => words.push(word),
            _ => lines.push((place, vec![word])),
        }
    }
    let lines: Vec<String> = lines.iter().map(|(_, words)| words.join(" ")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_lines_and_noise_is_dropped() {
        let head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext";
        let row = |place: &str, conf: &str, word: &str| {
            format!("5\t1\t{place}\t1\t10\t10\t50\t20\t{conf}\t{word}")
        };
        let table = [
            head.to_owned(),
            "1\t1\t0\t0\t0\t0\t0\t0\t1280\t720\t-1\t".to_owned(),
            row("1\t1\t1", "96.1", "Gate"),
            row("1\t1\t1", "93", "42"),
            row("2\t1\t1", "23", "eeoo"),
            row("3\t1\t1", "83", "®"),
            row("4\t1\t1", "91.5", "Please"),
            row("4\t1\t1", "59.9", "not"),
            row("4\t1\t2", "60", "left"),
            "rubbish".to_owned(),
        ]
        .join("\n");
        assert_eq!(text(&table), "Gate 42\nPlease\nleft");
        assert_eq!(text(""), "");
    }

    #[test]
    fn small_pictures_are_doubled() {
        assert_eq!(
            doubled(2, 2, &[0, 100, 50, 150]),
            [
                0, 50, 100, 100, 25, 75, 125, 125, 50, 100, 150, 150, 50, 100, 150, 150
            ]
        );
        assert!(to_pgm((2, 1, vec![7, 9])).starts_with(b"P5\n4 2\n255\n"));
        assert!(to_pgm((1_920, 1, vec![7; 1_920])).starts_with(b"P5\n1920 1\n255\n"));
    }

    /// The CPU time, in hundredths of a second, of the tesseract process that this process runs. No other
    /// test here reads.
    #[cfg(target_os = "linux")]
    fn reader() -> Option<u64> {
        let processes = std::fs::read_dir("/proc").expect("processes");
        processes.filter_map(Result::ok).find_map(|process| {
            // A process may end meanwhile.
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // After the name come state, parent, …; the times are the 12th and 13th.
            let (_, rest) = stat.split_once("(tesseract) ")?;
            let fields: Vec<&str> = rest.split(' ').collect();
            let mine = fields[1] == std::process::id().to_string() && fields[0] != "Z";
            let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
            mine.then(|| ticks(11) + ticks(12))
        })
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn dropping_the_future_stops_the_reader() {
        let noise = |x: usize, y: usize| {
            let mixed = (x as u32 + 1).wrapping_mul(2_654_435_761_u32.wrapping_mul(y as u32 + 1));
            (mixed >> 24) as u8
        };
        // Noise takes seconds to read.
        let picture = crate::vision::measures::tests::sample(1_280, 720, noise);
        let picture: Jpeg = jpeg::encode(&picture, jpeg::JpegPreset::READABLE)
            .expect("a JPEG")
            .into();
        let ocr = Ocr::new("eng").expect("tesseract");
        let start = std::time::Instant::now();
        let pause = || async {
            assert!(start.elapsed() < Duration::from_secs(30), "{:?}", reader());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let under_way = async {
            // By then it has received the picture.
            while reader() <= Some(15) {
                pause().await;
            }
        };
        tokio::select! {
            read = ocr.read(picture) => panic!("{read:?}"),
            () = under_way => {}
        }
        let mut last = 0;
        while let Some(time) = reader() {
            last = time;
            pause().await;
        }
        assert!(last < 45, "stopped after {last} hundredths of a second");
    }

    #[test]
    fn a_missing_language_is_named_with_its_package() {
        let missing = |language| Ocr::new(language).expect_err("not there");
        assert!(missing("zzz_Old").contains("apt-get install tesseract-ocr-zzz-old"));
        assert!(missing("eng+zzz").contains("`zzz`"));
        assert!(missing("").contains("eng or deu"));
        assert!(missing("../x").contains("eng or deu"));
    }
}
