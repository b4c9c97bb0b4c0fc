//! webrtcbin writes TURN servers, with their passwords, into the log at DEBUG: for the moment in which
//! it is told of one, it does not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gst::DebugCategory;

/// Where they are written (1.22 to 1.28).
const CATEGORIES: [&str; 2] = ["webrtcbin", "webrtcnice"];

/// How many of these there are, and what to go back to after the last one.
static ACTIVE: Mutex<(usize, Vec<(DebugCategory, gst::DebugLevel)>)> = Mutex::new((0, Vec::new()));

/// Nothing below a WARNING is logged by webrtcbin while there is one.
pub struct LogRedaction(());

impl LogRedaction {
    pub fn new() -> Self {
        let mut now = lock();
        let (count, before) = &mut *now;
        if *count == 0 {
            let categories = CATEGORIES.into_iter().filter_map(DebugCategory::get);
            before.extend(categories.map(|category| (category, category.threshold())));
            for (category, threshold) in before {
                category.set_threshold((*threshold).min(gst::DebugLevel::Warning));
            }
        }
        *count += 1;
        Self(())
    }
}

impl Drop for LogRedaction {
    fn drop(&mut self) {
        let mut now = lock();
        let (count, before) = &mut *now;
        *count -= 1;
        if *count == 0 {
            for (category, threshold) in before.drain(..) {
                category.set_threshold(threshold);
            }
        }
    }
}

fn lock() -> MutexGuard<'static, (usize, Vec<(DebugCategory, gst::DebugLevel)>)> {
    ACTIVE.lock().unwrap_or_else(PoisonError::into_inner)
}
