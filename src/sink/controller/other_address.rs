// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The other address of the public service, for an element whose address is unset.

use super::{Controller, report};
use crate::session::error::Error;
use crate::session::public_service;
use crate::sink::OvershootSink;

impl Controller {
    /// Switches to the other address of the public service if this one is not served any more. Returns whether it did.
    pub(super) fn use_other_address(&mut self, element: &OvershootSink, error: &Error) -> bool {
        if self.epoch > 0 || !public_service::is_not_served(error) {
            return false;
        }
        let Some(other) = self.plan.other.take() else {
            return false;
        };
        let status = error.status_code.unwrap_or_default();
        let text = format!(
            "{} is not served any more (HTTP {status}): using {} instead. To skip the first, set api-url or OVERSHOOT_API_URL.",
            self.plan.api_url, other.api_url
        );
        report::post_info(element, &text);
        self.route = other.route.clone();
        self.plan = *other;
        true
    }

    /// A stream was created: later elements of the process begin with this address.
    pub(super) fn remember_address(&self) {
        if self.plan.is_public {
            public_service::remember(self.plan.api);
        }
    }
}
