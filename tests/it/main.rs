//! The integration tests: a module for each concern, on what `common` holds. `bash tests/run.sh` runs each
//! test in a process of its own.

mod common;

mod answers;
mod benches;
mod both;
mod capture;
mod cycles;
mod delay;
mod embedding;
mod encoders;
mod errors;
mod examples;
mod faults;
mod files;
mod interop;
mod limits;
mod live;
mod livekit;
mod loss;
mod marks;
mod models;
mod networks;
mod ocr;
mod passthrough;
mod quickstart;
mod rate;
mod readme;
mod secrets;
mod session;
mod soak;
mod stats;
mod v1;
mod valgrind;
mod vlm;
