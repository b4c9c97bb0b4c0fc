// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The action signal `get-models`: requests the list of models; the reply is a message.

use super::imp::OvershootSink;
use crate::RUNTIME;
use crate::lock::lock;
use crate::session::models;
use crate::session::public_service::is_not_served;
use crate::sink::answers::messages;
use gst::subclass::prelude::*;

impl OvershootSink {
    /// Returns immediately. `false`: the address or the key cannot be used (a WARNING message says why), or
    /// the previous request has no reply yet.
    pub(super) fn get_models(&self) -> bool {
        let (service, timeout) = {
            let settings = self.settings();
            (settings.service(), settings.timeout.into())
        };
        let (endpoints, key) = match service {
            Ok(service) => service,
            Err(error) => {
                messages::post_failure(&self.obj(), &error, false, false);
                return false;
            }
        };
        let mut models_request = lock(&self.models_request.0);
        if models_request
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return false;
        }
        let weak = self.obj().downgrade();
        *models_request = Some(RUNTIME.spawn(async move {
            let mut models = Ok(Vec::new());
            for endpoint in endpoints {
                models = models::list_at(endpoint.api, endpoint.url, &key, timeout).await;
                let is_served = models.as_ref().err().is_none_or(|e| !is_not_served(e));
                if is_served {
                    break;
                }
            }
            let Some(element) = weak.upgrade() else {
                return;
            };
            match models {
                Ok(models) => messages::post(&element, messages::models(&models)),
                Err(error) => messages::post_failure(&element, &error, false, false),
            }
        }));
        true
    }
}
