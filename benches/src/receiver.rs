// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The receiver: the emulator, in this process. Only the sender process is measured.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use gst_video::prelude::*;
use overshoot_emulator::{BASE_PATH, Config, Control, PictureSink};
use tokio::sync::oneshot;

use crate::frame_number;

/// The number of a frame, and when it was decoded.
type Picture = (u16, u64);

pub struct Receiver {
    pub url: String,
    control: Control,
    /// By stream id.
    pictures: Arc<Mutex<HashMap<String, Vec<Picture>>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// The received video. Times are in ns of CLOCK_MONOTONIC.
#[derive(Default)]
pub struct Received {
    pub first: Option<First>,
    /// By stream id.
    pub streams: BTreeMap<String, Stream>,
}

pub struct Stream {
    pub frames: u64,
}

/// Details of the first stream.
pub struct First {
    pub first_packet: Option<u64>,
    pub first_frame: Option<u64>,
    pub pictures: Vec<Picture>,
}

impl Receiver {
    /// Starts the receiver, and returns when it is ready. It can take many streams only without decoding.
    ///
    /// # Errors
    /// If no port is free.
    pub fn start(decode: bool) -> Result<Self, String> {
        let pictures = Arc::<Mutex<HashMap<String, Vec<_>>>>::default();
        let seen = pictures.clone();
        let config = Config {
            media_ip: network_address()?,
            max_streams_per_key: 64,
            decode,
            on_picture: Some(PictureSink::new(move |stream, sample, at| {
                if let Some(number) = read_number(sample) {
                    let mut pictures = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let entry = pictures.entry(stream.to_owned()).or_default();
                    entry.push((number, monotonic(at)));
                }
            })),
            ..Config::default()
        };
        let control = config.control.clone();
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let shutdown = async {
                // A dropped sender also completes this.
                let _ = stopped.await;
            };
            runtime
                .block_on(overshoot_emulator::run(listener, config, shutdown))
                .map_err(|error| format!("the emulator: {error}"))
        });
        wait_until_ready(&address.to_string()).map_err(|error| format!("the emulator: {error}"))?;
        Ok(Self {
            url: format!("http://{address}{BASE_PATH}"),
            control,
            pictures,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Stops the receiver. Returns what it received.
    ///
    /// # Errors
    /// If the receiver failed.
    pub fn finish(mut self) -> Result<Received, String> {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| "the emulator panicked")??;
        }
        let seen = self.control.snapshot();
        let mut pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Received {
            first: seen.streams.first().map(|first| First {
                first_packet: first.first_received.map(monotonic),
                first_frame: first.frames.first().map(|frame| monotonic(frame.at)),
                pictures: pictures.remove(&first.id).unwrap_or_default(),
            }),
            streams: seen
                .streams
                .into_iter()
                .map(|stream| {
                    let frames = stream.received;
                    (stream.id, Stream { frames })
                })
                .collect(),
        })
    }
}

/// Waits until the emulator answers. It loads its decoders first, and senders must not wait for that.
fn wait_until_ready(address: &str) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    write!(
        socket,
        "GET {BASE_PATH}/healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    if answer.contains(" 200 ") {
        Ok(())
    } else {
        Err(std::io::Error::other(answer))
    }
}

/// The network address of this machine, because sockets of libnice do not reach 127.0.0.1 by default. Without a network
/// the result is 127.0.0.1, and webrtcsink cannot be measured.
fn network_address() -> Result<IpAddr, String> {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|error| error.to_string())?;
    // Sends nothing: connect only looks up the route to this documentation address (RFC 5737).
    let address = socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr());
    Ok(address.map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip()))
}

fn read_number(sample: &gst::Sample) -> Option<u16> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    frame_number::read(frame.plane_data(0).ok()?, stride, frame.width() as usize)
}

fn monotonic(at: Instant) -> u64 {
    let now = gst::get_timestamp().nseconds();
    now.saturating_sub(at.elapsed().as_nanos() as u64)
}
