// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What is made from a picture only once, on demand, and not on the decoder's thread.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::lock::lock;
use crate::vision::jpeg::Jpeg;

/// The texts of the QR codes of a picture.
pub(crate) type LazyCodes = Lazy<Vec<String>>;

/// A picture as a JPEG; empty if it could not be encoded.
pub(crate) type LazyJpeg = Lazy<Jpeg>;

/// A value, or the picture that it will be made from.
pub(crate) struct Lazy<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// Present until the value is made.
    maker: Mutex<Option<Maker<T>>>,
    made: OnceCell<T>,
}

/// Makes the value. Keeps the picture until then.
type Maker<T> = Arc<dyn Fn() -> T + Send + Sync>;

impl<T: Default + Send + Sync + 'static> Lazy<T> {
    /// A value that `maker` makes when it is needed.
    pub(crate) fn new(maker: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Lazy(Arc::new(Inner {
            maker: Mutex::new(Some(Arc::new(maker))),
            made: OnceCell::new(),
        }))
    }

    /// A value that exists already.
    pub(crate) fn ready(made: T) -> Self {
        Lazy(Arc::new(Inner {
            maker: Mutex::new(None),
            made: OnceCell::new_with(Some(made)),
        }))
    }

    /// Makes the value, or waits for the task that makes it.
    pub(crate) async fn get_or_make(&self) -> &T {
        let making = || async {
            let maker = lock(&self.0.maker).clone();
            let Some(maker) = maker else {
                return T::default();
            };
            // If the maker panicked, the value is empty.
            let made = spawn_blocking(move || maker()).await.unwrap_or_default();
            // Not earlier: the waiting task may be cancelled, and another one must be able to make the value.
            lock(&self.0.maker).take();
            made
        };
        self.0.made.get_or_init(making).await
    }

    /// The value, if it is made already.
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
    async fn a_cancelled_task_leaves_the_value_to_the_next_one() {
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
            // Making has begun.
            assert!(futures_util::poll!(&mut first).is_pending());
        }
        both.wait();
        assert_eq!(made.get(), None);
        let again = tokio::task::spawn_blocking(move || both.wait());
        assert_eq!(made.get_or_make().await, &[7]);
        let _ = again.await.expect("no panic");
    }
}
