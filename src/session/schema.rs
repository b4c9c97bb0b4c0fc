//! The JSON schema that answers are to fit.

use std::sync::Arc;

use serde_json::Value;

use super::error::Error;
use super::protocol::without_nul;

/// Longest explanation why an answer does not fit; in characters.
const EXPLANATION: usize = 300;

/// A schema that was checked. Clones share it.
#[derive(Clone)]
pub struct Schema(Arc<Checked>);

struct Checked {
    value: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// # Errors
    /// A settings error where it is no schema of an object, or refers to something outside itself.
    pub fn new(value: Value) -> Result<Self, Error> {
        if !value.is_object() {
            return Err(Error::settings(
                "output-schema must be a JSON object, such as {\"type\":\"object\",\"properties\":{…}}.",
            ));
        }
        let validator = jsonschema::validator_for(&value).map_err(|error| {
            Error::settings(format!(
                "output-schema is not a valid JSON schema: {}.",
                shortened(&error.to_string())
            ))
        })?;
        Ok(Self(Arc::new(Checked { value, validator })))
    }

    pub fn value(&self) -> &Value {
        &self.0.value
    }

    /// Why an answer does not fit; `None` where it does.
    pub fn misfit(&self, answer: &str) -> Option<String> {
        match serde_json::from_str(answer) {
            Ok(answer) => {
                let error = self.0.validator.validate(&answer).err()?;
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "/" } else { &place };
                // The names of members are the answer's own.
                Some(without_nul(format!(
                    "{}: {}",
                    shortened(place),
                    shortened(&error.to_string())
                )))
            }
            Err(error) => Some(format!("it is not JSON: {error}")),
        }
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.value.fmt(f)
    }
}

/// An explanation may repeat the whole answer.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXPLANATION) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_says_where() {
        let schema = Schema::new(json!({
            "type": "object",
            "properties": { "people": { "type": "integer" } },
            "required": ["people"],
        }))
        .expect("a schema");
        assert_eq!(schema.misfit(r#"{"people": 2}"#), None);
        let wrong = schema.misfit(r#"{"people": "two"}"#).expect("a misfit");
        assert!(wrong.starts_with("/people: "), "{wrong}");
        let missing = schema.misfit("{}").expect("a misfit");
        assert!(missing.contains("people"), "{missing}");
        let cut = schema.misfit(r#"{"people": "#).expect("a misfit");
        assert!(cut.contains("not JSON"), "{cut}");
        let deep = "[".repeat(100_000);
        assert!(schema.misfit(&deep).is_some());
        let odd = Schema::new(json!({ "additionalProperties": false })).expect("a schema");
        let odd = odd.misfit(r#"{"a\u0000b": 1}"#).expect("a misfit");
        assert!(!odd.contains('\0'), "{odd:?}");
        let long = format!(r#"{{"people": "{}"}}"#, "x".repeat(10_000));
        let long = schema.misfit(&long).expect("a misfit");
        assert!(long.len() < 1_000, "{}", long.len());
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "properties": { "a": { "$ref": "#" } }, "additionalProperties": false }),
        ] {
            // Whichever it is: it comes to an end.
            let schema = Schema::new(schema);
            let _ = schema.map(|schema| schema.misfit(r#"{"a": {"a": {"b": 1}}}"#));
        }
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for bad in [
            json!([1]),
            json!({ "type": "objekt" }),
            json!({ "$ref": "https://example.com/schema.json" }),
        ] {
            let error = Schema::new(bad.clone()).err();
            assert!(error.is_some(), "{bad}");
        }
    }
}
