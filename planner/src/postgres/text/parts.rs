//! Functions that give a part of a text.

use super::{before, byte_of_char, from};
use crate::postgres::error::{ValueError, ValueResult};

/// `substring(text from start for count)` and `substr`; without a count up to the text's end.
pub(crate) fn substring(text: &str, start: i32, count: Option<i32>) -> ValueResult<&str> {
    let (skipped, kept) = window(start, count)?;
    let start = byte_of_char(text, skipped);
    let rest = from(text, start);
    Ok(match kept {
        Some(kept) => before(rest, byte_of_char(rest, kept)),
        None => rest,
    })
}

/// What `start` and `count` of a substring mean: how many elements come before it and how many are in it. Elements
/// before the first count, although there are none.
pub(crate) fn window(start: i32, count: Option<i32>) -> ValueResult<(usize, Option<usize>)> {
    let skipped = usize::try_from(i64::from(start) - 1).unwrap_or_default();
    let Some(count) = count else { return Ok((skipped, None)) };
    if count < 0 {
        return Err(ValueError::new("22011", "negative substring length not allowed"));
    }
    let end = usize::try_from(i64::from(start) + i64::from(count) - 1).unwrap_or_default();
    Ok((skipped, Some(end.saturating_sub(skipped))))
}

/// `left(text, count)`; a negative count leaves out so many characters at the end.
pub(crate) fn left(text: &str, count: i32) -> &str {
    before(text, split_at(text, count))
}

/// `right(text, count)`; a negative count leaves out so many characters at the beginning.
pub(crate) fn right(text: &str, count: i32) -> &str {
    match count.checked_neg() {
        Some(0) => "",
        Some(split) => from(text, split_at(text, split)),
        // What cannot be negated leaves nothing out.
        None => text,
    }
}

/// Where the first characters end, or with a negative count the last ones begin.
fn split_at(text: &str, count: i32) -> usize {
    let distance = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    match distance.checked_sub(1) {
        Some(_) if count > 0 => byte_of_char(text, distance),
        Some(steps) => text.char_indices().nth_back(steps).map_or(0, |(byte, _)| byte),
        None => 0,
    }
}

/// `split_part(text, delimiter, field)`; negative fields count from the end.
pub(crate) fn split_part<'a>(text: &'a str, delimiter: &str, field: i32) -> ValueResult<&'a str> {
    let distance = usize::try_from(field.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(index) = distance.checked_sub(1) else {
        return Err(ValueError::new("22023", "field position must not be zero"));
    };
    if delimiter.is_empty() {
        return Ok(if index == 0 { text } else { "" });
    }
    if field > 0 {
        return Ok(text.split(delimiter).nth(index).unwrap_or_default());
    }
    // Counted from the front, as a delimiter that overlaps itself is found there first.
    let fields = text.split(delimiter).count();
    Ok(fields.checked_sub(distance).and_then(|index| text.split(delimiter).nth(index)).unwrap_or_default())
}

/// `ascii(text)`: the code point of the first character, or 0.
pub(crate) fn ascii(text: &str) -> i32 {
    text.chars().next().and_then(|letter| i32::try_from(u32::from(letter)).ok()).unwrap_or_default()
}

/// `chr(code)`: the character of a code point.
pub(crate) fn chr(code: i32) -> ValueResult<char> {
    let refused = |reason: String| Err(ValueError::new("54000", reason));
    let Ok(point) = u32::try_from(code) else {
        return Err(ValueError::new("22023", "character number must be positive"));
    };
    match char::from_u32(point) {
        Some('\0') => refused("null character not permitted".into()),
        Some(letter) => Ok(letter),
        None if point > u32::from(char::MAX) => refused(format!("requested character too large for encoding: {point}")),
        None => refused(format!("requested character not valid for encoding: {point}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings() {
        assert_eq!(substring("tübingen", 2, Some(3)), Ok("übi"));
        assert_eq!(substring("abc", -1, Some(3)), Ok("a"));
        assert_eq!(substring("abc", -1, None), Ok("abc"));
        assert_eq!(substring("abc", 2, Some(i32::MAX)), Ok("bc"));
        assert_eq!(substring("abc", i32::MIN, Some(i32::MAX)), Ok(""));
        assert_eq!(substring("abc", 1, Some(-1)).unwrap_err().sqlstate, "22011");
    }

    #[test]
    fn ends() {
        assert_eq!((left("äbc", 2), left("äbc", -1), left("äbc", 0), left("äbc", -9)), ("äb", "äb", "", ""));
        assert_eq!((right("äbc", 2), right("äbc", -1), right("äbc", 0), right("äbc", 9)), ("bc", "bc", "", "äbc"));
        assert_eq!(right("abc", i32::MIN), "abc");
    }

    #[test]
    fn fields() {
        assert_eq!(split_part("a~@~b~@~c", "~@~", 2), Ok("b"));
        assert_eq!(split_part("a,b,c", ",", -1), Ok("c"));
        assert_eq!(split_part("aaa", "aa", -1), Ok("a"));
        assert_eq!(split_part("abc", "", -1), Ok("abc"));
        assert_eq!(split_part("a,b", ",", 0).unwrap_err().message, "field position must not be zero");
    }

    #[test]
    fn codes() {
        assert_eq!((ascii(""), ascii("€")), (0, 8364));
        assert_eq!(chr(8364), Ok('€'));
        assert_eq!(chr(0).unwrap_err().message, "null character not permitted");
        assert_eq!(chr(0xD800).unwrap_err().message, "requested character not valid for encoding: 55296");
    }
}
