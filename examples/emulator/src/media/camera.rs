// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Pulls the video of a camera (RTSP) or of a live broadcast (HLS) with GStreamer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gst::prelude::*;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::media::picture::{self, Timing};
use crate::service::app::App;
use crate::service::live_stream::LiveStream;

/// How long the first picture may take.
const FIRST_PICTURE_TIMEOUT: Duration = Duration::from_secs(15);
/// Pictures that wait for the measures; older ones are dropped.
const MAX_QUEUED_PICTURES: u32 = 2;

/// A camera that sends pictures. Dropping it blocks for a moment: it joins the threads of a pipeline.
pub(crate) struct Camera {
    pipeline: gst::Pipeline,
    stream: Arc<OnceLock<(Arc<LiveStream>, Arc<App>)>>,
    news: mpsc::Receiver<News>,
}

enum News {
    Picture,
    /// No picture will come, for this reason.
    End(String),
}

impl Camera {
    /// Connects, and waits for the first picture.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn open(url: &str) -> Result<Self, String> {
        let url = url.to_owned();
        let started = spawn_blocking(move || Self::start(&url)).await;
        let mut camera = started.map_err(|error| error.to_string())??;
        let outcome = match timeout(FIRST_PICTURE_TIMEOUT, camera.news.recv()).await {
            Ok(Some(News::Picture)) => return Ok(camera),
            Ok(Some(News::End(why))) => why,
            Ok(None) => "it ended".to_owned(),
            Err(_) => format!("no picture came within {FIRST_PICTURE_TIMEOUT:?}"),
        };
        camera.close().await;
        Err(outcome)
    }

    fn start(url: &str) -> Result<Self, String> {
        let description = format!(
            "uridecodebin name=in ! videoconvert \
             ! video/x-raw,format=I420 \
             ! appsink name=out drop=true max-buffers={MAX_QUEUED_PICTURES}"
        );
        let pipeline = gst::parse::launch(&description)
            .map_err(|error| error.to_string())?
            .downcast::<gst::Pipeline>()
            .map_err(|_| "not a pipeline".to_owned())?;
        let (source, sink) = (pipeline.by_name("in"), pipeline.by_name("out"));
        let (Some(source), Some(Ok(sink))) =
            (source, sink.map(|sink| sink.downcast::<gst_app::AppSink>()))
        else {
            return Err("the pipeline has no source or no appsink".to_owned());
        };
        source.set_property("uri", url);
        // A camera's pictures come when they are taken, those of a broadcast in parts of some seconds.
        sink.set_sync(!url.starts_with("rtsp"));
        let stream = Arc::new(OnceLock::<(Arc<LiveStream>, Arc<App>)>::new());
        // Only the first picture and the end are news, so a full queue loses nothing.
        let (sender, news) = mpsc::channel(2);
        let (target, first) = (stream.clone(), sender.clone());
        let has_sent = AtomicBool::new(false);
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let at = Instant::now();
                    match target.get() {
                        None => drop(first.try_send(News::Picture)),
                        Some((live, app)) => {
                            let pts = sample.buffer().and_then(gst::BufferRef::pts);
                            let rtp_time = pts.unwrap_or_default().nseconds() * 9 / 100_000;
                            let is_first = !has_sent.swap(true, Ordering::Relaxed);
                            let timing = Timing {
                                rtp_time: live.time(rtp_time, at, is_first),
                                arrived: at,
                                decoded: at,
                                keyframe: false,
                            };
                            picture::take(live, app, sample, timing);
                        }
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        if let Some(bus) = pipeline.bus() {
            bus.set_sync_handler(move |_, message| {
                let end = match message.view() {
                    gst::MessageView::Error(error) => Some(error.error().to_string()),
                    gst::MessageView::Eos(_) => Some("it ended".to_owned()),
                    _ => None,
                };
                if let Some(why) = end {
                    let _ = sender.try_send(News::End(why));
                }
                gst::BusSyncReply::Drop
            });
        }
        let camera = Camera {
            pipeline,
            stream,
            news,
        };
        // If it does not start, the bus has the reason.
        let _ = camera.pipeline.set_state(gst::State::Playing);
        Ok(camera)
    }

    /// Passes the pictures to a stream, until the camera or the stream ends. Returns why the camera ended.
    pub(crate) async fn run(mut self, live: &Arc<LiveStream>, app: &Arc<App>) -> Option<String> {
        let _ = self.stream.set((live.clone(), app.clone()));
        let why = loop {
            let news = tokio::select! {
                () = live.end_token.cancelled() => break None,
                news = self.news.recv() => news,
            };
            match news {
                Some(News::Picture) => {}
                Some(News::End(why)) => break Some(why),
                None => break Some("it ended".to_owned()),
            }
        };
        self.close().await;
        why
    }

    async fn close(self) {
        // Not on a worker thread of the runtime: this joins the pipeline's threads.
        let _ = spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // If this fails, nobody can act on it.
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}
