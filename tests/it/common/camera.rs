// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An RTSP camera for tests.

use std::sync::mpsc;

/// A camera: a real RTSP server on its own port. It repeats its video endlessly.
pub struct Camera {
    pub url: String,
    main_loop: gst::glib::MainLoop,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Camera {
    /// Serves a test video, encoded as H.264.
    pub fn start(video: &str) -> Self {
        let file = super::video(video);
        Self::serve(
            0,
            &format!(
                "multifilesrc location={} loop=true ! decodebin ! videoconvert \
                 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 \
                 ! rtph264pay name=pay0 pt=96",
                file.display()
            ),
        )
    }

    /// Serves the output of a launch line on this port. 0: any free port.
    pub fn serve(port: u16, line: &str) -> Self {
        Self::serve_with(port, line, |_, _| {})
    }

    /// Like [`Camera::serve`]. `set_up` configures the server and the media factory further.
    pub fn serve_with(
        port: u16,
        line: &str,
        set_up: impl FnOnce(&gst_rtsp_server::RTSPServer, &gst_rtsp_server::RTSPMediaFactory)
        + Send
        + 'static,
    ) -> Self {
        use gst_rtsp_server::prelude::*;
        super::init();
        let line = format!("( {line} )");
        let (ready_sender, ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let context = gst::glib::MainContext::new();
            let main_loop = gst::glib::MainLoop::new(Some(&context), false);
            let server = gst_rtsp_server::RTSPServer::new();
            server.set_address("127.0.0.1");
            server.set_service(&port.to_string());
            let factory = gst_rtsp_server::RTSPMediaFactory::new();
            factory.set_launch(&line);
            factory.set_shared(true);
            set_up(&server, &factory);
            server
                .mount_points()
                .expect("mounts")
                .add_factory("/camera", factory);
            let _source = server.attach(Some(&context)).expect("attached");
            let url = format!("rtsp://127.0.0.1:{}/camera", server.bound_port());
            ready_sender
                .send((url, main_loop.clone()))
                .expect("the test waits for it");
            main_loop.run();
            // Closes all clients, so that they notice the end at once.
            server.client_filter(Some(&mut |_, _| gst_rtsp_server::RTSPFilterResult::Remove));
        });
        let (url, main_loop) = ready.recv().expect("the server starts");
        Self {
            url,
            main_loop,
            thread: Some(thread),
        }
    }

    /// The server's port. Only the tests of the cameras application use it.
    #[allow(dead_code)]
    pub fn port(&self) -> u16 {
        let rest = self.url.strip_prefix("rtsp://127.0.0.1:");
        let port = rest.and_then(|rest| rest.split('/').next()?.parse().ok());
        port.expect("it has a port")
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.main_loop.quit();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
