// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Prompt changes while connecting and while streaming.

use std::time::Duration;

use super::line;
use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, Fault, Times};

#[test]
fn prompts_change_in_order_and_the_last_one_stays() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("prompt=first"));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    // The first change is slow. Of the changes that follow in the meantime, only the last one must be sent.
    let slow = Fault::Delay(Duration::from_millis(500));
    service.control.inject(Call::Prompt, slow, Times::Once);
    for prompt in ["second", "third", "fourth", "last"] {
        pipeline.sink.set_property("prompt", prompt);
    }
    pipeline.wait_for("the confirmation", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        let confirmed = structure.name() == "overshoot-prompt";
        (confirmed && structure.get("prompt") == Ok("last")).then_some(())
    });
    let prompts = service.stream().prompts;
    assert_eq!(prompts.first().map(String::as_str), Some("first"));
    assert_eq!(prompts.last().map(String::as_str), Some("last"));
    assert!(prompts.len() <= 3, "{prompts:?}");
    let confirmed: Vec<String> = pipeline
        .element_messages("overshoot-prompt")
        .iter()
        .map(|posted| posted.structure.get("prompt").expect("a prompt"))
        .collect();
    assert_eq!(confirmed, prompts[1..]);
    pipeline.wait_for("an answer to it", Duration::from_secs(5), |message| {
        let structure = message.structure()?;
        let answer = structure.name() == "overshoot-result";
        (answer && structure.get("prompt") == Ok("last")).then_some(())
    });
}

#[test]
fn a_prompt_that_is_changed_while_connecting_is_not_lost() {
    let service = Service::start();
    let slow = Fault::Delay(Duration::from_millis(500));
    service.control.inject(Call::Create, slow, Times::Once);
    let pipeline = Pipeline::new(&service, &line("prompt=early"));
    pipeline.play();
    service.wait("the creation", |seen| !seen.requests.is_empty());
    pipeline.sink.set_property("prompt", "late");
    pipeline.wait_for_element("overshoot-prompt", Duration::from_secs(10));
    assert_eq!(service.stream().prompts, ["early", "late"]);
}

#[test]
fn a_rejected_prompt_leaves_the_old_one() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("prompt=good"));
    pipeline.play();
    pipeline.wait_for_state("streaming", Duration::from_secs(10));
    pipeline.sink.set_property("prompt", "");
    let failure = pipeline.wait_for_failure(false, Duration::from_secs(5));
    assert!(failure.is(gst::ResourceError::Settings), "{failure:?}");
    assert_eq!(failure.detail::<&str>("stage"), Some("prompt"));
    assert_eq!(service.stream().prompts, ["good"]);
    assert!(service.stream().ended.is_none());
}
