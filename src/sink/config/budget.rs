// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The property `budget`: limits on what a run costs.

use gst::glib;

use crate::session::costs::budget::{Budget, Field, Limit, Unit};
use crate::session::error::Error;

/// A text or a truth value is no number, although GLib makes one of some.
const NUMBERS: [glib::Type; 10] = [
    glib::Type::I8,
    glib::Type::U8,
    glib::Type::I32,
    glib::Type::U32,
    glib::Type::I64,
    glib::Type::U64,
    glib::Type::I_LONG,
    glib::Type::U_LONG,
    glib::Type::F32,
    glib::Type::F64,
];

/// Reads the budget.
///
/// # Errors
/// If it is not valid. The text says what to write instead.
pub fn read(structure: &gst::StructureRef) -> Result<Budget, Error> {
    let names = Field::ALL.map(Field::name).join(", ");
    let mut limits = Vec::new();
    for (name, value) in structure.iter() {
        let field = Field::ALL.into_iter().find(|f| f.name() == name.as_str());
        let field = field.ok_or_else(|| {
            Error::settings(format!(
                "budget has the unknown field {name}. The possible fields are {names}."
            ))
        })?;
        limits.push(limit(field, value)?);
    }
    // The order of the fields does not matter.
    limits.sort_by_key(|limit: &Limit| Field::ALL.iter().position(|field| *field == limit.field));
    match limits.is_empty() {
        false => Ok(Budget { limits }),
        true => Err(Error::settings(format!(
            "budget has no field: give it at least one of {names}, as in budget=\"budget,cents=50\", or unset it."
        ))),
    }
}

fn limit(field: Field, value: &glib::Value) -> Result<Limit, Error> {
    let name = field.name();
    let number = match NUMBERS.contains(&value.type_()) || value.is::<gst::Fraction>() {
        true => value.transform::<f64>().ok(),
        false => None,
    };
    let amount = number.and_then(|number| number.get::<f64>().ok());
    let amount = amount.ok_or_else(|| {
        Error::settings(format!(
            "{name} of budget is not a number: write it as in budget=\"budget,{name}=50\"."
        ))
    })?;
    let least = match field.unit {
        Unit::Answers => "at least 1",
        Unit::Cents | Unit::Seconds => "more than 0",
    };
    Limit::new(field, amount).ok_or_else(|| {
        Error::settings(format!(
            "{name} of budget is {amount}: it must be {least}. Without {name}, there is no such limit."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Budget, Error> {
        gst::init().expect("GStreamer");
        read(&text.parse::<gst::Structure>().expect(text))
    }

    #[test]
    fn numbers_of_any_type_are_read() {
        let all = "budget,answers=(guint64)7,seconds-per-hour=(float)2.5,cents=(int)50,\
                   answers-per-hour=(double)3.0,cents-per-hour=3/2,seconds=(uint)9";
        let read = read_text(all).expect("valid");
        let amounts: Vec<_> = read
            .limits
            .iter()
            .map(|limit| (limit.field.name(), limit.most))
            .collect();
        assert_eq!(
            amounts,
            [
                ("cents", 50_000_000),
                ("answers", 7),
                ("seconds", 9_000_000),
                ("cents-per-hour", 1_500_000),
                ("answers-per-hour", 3),
                ("seconds-per-hour", 2_500_000)
            ]
        );
        // The name of the structure does not matter.
        assert_eq!(read_text("b,answers=3").expect("valid").limits.len(), 1);
    }

    #[test]
    fn errors_say_how_to_fix_it() {
        for (text, fix) in [
            ("budget", "at least one of cents, answers"),
            (
                "budget,cent=3",
                "unknown field cent. The possible fields are cents",
            ),
            ("budget,cents=much", "cents of budget is not a number"),
            ("budget,cents=(string)5", "not a number"),
            ("budget,cents=0", "more than 0"),
            ("budget,answers=-3", "at least 1"),
            ("budget,answers=0.5", "at least 1"),
            ("budget,seconds-per-hour=-0.5", "more than 0"),
            ("budget,answers=5,hours=1", "unknown field hours"),
            ("budget,cents=true", "not a number"),
        ] {
            let error = read_text(text).expect_err(text);
            assert!(error.message.contains(fix), "{error} should say {fix}");
        }
    }
}
