//! The far side: the emulator, in this process, which is not the one that is measured.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use gst_video::prelude::*;
use overshoot_emulator::{Config, Control, PictureSink};
use tokio::sync::oneshot;

use crate::number;
use crate::report::now;

/// When which frame of which stream had been decoded.
type Pictures = Arc<Mutex<HashMap<String, Vec<(u16, u64)>>>>;

pub struct Receiver {
    pub url: String,
    control: Control,
    pictures: Pictures,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What was received; times of CLOCK_MONOTONIC, in ns.
#[derive(Default)]
pub struct Received {
    pub first_packet: Option<u64>,
    pub first_frame: Option<u64>,
    /// Of the first stream.
    pub pictures: Vec<(u16, u64)>,
    /// Frames of all streams.
    pub frames: u64,
    pub streams: usize,
}

impl Receiver {
    /// Without decoding it bears many streams.
    pub fn start(decode: bool) -> Self {
        let pictures = Pictures::default();
        let seen = pictures.clone();
        let config = Config {
            media_ip: address(),
            max_streams_per_key: 64,
            decode,
            on_picture: Some(PictureSink::new(move |stream, sample, at| {
                if let Some(number) = read(sample) {
                    let mut pictures = seen.lock().expect("no panic");
                    let entry = pictures.entry(stream.to_owned()).or_default();
                    entry.push((number, monotonic(at)));
                }
            })),
            ..Config::default()
        };
        let control = config.control.clone();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let url = format!("http://{}/v0.2", listener.local_addr().expect("bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let shutdown = async {
                // A dropped sender stops it too.
                let _ = stopped.await;
            };
            runtime
                .block_on(overshoot_emulator::run(listener, config, shutdown))
                .expect("the emulator runs");
        });
        wait_for(&url);
        Self {
            url,
            control,
            pictures,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops it; what it saw.
    pub fn finish(mut self) -> Received {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the emulator ends in order");
        }
        let seen = self.control.snapshot();
        let Some(first) = seen.streams.first() else {
            return Received::default();
        };
        let mut pictures = self.pictures.lock().expect("no panic");
        Received {
            first_packet: first.first_received.map(monotonic),
            first_frame: first.frames.first().map(|frame| monotonic(frame.at)),
            pictures: pictures.remove(&first.id).unwrap_or_default(),
            frames: seen.streams.iter().map(|stream| stream.received).sum(),
            streams: seen.streams.len(),
        }
    }
}

/// Until it answers: it loads its decoders first, and senders must not wait for that.
fn wait_for(url: &str) {
    let address = url.trim_start_matches("http://").trim_end_matches("/v0.2");
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request =
        format!("GET /v0.2/healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    assert!(answer.contains(" 200 "), "{answer}");
}

/// The address by which this machine is on the network: libnice's sockets, unless told otherwise, do
/// not reach 127.0.0.1. Without a network that is all there is, and webrtcsink can't be measured.
fn address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // Sends nothing: the address is for documentation (RFC 5737), and only the route is looked up.
    match socket
        .connect("192.0.2.1:9")
        .and_then(|()| socket.local_addr())
    {
        Ok(address) => address.ip(),
        Err(_) => IpAddr::from([127, 0, 0, 1]),
    }
}

fn read(sample: &gst::Sample) -> Option<u16> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer()?, &info).ok()?;
    let stride = usize::try_from(frame.plane_stride()[0]).ok()?;
    number::read(frame.plane_data(0).ok()?, stride, frame.width() as usize)
}

fn monotonic(at: Instant) -> u64 {
    now() - at.elapsed().as_nanos() as u64
}
