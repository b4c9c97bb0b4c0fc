// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The receiver: drives a peer and its UDP socket, and passes what arrives to the video track.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::media::{KeyframeRequestKind, MediaChanged, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Input, Output};
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::faults::packet_loss::PacketLoss;
use crate::media::peer::{self, Peer};
use crate::media::peer_command::{self, PeerCommand};
use crate::media::video_track::VideoTrack;
use crate::records::event::Event;
use crate::records::snapshot::EndReason;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How long a connected peer may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest UDP payload.
const MAX_DATAGRAM_BYTES: usize = 65_535;

/// Receives until the stream ends. If the connection is lost, the stream ends.
pub(crate) async fn run(peer: Peer, live: Arc<LiveStream>, app: Arc<App>) {
    let end_token = live.end_token.clone();
    receive(peer, None, end_token, live.clone(), app).await;
    live.end(EndReason::WebrtcDisconnected);
}

/// Receives until `end_token` is cancelled or the connection is lost.
pub(crate) async fn receive(
    peer: Peer,
    commands: Option<mpsc::Receiver<PeerCommand>>,
    end_token: CancellationToken,
    live: Arc<LiveStream>,
    app: Arc<App>,
) {
    let mut receiver = Receiver {
        peer,
        track: VideoTrack::new(commands.is_none(), live.clone(), app.clone()),
        commands,
        end_token,
        mid: None,
        connected: false,
        last_packet: Instant::now(),
        packets: 0,
        bytes: 0,
        packet_loss: PacketLoss::new(app.config.lose_every, app.config.bandwidth),
        live,
        app,
    };
    let problem = receiver.receive().await;
    receiver.flush_counts();
    if let Err(problem) = problem {
        receiver.report_problem(problem);
    }
    // Not on a worker thread of the runtime: this joins the decoder's threads.
    let _ = tokio::task::spawn_blocking(move || drop(receiver.track)).await;
}

struct Receiver {
    peer: Peer,
    commands: Option<mpsc::Receiver<PeerCommand>>,
    end_token: CancellationToken,
    track: VideoTrack,
    mid: Option<Mid>,
    connected: bool,
    last_packet: Instant,
    /// Not in the record yet.
    packets: u64,
    bytes: u64,
    packet_loss: PacketLoss,
    live: Arc<LiveStream>,
    app: Arc<App>,
}

impl Receiver {
    async fn receive(&mut self) -> Result<(), String> {
        let end_token = self.end_token.clone();
        let mut datagram = vec![0; MAX_DATAGRAM_BYTES];
        while self.peer.rtc.is_alive() {
            if let Some(until) = self.live.media_stalled_until() {
                tokio::select! {
                    () = end_token.cancelled() => {}
                    () = sleep_until(until.into()) => {}
                }
                // The peer was not silent, the emulator did not listen.
                self.last_packet = Instant::now();
            }
            let Some(timeout) = self.drain().await? else {
                return Ok(());
            };
            let wake = if self.connected {
                timeout.min(self.last_packet + SILENCE_TIMEOUT)
            } else {
                timeout
            };
            tokio::select! {
                () = end_token.cancelled() => {
                    // Tells the peer, with a single packet.
                    self.peer.rtc.close().map_err(|error| error.to_string())?;
                    self.drain().await?;
                    return Ok(());
                }
                received = self.peer.socket.recv_from(&mut datagram) => match received {
                    Ok((length, from)) => {
                        let datagram = datagram.get(..length).unwrap_or_default();
                        self.datagram(datagram, from)?;
                    }
                    // The port of a peer that has ended is unreachable. The silence timeout handles that.
                    Err(_) => tokio::task::yield_now().await,
                },
                command = peer_command::next(&mut self.commands) => self.command(command),
                () = sleep_until(wake.into()) => {
                    let now = Instant::now();
                    self.input(Input::Timeout(now))?;
                    self.flush_counts();
                    if self.connected && now >= self.last_packet + SILENCE_TIMEOUT {
                        return Err(format!("no packet arrived for {} s", SILENCE_TIMEOUT.as_secs()));
                    }
                }
            }
            self.request_keyframe();
        }
        Ok(())
    }

    fn command(&mut self, command: PeerCommand) {
        match command {
            PeerCommand::Offer { sdp, answer } => {
                // The caller may have ended.
                let _ = answer.send(peer::answer(&mut self.peer.rtc, &sdp));
            }
            PeerCommand::Candidate(candidate) => {
                peer::add_candidate(&mut self.peer.rtc, &candidate);
            }
            PeerCommand::TrackAnnounced => self.track.announced = true,
        }
    }

