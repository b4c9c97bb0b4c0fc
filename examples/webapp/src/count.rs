// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Numbers of things in sentences.

/// `1 video`, `2 videos`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_has_no_plural() {
        let counted = [0, 1, 2].map(|number| count(number, "video"));
        assert_eq!(counted, ["0 videos", "1 video", "2 videos"]);
    }
}
