// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Which model is asked first: the preferred one, or for some time one that has answered in its place. Else every
//! question would wait for the failure of the preferred one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a model that answered in place of the preferred one is asked first.
const SUBSTITUTION: Duration = Duration::from_secs(60);

/// The substitutes, by the preferred model.
#[derive(Default)]
pub struct ModelChoice {
    substitutes: HashMap<String, (String, Instant)>,
}

impl ModelChoice {
    /// The models in the order in which to ask them now. The first of `models` is the preferred one.
    pub fn order(&self, models: &[String], now: Instant) -> Vec<String> {
        let substitute = models.first().and_then(|first| self.substitutes.get(first));
        let substitute = substitute.filter(|(_, until)| now < *until);
        let mut ordered = models.to_vec();
        if let Some((substitute, _)) = substitute {
            ordered.sort_by_key(|model| model != substitute);
        }
        ordered
    }

    /// One of these models has answered.
    pub fn answered(&mut self, models: &[String], model: &str, now: Instant) {
        let Some(preferred) = models.first() else {
            return;
        };
        if preferred == model {
            self.substitutes.remove(preferred);
        } else if !self.is_substituted(preferred, now) {
            let until = now + SUBSTITUTION;
            let substitute = (model.to_owned(), until);
            self.substitutes.insert(preferred.clone(), substitute);
        }
    }

    fn is_substituted(&self, preferred: &str, now: Instant) -> bool {
        let substitute = self.substitutes.get(preferred);
        substitute.is_some_and(|(_, until)| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitute_is_asked_first_for_some_time() {
        let models = ["a", "b", "c"].map(str::to_owned);
        let mut choice = ModelChoice::default();
        let now = Instant::now();
        let order = |choice: &ModelChoice, seconds| {
            let ordered = choice.order(&models, now + Duration::from_secs(seconds));
            ordered.concat()
        };
        assert_eq!(order(&choice, 0), "abc");
        choice.answered(&models, "c", now);
        assert_eq!(order(&choice, 1), "cab");
        // Answers of the substitute do not make its time longer.
        choice.answered(&models, "c", now + Duration::from_secs(50));
        assert_eq!(order(&choice, 59), "cab");
        assert_eq!(order(&choice, 61), "abc");
        choice.answered(&models, "a", now + Duration::from_secs(62));
        assert_eq!(order(&choice, 62), "abc");
        // Another list is not concerned.
        choice.answered(&models, "b", now);
        let other = ["b", "a"].map(str::to_owned);
        assert_eq!(choice.order(&other, now).concat(), "ba");
        assert!(choice.order(&[], now).is_empty());
    }
}