    fn datagram(&mut self, datagram: &[u8], from: SocketAddr) -> Result<(), String> {
        if self.peer.ignores_packets || self.live.media_is_cut() {
            return Ok(());
        }
        // RFC 7983 section 7.
        let is_dtls = matches!(datagram.first(), Some(20..=63));
        if self.peer.ignores_dtls && is_dtls {
            return Ok(());
        }
        let now = Instant::now();
        self.last_packet = now;
        if is_rtp(datagram) {
            self.packets += 1;
            self.bytes += datagram.len() as u64;
            if self.packet_loss.drops(datagram.len(), now) {
                let control = &self.app.config.control;
                control.stream(&self.live.id, |stream| stream.packets_lost += 1);
                return Ok(());
            }
        }
        let Ok(contents) = datagram.try_into() else {
            return Ok(()); // Neither STUN nor DTLS nor SRTP.
        };
        let receive = Receive {
            proto: Protocol::Udp,
            source: from,
            destination: self.peer.local,
            contents,
        };
        self.input(Input::Receive(now, receive))
    }

    /// If str0m panics over what the network sent, only the stream ends, not the emulator.
    fn input(&mut self, input: Input<'_>) -> Result<(), String> {
        let rtc = &mut self.peer.rtc;
        catch_unwind(AssertUnwindSafe(|| rtc.handle_input(input)))
            .map_err(|_| "str0m panicked".to_owned())?
            .map_err(|error| error.to_string())
    }

    /// Sends the packets that are due, handles events, and returns when to come back. `None`: the connection
    /// is closed.
    async fn drain(&mut self) -> Result<Option<Instant>, String> {
        loop {
            match self.peer.rtc.poll_output().map_err(|e| e.to_string())? {
                Output::Timeout(at) => return Ok(Some(at)),
                Output::Transmit(packet) => {
                    if !self.live.media_is_cut() {
                        // A send that fails is a lost packet, as in any network.
                        let _ = self
                            .peer
                            .socket
                            .send_to(&packet.contents, packet.destination)
                            .await;
                    }
                }
                Output::Event(str0m::Event::Closed) => {
                    return Ok(None);
                }
                Output::Event(event) => self.event(event)?,
            }
            if !self.peer.rtc.is_alive() {
                return Ok(None);
            }
        }
    }

    fn event(&mut self, event: str0m::Event) -> Result<(), String> {
        match event {
            str0m::Event::Connected => {
                let now = Instant::now();
                self.connected = true;
                self.app
                    .config
                    .control
                    .stream(&self.live.id, |stream| stream.connected = Some(now));
                self.app.emit(&Event::Connected {
                    stream: self.live.id.clone(),
                    codec: self.peer.codec,
                    after: now.duration_since(self.live.created),
                });
            }
            str0m::Event::MediaAdded(media)
                if media.kind == MediaKind::Video && media.direction.is_receiving() =>
            {
                self.mid.get_or_insert(media.mid);
            }
            str0m::Event::MediaChanged(media) => self.media_changed(media),
            str0m::Event::MediaData(data) if Some(data.mid) == self.mid => {
                self.flush_counts();
                self.track.add_frame(data)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// When a track has ended, another one can take its place; in a room, tracks come and go.
    fn media_changed(&mut self, changed: MediaChanged) {
        let media = self.peer.rtc.media(changed.mid);
        let is_video = media.is_some_and(|media| media.kind() == MediaKind::Video);
        if changed.direction.is_receiving() && is_video {
            self.mid.get_or_insert(changed.mid);
        } else if self.mid == Some(changed.mid) {
            self.mid = None;
            self.track.sender_ended();
        }
    }

    /// Requests a keyframe if one is due.
    fn request_keyframe(&mut self) {
        let (true, Some(mid), Some(layer)) = (self.connected, self.mid, self.track.keyframe_due())
        else {
            return;
        };
        let requested = self.peer.rtc.writer(mid).is_some_and(|mut writer| {
            let kind = KeyframeRequestKind::Pli;
            writer.request_keyframe(layer, kind).is_ok()
        });
        if requested {
            self.track.keyframe_requested();
        }
    }

    fn flush_counts(&mut self) {
        let (packets, bytes) = (
            std::mem::take(&mut self.packets),
            std::mem::take(&mut self.bytes),
        );
        if packets > 0 {
            self.live.bytes.fetch_add(bytes, Ordering::Relaxed);
            self.app.config.control.stream(&self.live.id, |stream| {
                stream.packets += packets;
                stream.bytes += bytes;
            });
        }
    }

    fn report_problem(&self, message: String) {
        self.app.emit(&Event::MediaTrouble {
            stream: self.live.id.clone(),
            message,
        });
    }
}

/// Whether it is RTP: not RTCP, STUN or DTLS (RFC 5761 section 4, RFC 7983).
fn is_rtp(datagram: &[u8]) -> bool {
    match datagram {
        [first, second, ..] => (128..=191).contains(first) && !(64..=95).contains(&(second & 0x7f)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_is_distinguished_from_other_packets() {
        assert!(is_rtp(&[0x80, 96, 0]));
        assert!(is_rtp(&[0x90, 0x80 | 97]));
        assert!(!is_rtp(&[0x80, 200]));
        assert!(!is_rtp(&[0x80, 206]));
        assert!(!is_rtp(&[0x00, 0x01]));
        assert!(!is_rtp(&[0x16, 0xfe]));
        assert!(!is_rtp(&[0x80]));
    }
}
