// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! An API key, and the name of the environment variable that holds it, for messages.

use std::fmt;

#[derive(Clone)]
pub struct ApiKey {
    pub variable: String,
    pub secret: String,
}

/// Shows the variable only.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("variable", &self.variable)
            .finish_non_exhaustive()
    }
}
