//! The QR codes of one picture: read once, off the decoder's thread, when somebody wants to know.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::look;
use crate::util::lock;

/// The codes, or the picture that they are still to be read from.
#[derive(Clone)]
pub(crate) struct Codes(Arc<Inner>);

struct Inner {
    picture: Mutex<Option<gst::Sample>>,
    read: OnceCell<Vec<String>>,
}

impl Codes {
    /// Those of a picture, which is kept until they are read.
    pub(crate) fn of(picture: gst::Sample) -> Self {
        Codes(Arc::new(Inner {
            picture: Mutex::new(Some(picture)),
            read: OnceCell::new(),
        }))
    }

    /// Those that were read already.
    pub(crate) fn known(codes: Vec<String>) -> Self {
        Codes(Arc::new(Inner {
            picture: Mutex::new(None),
            read: OnceCell::new_with(Some(codes)),
        }))
    }

    /// Reads them, or waits for who does.
    pub(crate) async fn read(&self) -> &[String] {
        let reading = || async {
            let picture = lock(&self.0.picture).take();
            match picture {
                // A reader that failed found nothing.
                Some(picture) => spawn_blocking(move || look::codes(&picture))
                    .await
                    .unwrap_or_default(),
                None => Vec::new(),
            }
        };
        self.0.read.get_or_init(reading).await
    }

    /// What is known without waiting.
    pub(crate) fn get(&self) -> &[String] {
        self.0.read.get().map(Vec::as_slice).unwrap_or_default()
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
