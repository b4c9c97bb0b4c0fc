// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The budget of a run: limits that each have a name, as in the property `budget`.

use super::tally::Span;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Cents,
    Answers,
    /// Time for which a stream exists.
    Seconds,
}

/// A kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub unit: Unit,
    pub span: Span,
}

impl Field {
    pub const ALL: [Field; 6] = [
        Field::new(Unit::Cents, Span::Run),
        Field::new(Unit::Answers, Span::Run),
        Field::new(Unit::Seconds, Span::Run),
        Field::new(Unit::Cents, Span::Hour),
        Field::new(Unit::Answers, Span::Hour),
        Field::new(Unit::Seconds, Span::Hour),
    ];

    const fn new(unit: Unit, span: Span) -> Self {
        Self { unit, span }
    }

    pub fn name(self) -> &'static str {
        match (self.unit, self.span) {
            (Unit::Cents, Span::Run) => "cents",
            (Unit::Answers, Span::Run) => "answers",
            (Unit::Seconds, Span::Run) => "seconds",
            (Unit::Cents, Span::Hour) => "cents-per-hour",
            (Unit::Answers, Span::Hour) => "answers-per-hour",
            (Unit::Seconds, Span::Hour) => "seconds-per-hour",
        }
    }
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub field: Field,
    /// In microcents, answers or microseconds.
    pub most: u64,
}

impl Limit {
    /// `amount`: in cents, answers or seconds. `None`: it is no amount that can be spent.
    pub fn new(field: Field, amount: f64) -> Option<Self> {
        let parts = match field.unit {
            Unit::Cents | Unit::Seconds => 1e6,
            Unit::Answers => 1.0,
        };
        // A conversion to an integer ends at the integer's limits.
        let most = (amount * parts + 1e-6) as u64;
        (amount.is_finite() && most > 0).then_some(Self { field, most })
    }
}

/// The limits of a run, the first one that is used up counts. `Default`: none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    pub limits: Vec<Limit>,
}

impl Budget {
    pub fn has(&self, unit: Unit) -> bool {
        self.limits.iter().any(|limit| limit.field.unit == unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_kept_exactly_and_have_bounds() {
        let most = |unit, amount| Limit::new(Field::new(unit, Span::Run), amount).map(|l| l.most);
        assert_eq!(most(Unit::Cents, 0.3), Some(300_000));
        assert_eq!(most(Unit::Cents, 1e-6), Some(1));
        assert_eq!(most(Unit::Seconds, 2.5), Some(2_500_000));
        assert_eq!(most(Unit::Answers, 7.9), Some(7));
        assert_eq!(most(Unit::Answers, 1e300), Some(u64::MAX));
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert_eq!(most(Unit::Cents, nothing), None, "{nothing}");
        }
        assert_eq!(most(Unit::Answers, 0.5), None);
    }
}
