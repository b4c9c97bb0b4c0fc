// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The fault matrix: everything that can go wrong with each call, the socket and the video. A row names the expected
//! messages, states and requests, and asserts that a second branch gets every frame: see [`row::Row`]. To add a row,
//! add it to a table in `tests/it/faults/`.

mod counts;
mod fault;
mod http;
mod media;
mod on_the_way;
mod prompt;
mod room;
mod row;
mod socket;
mod stopping;
mod test_bed;
mod v1;
mod v1_chat;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use counts::Counts;
use row::Row;

use crate::common::tls;

/// The number of rows that run at the same time.
const PARALLEL_ROWS: usize = 10;

/// If this variable is set, only rows whose names contain its value run.
const FILTER_VARIABLE: &str = "OVERSHOOT_FAULTS";

/// The file of the certificate that the matrix trusts. TLS libraries read the trusted certificates only once, when a
/// process starts, so the matrix runs in a child process.
const TRUSTED_CERTIFICATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults-trusted.pem");
/// The file of a certificate that the matrix does not trust.
const UNTRUSTED_CERTIFICATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults-untrusted.pem");

#[test]
fn every_fault_has_its_outcome() {
    if std::env::var(tls::CERTIFICATES_VARIABLE).as_deref() != Ok(TRUSTED_CERTIFICATE) {
        tls::make_certificate("localhost", TRUSTED_CERTIFICATE.as_ref());
        tls::make_certificate("localhost", UNTRUSTED_CERTIFICATE.as_ref());
    }
    if crate::common::process::is_child_with(
        "faults::every_fault_has_its_outcome",
        tls::CERTIFICATES_VARIABLE,
        TRUSTED_CERTIFICATE,
    ) {
        run_matrix();
    }
}

fn run_matrix() {
    let start = Instant::now();
    let name_part = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    // The slowest rows first.
    let mut rows: Vec<Row> = room::rows();
    rows.extend(media::rows());
    rows.extend(on_the_way::rows());
    rows.extend(v1_chat::rows());
    rows.extend(v1::rows());
    rows.extend(socket::rows());
    rows.extend(http::rows());
    rows.extend(stopping::rows());
    rows.reverse();
    rows.retain(|row| row.name.contains(&name_part));
    let count = rows.len();
    assert!(count > 0, "{FILTER_VARIABLE}={name_part:?} matches no row");
    crate::common::init();
    let rows = Mutex::new(rows);
    let done = Mutex::new((Counts::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..PARALLEL_ROWS {
            scope.spawn(|| {
                loop {
                    let Some(row) = rows.lock().expect("no panic").pop() else {
                        break;
                    };
                    let outcome = catch_unwind(AssertUnwindSafe(|| row.run()));
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
         second branches; PLAYING took at most {:?}, NULL at most {:?}",
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
