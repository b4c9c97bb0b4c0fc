// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `read_screen`: it prints the text on a real screen. The emulator reads the text with tesseract.

use std::time::Duration;

use overshoot_emulator::{Engine, Ocr};

use super::programs::in_each_language;
use super::screen::Screen;
use crate::common::Service;
use crate::common::launch::command;

const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn text_on_the_screen_is_printed_when_it_changes() {
    in_each_language("read_screen", |program| {
        let Some(screen) = Screen::start() else {
            return;
        };
        let reader = Ocr::new("eng").expect("tesseract is installed");
        let service = Service::with(|config| config.engine = Engine::Ocr(reader));
        let window = screen.show("The train to Basel leaves from platform 4");
        let mut shell = command(&service);
        shell.env("DISPLAY", &screen.display);
        let launch = program.start_in(&mut shell, "");
        launch.wait_for_output("The train to Basel leaves from platform 4", WAIT_TIMEOUT);
        // Wait for several answers about the same text, which must be printed once.
        service.wait("answers", |seen| seen.streams[0].answers.len() >= 4);
        drop(window);
        let _window = screen.show("It is ten minutes late today");
        launch.wait_for_output("It is ten minutes late today", WAIT_TIMEOUT);
        launch.interrupt();
        let finished = launch.finish(Duration::from_secs(20));
        assert!(finished.status.success(), "{finished:?}");
        service.assert_all_deleted();
        let trains = finished.stdout.matches("The train to Basel").count();
        assert_eq!(trains, 1, "{finished:?}");
    });
}
