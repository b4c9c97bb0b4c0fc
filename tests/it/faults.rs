//! The fault matrix: every call, the socket and the video, and what can go wrong with each. A row
//! names what is told, the states, the requests that the service sees, and the whole of the frames
//! on a sibling branch: see [`row::Row`]. To add one, add it to a table in `tests/faults/`.

mod fault;
mod http;
mod media;
mod room;
mod row;
mod scene;
mod socket;
mod stopping;
mod tls;
mod v1;
mod v1_chat;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use row::{Counts, Row};

/// Rows that are played at a time.
const AT_A_TIME: usize = 10;

/// Only rows whose names hold this are played, where it is set.
const ONLY: &str = "OVERSHOOT_FAULTS";

/// Where the certificate is that the matrix trusts, and one that it does not. TLS libraries look for
/// it once, when a process starts, so the matrix is played by a child.
const TRUSTED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults-trusted.pem");
const UNTRUSTED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults-untrusted.pem");

#[test]
fn every_fault_has_its_outcome() {
    if std::env::var(tls::TRUSTED).as_deref() != Ok(TRUSTED) {
        tls::make_certificate(TRUSTED.as_ref());
        tls::make_certificate(UNTRUSTED.as_ref());
    }
    if crate::common::process::is_child_with(
        "faults::every_fault_has_its_outcome",
        tls::TRUSTED,
        TRUSTED,
    ) {
        play();
    }
}

fn play() {
    let start = Instant::now();
    let only = std::env::var(ONLY).unwrap_or_default();
    // The long ones first.
    let mut rows: Vec<Row> = room::rows();
    rows.extend(media::rows());
    rows.extend(v1_chat::rows());
    rows.extend(v1::rows());
    rows.extend(socket::rows());
    rows.extend(http::rows());
    rows.extend(stopping::rows());
    rows.reverse();
    rows.retain(|row| row.name.contains(&only));
    let count = rows.len();
    assert!(count > 0, "{ONLY}={only:?} leaves no row");
    crate::common::init();
    let rows = Mutex::new(rows);
    let done = Mutex::new((Counts::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(row) = rows.lock().expect("no panic").pop() else {
                        break;
                    };
                    let outcome = catch_unwind(AssertUnwindSafe(|| row.play()));
                    let mut done = done.lock().expect("no panic");
                    match outcome {
                        Ok(counts) => done.0.add(counts),
                        Err(_) => done.1.push(row.name),
                    }
                }
            });
        }
    });
    let (counts, failed) = done.into_inner().expect("no panic");
    println!(
        "fault matrix: {count} rows in {:.0} s, {} failed; {} messages, {} requests, {} frames on \
         siblings; PLAYING took {:?} at the most, NULL {:?}",
        start.elapsed().as_secs_f64(),
        failed.len(),
        counts.messages,
        counts.requests,
        counts.frames,
        counts.slowest_start,
        counts.slowest_stop,
    );
    assert!(failed.is_empty(), "these rows failed: {failed:#?}");
}
