// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! What the run costs: in the property `stats`, and in the message about the end of the budget.

use crate::session::costs::account::Sums;
use crate::session::costs::budget::Field;

/// Adds the costs to `stats`. What is unknown is absent.
pub fn add_to(stats: &mut gst::StructureRef, sums: &Sums) {
    stats.set_if_some("cost-microcents", sums.cost_microcents);
    let last_hour = sums.cost_last_hour_microcents;
    stats.set_if_some("cost-last-hour-microcents", last_hour);
}

/// The `overshoot-credits` structure about a limit that is used up, with the sums so far.
pub fn used_up(field: Field, sums: &Sums) -> gst::Structure {
    let mut structure = gst::Structure::builder("overshoot-credits")
        .field("budget-exhausted", field.name())
        .field("answers", sums.answers)
        .field("seconds", sums.seconds)
        .build();
    add_to(&mut structure, sums);
    structure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    #[test]
    fn the_end_of_the_budget_is_read_as_it_was_posted() {
        gst::init().expect("GStreamer");
        let mut sums = Sums {
            cost_microcents: Some(7),
            cost_last_hour_microcents: Some(6),
            answers: 5,
            seconds: 1.5,
        };
        let [field, ..] = Field::ALL;
        let Some(Message::Credits(read)) = Message::from_structure(&used_up(field, &sums)) else {
            panic!("credits");
        };
        assert_eq!(read.budget_exhausted.as_deref(), Some("cents"));
        assert_eq!(read.cost_microcents, Some(7));
        assert_eq!(read.cost_last_hour_microcents, Some(6));
        assert_eq!((read.answers, read.seconds), (Some(5), Some(1.5)));
        assert_eq!(read.cost_cents, None);
        sums.cost_microcents = None;
        assert!(!used_up(field, &sums).has_field("cost-microcents"));
    }
}
