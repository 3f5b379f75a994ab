//! Functions that take many texts, or make a text of many and many of one.

use super::{MAX_PARTS, before, between, checked_length, saturated, too_many_parts};
use crate::postgres::error::ValueResult;
use crate::postgres::stop::Steps;

/// `concat`, which leaves NULLs out.
pub(crate) fn concat(texts: &[Option<&str>]) -> ValueResult<String> {
    concat_ws("", texts)
}

/// `concat_ws` for a separator that is not NULL; it leaves NULLs out.
pub(crate) fn concat_ws(separator: &str, texts: &[Option<&str>]) -> ValueResult<String> {
    joined(texts.iter().flatten().copied(), separator)
}

/// Texts with a separator between them.
fn joined<'t>(texts: impl Iterator<Item = &'t str> + Clone, separator: &str) -> ValueResult<String> {
    let bytes = texts.clone().map(|text| text.len().saturating_add(separator.len()));
    let longest = bytes.fold(0, usize::saturating_add).saturating_sub(separator.len());
    let mut joined = String::with_capacity(checked_length(Some(longest))?);
    for (index, text) in texts.enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(joined)
}

/// `string_to_array`, and the rows of `string_to_table`, of a text that is not NULL. A NULL delimiter stands between
/// all characters, an empty one nowhere; fields that equal `null` become NULL.
pub(crate) fn string_to_array(
    text: &str,
    delimiter: Option<&str>,
    null: Option<&str>,
) -> ValueResult<Vec<Option<String>>> {
    let mut steps = Steps::default();
    let mut field = |field: &str| steps.next().map(|()| (Some(field) != null).then(|| field.to_owned()));
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let has_too_many = match delimiter {
        None => text.chars().nth(MAX_PARTS).is_some(),
        Some("") => false,
        // As many and one more.
        Some(delimiter) => text.matches(delimiter).nth(MAX_PARTS - 1).is_some(),
    };
    if has_too_many {
        return Err(too_many_parts());
    }
    match delimiter {
        None => text.char_indices().map(|(at, letter)| field(between(text, at, at + letter.len_utf8()))).collect(),
        Some("") => Ok(vec![field(text)?]),
        Some(delimiter) => text.split(delimiter).map(field).collect(),
    }
}

/// `array_to_string`; without a text for NULLs they are left out.
pub(crate) fn array_to_string(elements: &[Option<&str>], delimiter: &str, null: Option<&str>) -> ValueResult<String> {
    joined(elements.iter().filter_map(|element| element.or(null)), delimiter)
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
        let fields = |delimiter, null| string_to_array("a,,é", delimiter, null).unwrap();
        assert_eq!(fields(Some(","), Some("")), [Some("a".into()), None, Some("é".into())]);
        assert_eq!(fields(None, Some(",")), [Some("a".into()), None, None, Some("é".into())]);
        assert_eq!(fields(Some(""), None), [Some("a,,é".into())]);
        assert!(string_to_array("", Some(","), None).unwrap().is_empty());
        assert_eq!(array_to_string(&[None, Some(""), Some("b")], "-", None).unwrap(), "-b");
        assert_eq!(array_to_string(&[None, Some("b")], "-", Some("*")).unwrap(), "*-b");
        assert_eq!(concat_ws(",", &[None, Some("a"), Some("")]).unwrap(), "a,");
        assert_eq!(concat(&[None, Some("a"), Some("b")]).unwrap(), "ab");
    }

    #[test]
    fn what_is_too_large_is_not_made() {
        let long = "x".repeat(1 << 20);
        let elements = vec![Some("y"); 100];
        assert_eq!(array_to_string(&elements, &long, None).unwrap_err().message, "requested length too large");
        assert_eq!(concat(&vec![Some(long.as_str()); 100]).unwrap_err().message, "requested length too large");
        let commas = ",".repeat(MAX_PARTS);
        assert!(string_to_array(&commas, Some(","), None).is_err());
        assert!(string_to_array(&format!("{commas}x"), None, None).is_err());
    }
}
