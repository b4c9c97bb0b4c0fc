//! What is made of one picture once, off the decoder's thread, when somebody wants it.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::lock::lock;
use crate::vision::jpeg::Jpeg;

/// The texts of the QR codes of a picture.
pub(crate) type LazyCodes = Lazy<Vec<String>>;

/// A picture as a JPEG; empty where none could be made.
pub(crate) type LazyJpeg = Lazy<Jpeg>;

/// The thing, or the picture that it is still to be made of.
pub(crate) struct Lazy<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// Until it is made.
    maker: Mutex<Option<Maker<T>>>,
    made: OnceCell<T>,
}

/// Makes it of a picture, which it keeps until then.
type Maker<T> = Arc<dyn Fn() -> T + Send + Sync>;

impl<T: Default + Send + Sync + 'static> Lazy<T> {
    /// What `maker` makes, once it is asked for.
    pub(crate) fn new(maker: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Lazy(Arc::new(Inner {
            maker: Mutex::new(Some(Arc::new(maker))),
            made: OnceCell::new(),
        }))
    }

    /// What is there already.
    pub(crate) fn ready(made: T) -> Self {
        Lazy(Arc::new(Inner {
            maker: Mutex::new(None),
            made: OnceCell::new_with(Some(made)),
        }))
    }

    /// Makes it, or waits for who does.
    pub(crate) async fn get_or_make(&self) -> &T {
        let making = || async {
            let maker = lock(&self.0.maker).clone();
            let Some(maker) = maker else {
                return T::default();
            };
            // A maker that failed made nothing.
            let made = spawn_blocking(move || maker()).await.unwrap_or_default();
            // Only now: who waits here may go away, and another one make it.
            lock(&self.0.maker).take();
            made
        };
        self.0.made.get_or_init(making).await
    }

    /// What there is without waiting.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.made.get()
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Lazy(self.0.clone())
    }
}

impl<T> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn one_who_goes_away_takes_nothing_along() {
        let both = Arc::new(Barrier::new(2));
        let made = Lazy::new({
            let both = both.clone();
            move || {
                both.wait();
                vec![7]
            }
        });
        {
            let first = made.get_or_make();
            tokio::pin!(first);
            // It has begun.
            assert!(futures_util::poll!(&mut first).is_pending());
        }
        both.wait();
        assert_eq!(made.get(), None);
        let again = tokio::task::spawn_blocking(move || both.wait());
        assert_eq!(made.get_or_make().await, &[7]);
        let _ = again.await.expect("no panic");
    }
}
