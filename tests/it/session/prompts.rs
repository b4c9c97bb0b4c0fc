// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Prompt changes while connecting and while streaming.

use std::time::{Duration, Instant};

use super::line;
use crate::common::{Pipeline, Service};
use gst::prelude::*;
use overshoot_emulator::{Call, EndReason, Fault, Times};

const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Waits for the next answer that comes from now on.
fn next_answer(pipeline: &Pipeline) -> gst::Structure {
    let before = pipeline.results().len();
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let mut results = pipeline.results();
        if results.len() > before + 1 {
            return results.swap_remove(before + 1).structure;
        }
        assert!(Instant::now() < deadline, "{:?}", pipeline.failures());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Lets the service refuse the next changed prompt.
fn refuse_prompt(service: &Service, api: &str) {
    match api {
        "v1" => {
            let refusal = Fault::chat(400, "prompt_invalid");
            service.control.inject(Call::Chat, refusal, Times::Once);
        }
        _ => {
            let refusal = Fault::status(422);
            service.control.inject(Call::Prompt, refusal, Times::Once);
        }
    }
}

#[test]
fn a_refused_change_is_withdrawn() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let properties = "prompt=good drop-late-results=true";
        let pipeline = Pipeline::new(&service, &line(properties));
        pipeline.play();
        pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        refuse_prompt(&service, api);
        pipeline.sink.set_property("prompt", "bad");
        let failure = pipeline.wait_for_failure(false, WAIT_TIMEOUT);
        assert!(failure.is(gst::ResourceError::Settings), "{failure:?}");
        assert!(
            failure.text.contains("the old one stays in use"),
            "{failure:?}"
        );
        let message = pipeline.wait_for_element("overshoot-prompt", WAIT_TIMEOUT);
        assert_eq!(message.get("prompt"), Ok("good"), "{api}");
        assert_eq!(message.get("prompt-serial"), Ok(1_u64), "{api}");
        assert_eq!(message.get("withdrawn"), Ok("bad"), "{api}");
        assert_eq!(pipeline.sink.property::<String>("prompt"), "good");
        // Answers go on, to the first prompt, and are not late.
        for _ in 0..2 {
            let answer = next_answer(&pipeline);
            assert_eq!(answer.get("prompt"), Ok("good"), "{api}");
            assert_eq!(answer.get("prompt-serial"), Ok(1_u64), "{api}");
            assert_eq!(answer.get("late"), Ok(false), "{api}");
        }
        // The same text again is another change, and is taken.
        pipeline.sink.set_property("prompt", "bad");
        pipeline.wait_for("the second try", WAIT_TIMEOUT, |message| {
            let structure = message.structure()?;
            let is_taken = structure.name() == "overshoot-prompt"
                && structure.get("prompt") == Ok("bad")
                && structure.get("prompt-serial") == Ok(3_u64);
            is_taken.then_some(())
        });
        let answer = next_answer(&pipeline);
        assert_eq!(answer.get("prompt-serial"), Ok(3_u64), "{api}");
        assert_eq!(service.control.snapshot().streams.len(), 1, "{api}");
        assert!(service.stream().ended.is_none(), "{api}");
    }
}

#[test]
fn a_prompt_that_the_next_stream_is_refused_for_is_withdrawn() {
    let service = Service::start();
    let pipeline = Pipeline::new(&service, &line("prompt=good"));
    pipeline.play();
    pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
    // The new prompt comes while there is no stream.
    let (gone, refused) = (Fault::status(503), Fault::status(422));
    service.control.inject(Call::Create, gone, Times::Once);
    service.control.inject(Call::Create, refused, Times::Once);
    let id = service.stream().id;
    assert!(service.control.end_stream(&id, EndReason::LeaseExpired));
    pipeline.wait_for_state("reconnecting", WAIT_TIMEOUT);
    pipeline.sink.set_property("prompt", "bad");
    let message = pipeline.wait_for_element("overshoot-prompt", WAIT_TIMEOUT);
    assert_eq!(message.get("withdrawn"), Ok("bad"));
    assert_eq!(message.get("prompt"), Ok("good"));
    service.wait("a new stream", |seen| {
        seen.streams.len() == 2 && !seen.streams[1].answers.is_empty()
    });
    assert_eq!(service.control.snapshot().streams[1].prompts, ["good"]);
    assert_eq!(next_answer(&pipeline).get("late"), Ok(false));
}

#[test]
fn an_empty_prompt_is_refused_at_once() {
    for api in ["v0.2", "v1"] {
        let service = Service::of(api, |_| {});
        let pipeline = Pipeline::new(&service, &line("prompt=good"));
        pipeline.play();
        pipeline.wait_for_element("overshoot-result", WAIT_TIMEOUT);
        for empty in ["", " \n"] {
            pipeline.sink.set_property("prompt", empty);
        }
        let failures = pipeline.failures();
        assert_eq!(failures.len(), 2, "{failures:?}");
        for failure in failures {
            assert!(failure.is(gst::ResourceError::Settings), "{failure:?}");
            assert_eq!(failure.detail::<&str>("stage"), Some("prompt"));
            assert!(
                failure.text.contains("set it to the question"),
                "{failure:?}"
            );
        }
        assert_eq!(pipeline.sink.property::<String>("prompt"), "good");
        let answer = next_answer(&pipeline);
        assert_eq!(answer.get("prompt"), Ok("good"));
        assert_eq!(answer.get("late"), Ok(false));
        let seen = service.control.snapshot();
        assert_eq!(seen.calls(Call::Prompt).count(), 0);
        assert_eq!(seen.streams.len(), 1);
    }
}
