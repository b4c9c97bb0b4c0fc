// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The example `overlay`: the answers are visible over the video on a screen.

use std::time::{Duration, Instant};

use super::programs::in_each_language;
use super::screen::Screen;
use crate::common::Service;
use crate::common::launch::command;

#[test]
fn answers_are_visible_over_the_video() {
    in_each_language("overlay", |program| {
        let Some(screen) = Screen::start() else {
            return;
        };
        let service = Service::start();
        let mut shell = command(&service);
        shell.env("DISPLAY", &screen.display);
        // The OpenGL of the tests draws on no screen.
        shell
            .env_remove("GST_GL_WINDOW")
            .env_remove("GST_GL_PLATFORM");
        let launch = program.start_in(&mut shell, "");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let text = screen.read(&program.folder);
            if text.contains("mostly") && text.contains("brightness") {
                break;
            }
            assert!(Instant::now() < deadline, "{text}: {}", launch.printed());
        }
        launch.interrupt();
        let finished = launch.finish(Duration::from_secs(20));
        assert!(finished.status.success(), "{finished:?}");
        service.assert_all_deleted();
    });
}
