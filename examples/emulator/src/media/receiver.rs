//! The media of one stream: an str0m peer on a UDP socket of its own (rule 8).

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::media::{KeyframeRequestKind, MediaChanged, MediaData, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Input, Output};
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use crate::faults::packet_loss::PacketLoss;
use crate::media::decoder::{Decoder, EncodedFrame};
use crate::media::peer::{self, Peer};
use crate::media::peer_command::{self, PeerCommand};
use crate::media::simulcast::{LayerChoice, SimulcastLayers};
use crate::records::event::Event;
use crate::records::snapshot::EndReason;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How long a connected peer may be silent.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);
/// How often a keyframe is keyframe_requested_at for while none comes.
const KEYFRAME_RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// The largest UDP payload.
const MAX_DATAGRAM_BYTES: usize = 65_535;

/// Receives until the stream is over; ends it where the connection goes.
pub(crate) async fn run(peer: Peer, live: Arc<LiveStream>, app: Arc<App>) {
    let end_token = live.end_token.clone();
    receive(peer, None, end_token, live.clone(), app).await;
    live.end(EndReason::WebrtcDisconnected);
}

/// Receives until it is `over` or the connection goes.
pub(crate) async fn receive(
    peer: Peer,
    commands: Option<mpsc::Receiver<PeerCommand>>,
    end_token: CancellationToken,
    live: Arc<LiveStream>,
    app: Arc<App>,
) {
    let mut media = Receiver {
        peer,
        announced: commands.is_none(),
        commands,
        end_token,
        decoder: None,
        layers: SimulcastLayers::default(),
        new_sender: true,
        mid: None,
        connected: false,
        needs_keyframe: true,
        keyframe_requested_at: None,
        last_packet: Instant::now(),
        packets: 0,
        bytes: 0,
        packet_loss: PacketLoss::new(app.config.lose_every, app.config.bandwidth),
        live,
        app,
    };
    let problem = media.receive().await;
    media.flush_counts();
    if let Err(problem) = problem {
        media.report_problem(problem);
    }
    // Here, not on a worker of the runtime's: it joins the decoder's threads.
    let _ = tokio::task::spawn_blocking(move || drop(media.decoder)).await;
}

