//! What is made of one picture once, off the decoder's thread, when somebody wants it.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::jpeg::Jpeg;
use crate::util::lock;

/// The texts of the QR codes of a picture.
pub(crate) type Codes = Later<Vec<String>>;

/// A picture as a JPEG; empty where none could be made.
pub(crate) type Picture = Later<Jpeg>;

/// The thing, or the picture that it is still to be made of.
pub(crate) struct Later<T>(Arc<Inner<T>>);

struct Inner<T> {
    maker: Mutex<Option<Maker<T>>>,
    made: OnceCell<T>,
}

/// Makes it of a picture, which it keeps until then.
type Maker<T> = Box<dyn FnOnce() -> T + Send>;

impl<T: Default + Send + Sync + 'static> Later<T> {
    /// What `maker` makes, once it is asked for.
    pub(crate) fn by(maker: impl FnOnce() -> T + Send + 'static) -> Self {
        Later(Arc::new(Inner {
            maker: Mutex::new(Some(Box::new(maker))),
            made: OnceCell::new(),
        }))
    }

    /// What is there already.
    pub(crate) fn known(made: T) -> Self {
        Later(Arc::new(Inner {
            maker: Mutex::new(None),
            made: OnceCell::new_with(Some(made)),
        }))
    }

    /// Makes it, or waits for who does.
    pub(crate) async fn make(&self) -> &T {
        let making = || async {
            let maker = lock(&self.0.maker).take();
            match maker {
                // A maker that failed made nothing.
                Some(maker) => spawn_blocking(maker).await.unwrap_or_default(),
                None => T::default(),
            }
        };
        self.0.made.get_or_init(making).await
    }

    /// What there is without waiting.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.made.get()
    }
}

impl<T> Clone for Later<T> {
    fn clone(&self) -> Self {
        Later(self.0.clone())
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}
