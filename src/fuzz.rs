// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Fuzzing on stable Rust, as a part of the tests: input from outside is mutated and parsed.
//!
//! Each parser has a folder of real inputs in `tests/corpus/`. Mutants are made from them for
//! `OVERSHOOT_FUZZ_SECONDS` (default: 1.5). An input that makes a parser panic, run too long or use too much
//! memory is made smaller if possible and added to that folder. From then on, it is tried first.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use std::{env, process, thread};

use mutatis::check::{Check, CheckError};
use mutatis::{Context, Mutate, mutators};

use crate::lock::lock;

/// Words for parsers of JSON.
pub const JSON: &[&str] = &[
    "null", "[", "{", "]", "}", ",", ":", "-1", "1e308", "1e22", "1e15", "\\u0000", "\\ud800", "é",
];

/// The default time for each parser.
const DEFAULT_TIME: Duration = Duration::from_millis(1500);
/// Mutations of one input before it starts again from the corpus: after many more, mutants resemble no real
/// input.
const ROUND_ITERATIONS: usize = 64;
const MAX_SHRINK_ITERATIONS: usize = 10_000;
/// The longest mutant.
const MAX_MUTANT_BYTES: usize = 64 * 1024;
/// The limit for one input. It takes microseconds, or as long as webrtcbin needs to start; the rest is for
/// busy machines.
const INPUT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much memory the process may use in addition to what it had before.
const MAX_MEMORY_BYTES: usize = 512 << 20;

/// Tries a parser with its corpus and with mutants of it. `words` are words of its language, which mutants
/// contain anywhere. `parse` panics if something is wrong, and returns whether it accepted the input. A run
/// shows something only if some inputs are accepted and some are refused, so both must happen.
pub fn fuzz(parser: &str, words: &[&str], mut parse: impl FnMut(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(parser);
    let corpus = read(&folder);
    let watchdog = Watchdog::start(parser, &folder);
    let time = env::var("OVERSHOOT_FUZZ_SECONDS").map_or(DEFAULT_TIME, |seconds| {
        Duration::from_secs_f64(seconds.parse().expect("OVERSHOOT_FUZZ_SECONDS is a number"))
    });
    let start = Instant::now();
    // Each run tries other mutants.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut seed = now.map_or(0, |now| now.as_secs()) << 32;
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    while seed & 1 == 0 || start.elapsed() < time {
        seed += 1;
        let outcome = Check::new()
            .iters(ROUND_ITERATIONS)
            .max_shrink_iters(MAX_SHRINK_ITERATIONS)
            .seed(seed)
            .run_with(mutator(&corpus, words), corpus.iter().cloned(), |input| {
                watchdog.start_input(input);
                if parse(input) {
                    accepted += 1;
                } else {
                    refused += 1;
                }
                watchdog.end_input();
                Ok::<_, String>(())
            });
        match outcome {
            Ok(()) => {}
            Err(CheckError::Failed(failure)) => {
                let place = save(&folder, &failure.value);
                panic!("{parser}: {}\n{place}", failure.value.escape_ascii());
            }
            Err(error) => panic!("{parser}: {error}"),
        }
    }
    println!(
        "{parser}: {accepted} inputs accepted, {refused} refused, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    assert!(
        accepted > 0 && refused > 0,
        "{accepted} accepted, {refused} refused"
    );
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect()
}

/// Adds an input to the corpus. Returns where it is.
fn save(folder: &Path, input: &[u8]) -> String {
    let sum = gst::glib::compute_checksum_for_data(gst::glib::ChecksumType::Sha256, input);
    let name = format!("failed-{}", &sum.unwrap_or_default()[..12]);
    match fs::write(folder.join(&name), input) {
        Ok(()) => format!("saved as {}", folder.join(name).display()),
        Err(error) => format!("could not be saved: {error}"),
    }
}

/// Makes one edit, of the kinds that break parsers.
fn mutator(corpus: &[Vec<u8>], words: &[&str]) -> impl Mutate<Vec<u8>> {
    mutators::from_fn(move |context: &mut Context, input: &mut Vec<u8>| {
        let (from, to) = range(context, input.len());
        if context.shrink() {
            input.drain(from..to);
            return Ok(());
        }
        let rng = context.rng();
        match rng.gen_index(8).unwrap_or_default() {
            0 => drop(input.drain(from..to)),
            1 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << (rng.gen_u8() & 7);
                }
            }
            2 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte = rng.gen_u8();
                }
            }
            // Repeats a piece, for parsers that nest or count.
            3 => {
                let piece = input[from..to].repeat(1 << rng.gen_index(10).unwrap_or_default());
                input.splice(from..from, piece);
            }
            4 => {
                let other = rng.choose(corpus).map_or(&[][..], |other| &other[..]);
                let (start, end) = range(context, other.len());
                input.splice(from..to, other[start..end].iter().copied());
            }
            kind => {
                let word = rng.choose(words).map_or("", |word| *word);
                let end = if kind == 5 { from } else { to };
                input.splice(from..end, word.bytes());
            }
        }
        input.truncate(MAX_MUTANT_BYTES);
        Ok(())
    })
}