struct Receiver {
    peer: Peer,
    commands: Option<mpsc::Receiver<PeerCommand>>,
    end_token: CancellationToken,
    /// Whether what comes was announced.
    announced: bool,
    decoder: Option<Decoder>,
    layers: SimulcastLayers,
    /// The next frame is the first of its sender's.
    new_sender: bool,
    mid: Option<Mid>,
    connected: bool,
    needs_keyframe: bool,
    keyframe_requested_at: Option<Instant>,
    last_packet: Instant,
    /// Not yet in the record.
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
                // It was not the peer that was silent.
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
                    // Tells the peer, as far as one packet can.
                    self.peer.rtc.close().map_err(|error| error.to_string())?;
                    self.drain().await?;
                    return Ok(());
                }
                received = self.peer.socket.recv_from(&mut datagram) => match received {
                    Ok((length, from)) => {
                        let datagram = datagram.get(..length).unwrap_or_default();
                        self.datagram(datagram, from)?;
                    }
                    // The port of a peer that is gone is unreachable; the silence will tell.
                    Err(_) => tokio::task::yield_now().await,
                },
                command = peer_command::next(&mut self.commands) => self.command(command),
                () = sleep_until(wake.into()) => {
                    let now = Instant::now();
                    self.input(Input::Timeout(now))?;
                    self.flush_counts();
                    if self.connected && now >= self.last_packet + SILENCE_TIMEOUT {
                        return Err(format!("nothing was heard for {} s", SILENCE_TIMEOUT.as_secs()));
                    }
                }
            }
            self.keyframe_wanted();
        }
        Ok(())
    }

    fn command(&mut self, command: PeerCommand) {
        match command {
            PeerCommand::Offer { sdp, answer } => {
                // Who keyframe_requested_at may be gone.
                let _ = answer.send(peer::answer(&mut self.peer.rtc, &sdp));
            }
            PeerCommand::Candidate(candidate) => {
                peer::add_candidate(&mut self.peer.rtc, &candidate);
            }
            PeerCommand::TrackAnnounced => self.announced = true,
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

    /// A slip of str0m's over what the network sent ends the stream, not the emulator.
    fn input(&mut self, input: Input<'_>) -> Result<(), String> {
        let rtc = &mut self.peer.rtc;
        catch_unwind(AssertUnwindSafe(|| rtc.handle_input(input)))
            .map_err(|_| "str0m panicked".to_owned())?
            .map_err(|error| error.to_string())
    }

    /// Sends what is to be sent and sees what happened; says when to come back. `None`: closed.
    async fn drain(&mut self) -> Result<Option<Instant>, String> {
        loop {
            match self.peer.rtc.poll_output().map_err(|e| e.to_string())? {
                Output::Timeout(at) => return Ok(Some(at)),
                Output::Transmit(packet) => {
                    if !self.live.media_is_cut() {
                        // A full or refused send is a lost packet, as on any network.
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
            str0m::Event::MediaData(data) if Some(data.mid) == self.mid => self.frame(data)?,
            _ => {}
        }
        Ok(())
    }

    /// A track that is gone makes room for the next one; in a room they come and go.
    fn media_changed(&mut self, changed: MediaChanged) {
        let media = self.peer.rtc.media(changed.mid);
        let is_video = media.is_some_and(|media| media.kind() == MediaKind::Video);
        if changed.direction.is_receiving() && is_video {
            self.mid.get_or_insert(changed.mid);
        } else if self.mid == Some(changed.mid) {
            self.mid = None;
            self.new_sender = true;
        }
    }

    fn frame(&mut self, data: MediaData) -> Result<(), String> {
        let Some(codec) = peer::codec_of(data.params.spec().codec) else {
            return Ok(());
        };
        if !self.announced {
            return Ok(());
        }
        match self.layers.add_frame(data.rid, data.network_time) {
            LayerChoice::Ignored => return Ok(()),
            LayerChoice::Selected => {}
            LayerChoice::NewlySelected => {
                // Another layer is another stream.
                self.decoder = None;
                self.needs_keyframe = true;
                self.keyframe_requested_at = None;
                self.new_sender = true;
            }
        }
        if self.decoder.as_ref().is_some_and(|d| d.codec() != codec) {
            self.decoder = None;
        }
        self.flush_counts();
        let control = &self.app.config.control;
        control.stream(&self.live.id, |stream| {
            stream.received += 1;
            stream.first_received.get_or_insert(data.network_time);
        });
        if !self.app.config.decode {
            self.needs_keyframe = false;
            return Ok(());
        }
        let keyframe = data.is_keyframe();
        // What refers to a lost frame would decode to something that nobody sent.
        self.needs_keyframe |= !data.contiguous;
        if self.decoder.as_ref().is_none_or(Decoder::failed) {
            self.needs_keyframe = true;
        }
        if self.needs_keyframe && !keyframe {
            return Ok(());
        }
        if self.decoder.as_ref().is_none_or(Decoder::failed) {
            self.decoder = None;
            let control = &self.app.config.control;
            control.stream(&self.live.id, |stream| stream.codec = Some(codec));
            let decoder = Decoder::start(codec, self.live.clone(), self.app.clone())?;
            self.decoder = Some(decoder);
        }
        let new_sender = std::mem::take(&mut self.new_sender);
        let rtp_time = self
            .live
            .time(data.time.numer(), data.network_time, new_sender);
        let pushed = self.decoder.as_ref().is_some_and(|decoder| {
            decoder.push(EncodedFrame {
                data: data.data,
                rtp_time,
                arrived: data.network_time,
                keyframe,
            })
        });
        self.needs_keyframe = !pushed;
        if pushed {
            self.keyframe_requested_at = None;
        }
        Ok(())
    }

    /// Asks for a keyframe while one is needed, now and then.
    fn keyframe_wanted(&mut self) {
        let due = self
            .keyframe_requested_at
            .is_none_or(|keyframe_requested_at| {
                keyframe_requested_at.elapsed() >= KEYFRAME_RETRY_INTERVAL
            });
        let (true, true, true, Some(mid)) = (self.connected, self.needs_keyframe, due, self.mid)
        else {
            return;
        };
        let keyframe_requested_at = self.peer.rtc.writer(mid).is_some_and(|mut writer| {
            writer
                .request_keyframe(self.layers.current(), KeyframeRequestKind::Pli)
                .is_ok()
        });
        if keyframe_requested_at {
            self.keyframe_requested_at = Some(Instant::now());
            self.app
                .config
                .control
                .stream(&self.live.id, |stream| stream.keyframe_requests += 1);
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

/// RTP, not RTCP, STUN or DTLS: RFC 5761 section 4, RFC 7983.
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
    fn rtp_is_told_from_its_neighbours() {
        assert!(is_rtp(&[0x80, 96, 0]));
        assert!(is_rtp(&[0x90, 0x80 | 97]));
        assert!(!is_rtp(&[0x80, 200]));
        assert!(!is_rtp(&[0x80, 206]));
        assert!(!is_rtp(&[0x00, 0x01]));
        assert!(!is_rtp(&[0x16, 0xfe]));
        assert!(!is_rtp(&[0x80]));
    }
}
