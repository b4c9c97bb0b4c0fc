//! What a stream of v0.2 has beyond the lease: a plan, a route, and answers that are pushed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::timestamp;
use crate::faults::messages::SocketMessage;
use crate::lock::lock;
use crate::service::stream::ApiStream;
use crate::v02::request::Plan;
use crate::v02::route_cookie::Route;
use crate::v02::sampler::Eyes;
use crate::v02::subscribers::Outlet;
use crate::vision::jpeg::Grade;
use crate::vision::observation::Seen;

/// What the calls, the socket and the schedule of one stream share.
pub(crate) struct Push {
    pub plan: Plan,
    pub created_text: String,
    pub route: Route,
    pub outlet: Outlet,
    pub eyes: Eyes,
    /// Answers given.
    pub answers: AtomicU64,
    prompt: Mutex<String>,
}

impl Push {
    pub(crate) fn new(plan: Plan, grade: Option<Grade>) -> Self {
        Push {
            prompt: Mutex::new(plan.prompt.clone()),
            eyes: Eyes::new(plan.sampling, grade),
            plan,
            created_text: timestamp(),
            route: Route::new(),
            outlet: Outlet::default(),
            answers: AtomicU64::new(0),
        }
    }

    pub(crate) fn prompt(&self) -> String {
        lock(&self.prompt).clone()
    }

    pub(crate) fn set_prompt(&self, prompt: String) {
        *lock(&self.prompt) = prompt;
    }
}

impl ApiStream for Push {
    fn add_frame(&self, frame: Seen, picture: gst::Sample) {
        self.eyes.see(frame, picture);
    }

    fn clear(&self) {
        self.eyes.forget();
    }

    fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    fn ends_without_video(&self) -> bool {
        true
    }

    fn send_on_sockets(&self, message: SocketMessage) -> bool {
        self.outlet.inject(message)
    }
}