/// A random range, mostly a short one.
fn range(context: &mut Context, length: usize) -> (usize, usize) {
    let rng = context.rng();
    let from = rng.gen_index(length + 1).unwrap_or_default();
    let max = (length - from).min(1 << rng.gen_index(12).unwrap_or_default());
    (from, from + rng.gen_index(max + 1).unwrap_or_default())
}

/// The input that is being parsed, and since when.
type CurrentInput = Mutex<Option<(Instant, Vec<u8>)>>;

/// Aborts the process if an input takes too long or too much memory: nothing else can stop a parser. If C
/// code kills the process at once, its input stays in a file.
struct Watchdog {
    current: Arc<CurrentInput>,
    input_file: File,
}

impl Watchdog {
    fn start(parser: &str, folder: &Path) -> Self {
        let path = env::temp_dir().join(format!("overshoot-fuzz-{parser}-{}", process::id()));
        let input_file = File::create(&path).expect("a file can be made");
        println!(
            "{parser}: if the process dies, the input is in {}",
            path.display()
        );
        let current = Arc::<CurrentInput>::default();
        let weak = Arc::downgrade(&current);
        let (name, folder) = (parser.to_owned(), folder.to_owned());
        let before = memory_bytes();
        thread::spawn(move || {
            while let Some(current) = weak.upgrade() {
                Self::check(&current, &name, &folder, before);
                drop(current);
                thread::sleep(Duration::from_millis(50));
            }
            // The file is not needed any more, and may be gone already.
            let _ = fs::remove_file(path);
        });
        Self {
            current,
            input_file,
        }
    }

    fn check(current: &CurrentInput, parser: &str, folder: &Path, before: usize) {
        let current = lock(current);
        let Some((since, input)) = &*current else {
            return;
        };
        let (took, grown_by) = (since.elapsed(), memory_bytes().saturating_sub(before));
        if took > INPUT_TIMEOUT || grown_by > MAX_MEMORY_BYTES {
            let place = save(folder, input);
            eprintln!(
                "{parser}: {took:?}, {} MiB: {}\n{place}",
                grown_by >> 20,
                input.escape_ascii()
            );
            process::abort();
        }
    }

    fn start_input(&self, input: &[u8]) {
        let mut current = lock(&self.current);
        *current = Some((Instant::now(), input.to_vec()));
        self.input_file
            .set_len(input.len() as u64)
            .and_then(|()| self.input_file.write_all_at(input, 0))
            .expect("the file can be written");
    }

    fn end_input(&self) {
        *lock(&self.current) = None;
    }
}

/// The memory that the process uses.
fn memory_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux has this file");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("the second number");
    pages * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_breaks_a_parser_is_found_and_made_small() {
        // This parser fails on a word of its own language, which is far from anything in its corpus.
        let outcome = Check::new().iters(100_000).seed(1).run_with(
            mutator(&[b"abc".to_vec()], &["<", "deep"]),
            [b"abc".to_vec()],
            |input: &Vec<u8>| {
                if input.windows(8).any(|part| part == b"deepdeep") {
                    return Err("too deep");
                }
                Ok(())
            },
        );
        match outcome {
            Err(CheckError::Failed(failure)) => assert_eq!(failure.value, b"deepdeep"),
            other => panic!("{other:?}"),
        }
    }
}
