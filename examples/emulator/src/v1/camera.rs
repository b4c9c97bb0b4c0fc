// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Streams whose video the service pulls: from a camera (RTSP) or a live broadcast (HLS).

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::{Host, Url};

use crate::clock::unix_ms;
use crate::lock::lock;
use crate::media::camera::Camera;
use crate::records::event::Event;
use crate::service::app::App;
use crate::service::live_stream::LiveStream;
use crate::v1::V1Error;

/// The pause before a camera that has ended is pulled again.
const PULL_PAUSE: Duration = Duration::from_secs(1);

/// A camera's address.
#[derive(Debug)]
pub(crate) struct CameraSource {
    url: Url,
    newest: Mutex<Pull>,
}

/// The newest attempt to pull.
#[derive(Debug)]
struct Pull {
    at: Instant,
    /// Why it failed, or ended.
    error: Option<String>,
}

impl CameraSource {
    /// Reads the `source` of a new stream. `private`: addresses of private networks are accepted.
    pub(crate) fn read(source: &Value, private: bool) -> Result<Self, V1Error> {
        let text = |name: &str| source.get(name).and_then(Value::as_str);
        let schemes: &[&str] = match text("type") {
            Some("rtsp") => &["rtsp", "rtsps"],
            Some("hls") => &["http", "https"],
            _ => {
                let message = "Input should be 'rtsp' or 'hls'";
                return Err(V1Error::invalid(&["source", "type"], message));
            }
        };
        let refuse = |message: &str| V1Error::invalid(&["source", "url"], message);
        let url = text("url").and_then(|url| Url::parse(url).ok());
        let url = url.ok_or_else(|| refuse("Input should be a valid URL"))?;
        if !schemes.contains(&url.scheme()) {
            return Err(refuse(&format!(
                "URL scheme should be {}",
                schemes.join(" or ")
            )));
        }
        match url.host() {
            None => Err(refuse("URL should have a host")),
            Some(host) if !private && is_private(&host) => {
                Err(refuse("URL should have a public address"))
            }
            Some(_) => Ok(Self {
                url,
                newest: Mutex::new(Pull {
                    at: Instant::now(),
                    error: None,
                }),
            }),
        }
    }

    /// Connects, and waits for the first picture.
    pub(crate) async fn open(&self) -> Result<Camera, V1Error> {
        let opened = self.pull().await;
        opened.map_err(|why| {
            let message = format!("The video could not be pulled: {why}");
            V1Error::invalid(&["source", "url"], message)
        })
    }

    async fn pull(&self) -> Result<Camera, String> {
        let opened = Camera::open(self.url.as_str()).await;
        *lock(&self.newest) = Pull {
            at: Instant::now(),
            error: opened.as_ref().err().cloned(),
        };
        opened
    }

    /// The `last_pull` of a status.
    pub(crate) fn last_pull(&self) -> Value {
        let newest = lock(&self.newest);
        json!({
            "at_ms": unix_ms(newest.at),
            "ok": newest.error.is_none(),
            "error": newest.error,
        })
    }

    /// Passes the pictures on until the stream ends. A camera that ends is pulled again.
    pub(crate) async fn run(&self, first: Camera, live: Arc<LiveStream>, app: Arc<App>) {
        let mut camera = Some(first);
        while !live.end_token.is_cancelled() {
            let opened = match camera.take() {
                Some(camera) => Ok(camera),
                None => tokio::select! {
                    () = live.end_token.cancelled() => return,
                    opened = self.pull() => opened,
                },
            };
            let why = match opened {
                Ok(camera) => camera.run(&live, &app).await,
                Err(why) => Some(why),
            };
            let Some(why) = why else { return };
            lock(&self.newest).error = Some(why.clone());
            app.emit(&Event::MediaTrouble {
                stream: live.id.clone(),
                message: format!("the camera: {why}"),
            });
            tokio::select! {
                () = live.end_token.cancelled() => {}
                () = tokio::time::sleep(PULL_PAUSE) => {}
            }
        }
    }
}

/// Whether this is an address of this machine or of a private network. Names are not looked up.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            // In URLs with a scheme of their own, an IPv4 address is read as a name.
            let is_ip = name.parse().is_ok_and(|ip: IpAddr| !is_public(ip));
            is_ip || name == "localhost" || name.ends_with(".localhost") || name.ends_with(".local")
        }
        Host::Ipv4(ip) => !is_public(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => !is_public(IpAddr::V6(*ip)),
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let is_special = ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast();
            !(is_special || ip.is_private() || ip.is_link_local() || ip.is_multicast())
        }
        IpAddr::V6(ip) => {
            let is_special = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
            !(is_special || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_checked() {
        let read = |kind: &str, url: &str, private| {
            CameraSource::read(&json!({"type": kind, "url": url}), private).is_ok()
        };
        for (kind, url) in [
            ("rtsp", "rtsp://user:pass@203.0.113.5:8554/a"),
            ("rtsp", "rtsps://camera.example/a"),
            ("hls", "https://[2001:db8::1]/live.m3u8"),
        ] {
            assert!(read(kind, url, false), "{url}");
        }
        for url in [
            "rtsp://127.0.0.1/a",
            "rtsp://10.1.2.3/a",
            "rtsp://192.168.1.2/a",
            "rtsp://localhost/a",
            "rtsp://camera.local/a",
            "rtsp://[::1]/a",
            "rtsp://[fe80::1]/a",
            "rtsp://[::ffff:10.0.0.1]/a",
        ] {
            assert!(!read("rtsp", url, false), "{url}");
            assert!(read("rtsp", url, true), "{url}");
        }
        for (kind, url) in [
            ("rtsp", "https://camera.example/a"),
            ("hls", "rtsp://camera.example/a"),
            ("hls", "file:///etc/passwd"),
            ("rtsp", "camera"),
            ("webrtc", "rtsp://camera.example/a"),
        ] {
            assert!(!read(kind, url, true), "{kind} {url}");
        }
        assert!(CameraSource::read(&json!("rtsp"), true).is_err());
    }
}
