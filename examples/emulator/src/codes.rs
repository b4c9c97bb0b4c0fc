//! The QR codes of one picture: read once, off the decoder's thread, when somebody wants to know.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::util::lock;

/// The codes, or the picture that they are still to be read from.
#[derive(Clone)]
pub(crate) struct Codes(Arc<Inner>);

struct Inner {
    reader: Mutex<Option<Reader>>,
    read: OnceCell<Vec<String>>,
}

/// Reads a picture, which it keeps until then.
type Reader = Box<dyn FnOnce() -> Vec<String> + Send>;

impl Codes {
    /// Those that `reader` finds, once they are asked for.
    pub(crate) fn by(reader: impl FnOnce() -> Vec<String> + Send + 'static) -> Self {
        Codes(Arc::new(Inner {
            reader: Mutex::new(Some(Box::new(reader))),
            read: OnceCell::new(),
        }))
    }

    /// Those that were read already.
    pub(crate) fn known(codes: Vec<String>) -> Self {
        Codes(Arc::new(Inner {
            reader: Mutex::new(None),
            read: OnceCell::new_with(Some(codes)),
        }))
    }

    /// Reads them, or waits for who does.
    pub(crate) async fn read(&self) -> &[String] {
        let reading = || async {
            let reader = lock(&self.0.reader).take();
            match reader {
                // A reader that failed found nothing.
                Some(reader) => spawn_blocking(reader).await.unwrap_or_default(),
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
