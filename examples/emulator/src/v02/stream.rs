//! What a stream of v0.2 has beyond the lease: a plan, a route, and answers that are pushed.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use crate::util::{lock, timestamp};
use crate::v02::request::Plan;
use crate::v02::route_cookie::Route;
use crate::v02::subscribers::Outlet;
use crate::vision::jpeg::Grade;
use crate::vision::observation::Eyes;

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
