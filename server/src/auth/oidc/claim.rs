//! Finding what a token says under a name.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Claims whose text is words, in OAuth 2.0 (RFC 8693, 4.2) and of Entra ID.
const SCOPES: [&str; 2] = ["scope", "scp"];

/// What is said under a name. A name that is there as a whole comes first (`https://example.org/roles`); otherwise dots
/// lead into objects (`realm_access.roles`).
pub(super) fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        name.match_indices('.').find_map(|(dot, _)| find(claims.get(&name[..dot])?.as_object()?, &name[dot + 1..]))
    })
}

/// The texts of a list, or a text as it is: whoever may choose one with a blank in it has not chosen two. Of a scope, its
/// words. `None` for anything else.
pub(super) fn texts(name: &str, value: &Value) -> Option<BTreeSet<String>> {
    match value {
        Value::String(text) if SCOPES.contains(&name) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::String(text) => Some(BTreeSet::from([text.clone()])),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_whole_or_lead_into_objects() {
        let claims = json!({
            "tenant": 7,
            "realm_access": {"roles": ["a"]},
            "resource_access": {"rail.forge": {"roles": ["b"]}},
            "https://example.org/roles": ["c"],
        });
        let claims = claims.as_object().unwrap();
        for (name, expected) in [
            ("tenant", json!(7)),
            ("realm_access.roles", json!(["a"])),
            ("resource_access.rail.forge.roles", json!(["b"])),
            ("https://example.org/roles", json!(["c"])),
        ] {
            assert_eq!(find(claims, name), Some(&expected), "{name}");
        }
        for missing in ["", ".", "roles", "tenant.x", "realm_access.", ".roles", "realm_access.roles.0"] {
            assert_eq!(find(claims, missing), None, "{missing}");
        }
    }

    #[test]
    fn texts_are_a_list_or_one_or_the_words_of_a_scope() {
        let expected: BTreeSet<_> = ["a", "b"].map(str::to_owned).into();
        assert_eq!(texts("roles", &json!(["b", "a", "a"])), Some(expected.clone()));
        assert_eq!(texts("roles", &json!("a b")), Some(BTreeSet::from(["a b".to_owned()])));
        for scope in SCOPES {
            assert_eq!(texts(scope, &json!(" a  b ")), Some(expected.clone()));
        }
        assert_eq!(texts("roles", &json!([])), Some(BTreeSet::new()));
        for wrong in [json!(null), json!(1), json!({"a": "b"}), json!(["a", 1]), json!([["a"]])] {
            assert_eq!(texts("roles", &wrong), None, "{wrong}");
        }
    }
}
