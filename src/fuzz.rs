//! Fuzzing on stable Rust, as a part of the tests: what comes from outside is mutated and parsed.
//!
//! Each parser has a folder of real inputs in `tests/corpus/`, from which mutants are made for
//! `OVERSHOOT_FUZZ_SECONDS` (1.5, for every run of the tests). An input that makes a parser panic,
//! take long or take much memory is added to that folder, smaller where that can be, and so is
//! tried first from then on.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{env, process, thread};

use mutatis::check::{Check, CheckError};
use mutatis::{Context, Mutate, mutators};

/// Words for parsers of JSON.
pub const JSON: &[&str] = &[
    "null", "[", "{", "]", "}", ",", ":", "-1", "1e308", "1e22", "1e15", "\\u0000", "\\ud800", "é",
];

/// For each parser.
const TIME: Duration = Duration::from_millis(1500);
/// Mutants that grow out of each other, before it starts again from the corpus: much later they
/// resemble nothing.
const ROUND: usize = 64;
const SHRINKS: usize = 10_000;
/// The longest mutant.
const MOST: usize = 64 * 1024;
/// One input takes microseconds, or a start of webrtcbin; this is for busy machines.
const HANG: Duration = Duration::from_secs(10);
/// What the process may take beyond what it had before; in bytes.
const MEMORY: usize = 512 << 20;

/// Tries a parser with its corpus and with mutants of it. `words` are what its language has, to be
/// put anywhere. `parse` panics where something is wrong, and says whether it took the input: to
/// show anything, some inputs must be taken, and some not.
pub fn fuzz(parser: &str, words: &[&str], mut parse: impl FnMut(&[u8]) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(parser);
    let corpus = read(&folder);
    let watch = Watch::start(parser, &folder);
    let time = env::var("OVERSHOOT_FUZZ_SECONDS").map_or(TIME, |seconds| {
        Duration::from_secs_f64(seconds.parse().expect("OVERSHOOT_FUZZ_SECONDS is a number"))
    });
    let start = Instant::now();
    // Other mutants with each run.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut seed = now.map_or(0, |now| now.as_secs()) << 32;
    let (mut taken, mut refused) = (0_u64, 0_u64);
    while seed & 1 == 0 || start.elapsed() < time {
        seed += 1;
        let tried = Check::new()
            .iters(ROUND)
            .max_shrink_iters(SHRINKS)
            .seed(seed)
            .run_with(mutator(&corpus, words), corpus.iter().cloned(), |input| {
                watch.begins(input);
                if parse(input) {
                    taken += 1;
                } else {
                    refused += 1;
                }
                watch.ends();
                Ok::<_, String>(())
            });
        match tried {
            Ok(()) => {}
            Err(CheckError::Failed(failure)) => {
                let kept = keep(&folder, &failure.value);
                panic!("{parser}: {}\n{kept}", failure.value.escape_ascii());
            }
            Err(error) => panic!("{parser}: {error}"),
        }
    }
    println!(
        "{parser}: {taken} inputs taken, {refused} not, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    assert!(taken > 0 && refused > 0, "{taken} taken, {refused} not");
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect()
}

/// Adds an input to the corpus; says where it is.
fn keep(folder: &Path, input: &[u8]) -> String {
    let sum = gst::glib::compute_checksum_for_data(gst::glib::ChecksumType::Sha256, input);
    let name = format!("failed-{}", &sum.unwrap_or_default()[..12]);
    match fs::write(folder.join(&name), input) {
        Ok(()) => format!("kept as {}", folder.join(name).display()),
        Err(error) => format!("could not be kept: {error}"),
    }
}

/// One edit, of the kinds that break parsers.
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
            // Again and again, as for what nests or is counted.
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
        input.truncate(MOST);
        Ok(())
    })
}

/// Mostly a short one.
fn range(context: &mut Context, length: usize) -> (usize, usize) {
    let rng = context.rng();
    let from = rng.gen_index(length + 1).unwrap_or_default();
    let most = (length - from).min(1 << rng.gen_index(12).unwrap_or_default());
    (from, from + rng.gen_index(most + 1).unwrap_or_default())
}

/// Since when, and which input.
type UnderWay = Mutex<Option<(Instant, Vec<u8>)>>;

/// Ends the process where an input takes too long or too much memory: nothing else could. What
/// kills the process at once, as C code can, leaves its input in a file.
struct Watch {
    under_way: Arc<UnderWay>,
    last: File,
}

impl Watch {
    fn start(parser: &str, folder: &Path) -> Self {
        let path = env::temp_dir().join(format!("overshoot-fuzz-{parser}-{}", process::id()));
        let last = File::create(&path).expect("a file can be made");
        println!(
            "{parser}: if it dies, it is of the input in {}",
            path.display()
        );
        let under_way = Arc::<UnderWay>::default();
        let weak = Arc::downgrade(&under_way);
        let (name, folder) = (parser.to_owned(), folder.to_owned());
        let before = memory();
        thread::spawn(move || {
            while let Some(under_way) = weak.upgrade() {
                Self::look(&under_way, &name, &folder, before);
                drop(under_way);
                thread::sleep(Duration::from_millis(50));
            }
            // The path is of no use any more; where it is gone already, that is fine.
            let _ = fs::remove_file(path);
        });
        Self { under_way, last }
    }

    fn look(under_way: &UnderWay, parser: &str, folder: &Path, before: usize) {
        let under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, input)) = &*under_way else {
            return;
        };
        let (took, grown) = (since.elapsed(), memory().saturating_sub(before));
        if took > HANG || grown > MEMORY {
            let kept = keep(folder, input);
            eprintln!(
                "{parser}: {took:?}, {} MiB: {}\n{kept}",
                grown >> 20,
                input.escape_ascii()
            );
            process::abort();
        }
    }

    fn begins(&self, input: &[u8]) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *under_way = Some((Instant::now(), input.to_vec()));
        self.last
            .set_len(input.len() as u64)
            .and_then(|()| self.last.write_all_at(input, 0))
            .expect("the file can be written");
    }

    fn ends(&self) {
        *self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What the process has in memory; in bytes.
fn memory() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells");
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
    fn what_breaks_a_parser_is_found_and_made_small() {
        // One that can't take a word of its own language, far from anything in its corpus.
        let tried = Check::new().iters(100_000).seed(1).run_with(
            mutator(&[b"abc".to_vec()], &["<", "deep"]),
            [b"abc".to_vec()],
            |input: &Vec<u8>| {
                if input.windows(8).any(|part| part == b"deepdeep") {
                    return Err("too deep");
                }
                Ok(())
            },
        );
        match tried {
            Err(CheckError::Failed(failure)) => assert_eq!(failure.value, b"deepdeep"),
            other => panic!("{other:?}"),
        }
    }
}
