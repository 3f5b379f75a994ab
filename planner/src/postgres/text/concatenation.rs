//! Functions that take many texts, or make a text of many and many of one.

use super::{before, between, saturated};

/// `concat`, which leaves NULLs out.
pub(crate) fn concat(texts: &[Option<&str>]) -> String {
    texts.iter().flatten().copied().collect()
}

/// `concat_ws` for a separator that is not NULL; it leaves NULLs out.
pub(crate) fn concat_ws(separator: &str, texts: &[Option<&str>]) -> String {
    let mut joined = String::new();
    for (index, text) in texts.iter().flatten().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    joined
}

/// `string_to_array`, and the rows of `string_to_table`, of a text that is not NULL. A NULL delimiter stands between
/// all characters, an empty one nowhere; fields that equal `null` become NULL.
pub(crate) fn string_to_array(text: &str, delimiter: Option<&str>, null: Option<&str>) -> Vec<Option<String>> {
    let field = |field: &str| (Some(field) != null).then(|| field.to_owned());
    if text.is_empty() {
        return Vec::new();
    }
    match delimiter {
        None => text.char_indices().map(|(at, letter)| field(between(text, at, at + letter.len_utf8()))).collect(),
        Some("") => vec![field(text)],
        Some(delimiter) => text.split(delimiter).map(field).collect(),
    }
}

/// `array_to_string`; without a text for NULLs they are left out.
pub(crate) fn array_to_string(elements: &[Option<&str>], delimiter: &str, null: Option<&str>) -> String {
    let mut joined = String::new();
    let mut first = true;
    for element in elements.iter().filter_map(|element| element.or(null)) {
        if !first {
            joined.push_str(delimiter);
        }
        first = false;
        joined.push_str(element);
    }
    joined
}

/// `position(part in text)` and `strpos(text, part)`: where a part begins, counted from 1, or 0.
pub(crate) fn strpos(text: &str, part: &str) -> i32 {
    match text.find(part) {
        Some(byte) => saturated(before(text, byte).chars().count() + 1),
        None => 0,
    }
}

/// `starts_with(text, prefix)` and the operator `^@`.
pub(crate) fn starts_with(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_fields() {
        let fields = |delimiter, null| string_to_array("a,,é", delimiter, null);
        assert_eq!(fields(Some(","), Some("")), [Some("a".into()), None, Some("é".into())]);
        assert_eq!(fields(None, Some(",")), [Some("a".into()), None, None, Some("é".into())]);
        assert_eq!(fields(Some(""), None), [Some("a,,é".into())]);
        assert!(string_to_array("", Some(","), None).is_empty());
        assert_eq!(array_to_string(&[None, Some(""), Some("b")], "-", None), "-b");
        assert_eq!(array_to_string(&[None, Some("b")], "-", Some("*")), "*-b");
        assert_eq!(concat_ws(",", &[None, Some("a"), Some("")]), "a,");
    }
}
