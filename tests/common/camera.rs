//! An RTSP camera.

use std::sync::mpsc;

/// A camera: a real RTSP server on a port of its own that serves a video in H.264, over and over.
pub struct Camera {
    pub url: String,
    main_loop: gst::glib::MainLoop,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Camera {
    pub fn start(video: &str) -> Self {
        use gst_rtsp_server::prelude::*;
        super::init();
        let file = super::video(video);
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let context = gst::glib::MainContext::new();
            let main_loop = gst::glib::MainLoop::new(Some(&context), false);
            let server = gst_rtsp_server::RTSPServer::new();
            server.set_address("127.0.0.1");
            server.set_service("0");
            let factory = gst_rtsp_server::RTSPMediaFactory::new();
            factory.set_launch(&format!(
                "( multifilesrc location={} loop=true ! decodebin ! videoconvert \
                 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 \
                 ! rtph264pay name=pay0 pt=96 )",
                file.display()
            ));
            factory.set_shared(true);
            server
                .mount_points()
                .expect("mounts")
                .add_factory("/camera", factory);
            let _source = server.attach(Some(&context)).expect("attached");
            let url = format!("rtsp://127.0.0.1:{}/camera", server.bound_port());
            ready.send((url, main_loop.clone())).expect("awaited");
            main_loop.run();
        });
        let (url, main_loop) = is_ready.recv().expect("the server starts");
        Self {
            url,
            main_loop,
            thread: Some(thread),
        }
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
