// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Finds words in the sentences of a model.

/// Words in a row, in lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrase(Vec<String>);

/// Words that deny what follows, besides those that end in `n't`.
const DENIALS: [&str; 8] = [
    "no", "not", "without", "never", "none", "neither", "nor", "cannot",
];
/// Words that say nothing between a denial and what it denies: "no visible signs of fire".
const FILLERS: [&str; 15] = [
    "a", "an", "the", "any", "of", "to", "visible", "obvious", "apparent", "clear", "actual",
    "active", "sign", "signs", "evidence",
];
/// What joins the parts of a list. A denial is about all of them: "no smoke, flames or fire".
const JOINTS: [&str; 4] = [",", "or", "and", "nor"];
/// How many other words may be between a denial and what it denies: "not holding a gun".
const DENIAL_DISTANCE: usize = 1;
/// Words behind which a denial does not count any more: "no people, but a fire".
const TURNS: [&str; 5] = ["but", "however", "only", "except", "though"];
/// Words between a phrase and a denial behind it: "a fire is not visible".
const VERBS: [&str; 8] = ["is", "are", "was", "were", "can", "could", "has", "have"];

impl Phrase {
    /// `None`: the text has no word.
    pub fn new(text: &str) -> Option<Self> {
        let words = sentences(text).into_iter().flatten();
        let words: Vec<_> = words.filter(|word| word != ",").collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Whether the text says it: the words are whole ones, in any case, and the sentence does not deny them.
    pub fn is_in(&self, text: &str) -> bool {
        let Self(phrase) = self;
        sentences(text).iter().any(|sentence| {
            let mut places = sentence.windows(phrase.len()).enumerate();
            places.any(|(start, words)| {
                let (before, behind) = (&sentence[..start], &sentence[start + phrase.len()..]);
                words == phrase && !denies_ahead(before) && !denies_back(behind)
            })
        })
    }
}

/// The words of each sentence, in lower case, and its commas.
fn sentences(text: &str) -> Vec<Vec<String>> {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let text = text.replace(',', " , ");
    let sentences = text.split(['.', '!', '?', ';', '\n']);
    let words = |sentence: &str| {
        let words = sentence.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | ','));
        let words = words.map(|word| word.trim_matches('\'').to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    sentences.map(words).collect()
}

fn is_denial(word: &str) -> bool {
    DENIALS.contains(&word) || word.ends_with("n't")
}

/// Whether these words deny what comes next.
fn denies_ahead(words: &[String]) -> bool {
    let (mut between, mut is_listed) = (0, false);
    for word in words.iter().rev().map(String::as_str) {
        if TURNS.contains(&word) || between > DENIAL_DISTANCE {
            return false;
        }
        if is_denial(word) {
            return true;
        }
        let is_joint = JOINTS.contains(&word);
        between += usize::from(!is_joint && !is_listed && !FILLERS.contains(&word));
        is_listed = is_joint;
    }
    false
}

/// Whether these words deny what came before: "fire: no", "is not visible".
fn denies_back(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str);
    match words.next() {
        Some("no" | "none") => matches!(words.next(), None | Some(",")),
        Some(verb) if VERBS.contains(&verb) => words.next().is_some_and(is_denial),
        Some(word) => word == "cannot" || word.ends_with("n't"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_unless_they_are_denied() {
        let fire = Phrase::new(" Fire ").expect("a word");
        for yes in [
            "Fire!",
            "A small fire burns in the bin.",
            "There is no person near the fire.",
            "No people, but a fire.",
            "Nobody is there. Fire",
            "The man does not move. A fire burns.",
            "Is it a fire? Yes.",
            "fire, no people",
        ] {
            assert!(fire.is_in(yes), "{yes}");
        }
        for no in [
            "There is no fire.",
            "There isn't any visible fire.",
            "There isn\u{2019}t a fire",
            "No signs of smoke, flames or fire.",
            "The room is without fire",
            "Fire: no",
            "Fire: no, people: yes",
            "A fire is not visible.",
            "A fire isn't visible.",
            "The firefighters wait.",
            "",
        ] {
            assert!(!fire.is_in(no), "{no}");
        }
        let gun = Phrase::new("gun").expect("a word");
        assert!(!gun.is_in("The man is not holding a gun."));
        let phrase = Phrase::new("red car").expect("words");
        assert!(phrase.is_in("A big RED  car stops"));
        assert!(!phrase.is_in("The light is red. Car traffic stops."));
    }
}
