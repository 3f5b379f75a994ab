//! Functions that make a text longer.

use super::{before, byte_of_char, checked_length};
use crate::postgres::error::ValueResult;

/// `lpad(text, length, fill)`.
pub(crate) fn lpad(text: &str, length: i32, fill: &str) -> ValueResult<String> {
    let (kept, missing) = kept_and_missing(text, length, fill)?;
    let mut padded = String::with_capacity(kept.len() + missing);
    fill_up(&mut padded, fill, missing);
    padded.push_str(kept);
    Ok(padded)
}

/// `rpad(text, length, fill)`.
pub(crate) fn rpad(text: &str, length: i32, fill: &str) -> ValueResult<String> {
    let (kept, missing) = kept_and_missing(text, length, fill)?;
    let mut padded = String::with_capacity(kept.len() + missing);
    padded.push_str(kept);
    fill_up(&mut padded, fill, missing);
    Ok(padded)
}

/// Puts so many characters behind a text: those of `fill`, over and over.
fn fill_up(text: &mut String, fill: &str, missing: usize) {
    let letters = fill.chars().count().max(1);
    let bytes = fill.len() * (missing / letters) + byte_of_char(fill, missing % letters);
    let start = text.len();
    text.push_str(before(fill, bytes));
    // What is there is whole repetitions until the last step, and so can be put behind itself.
    while text.len() - start < bytes {
        let filled = text.len() - start;
        text.extend_from_within(start..start + filled.min(bytes - filled));
    }
}

fn kept_and_missing<'a>(text: &'a str, length: i32, fill: &str) -> ValueResult<(&'a str, usize)> {
    let length = usize::try_from(length).unwrap_or_default();
    let kept = before(text, byte_of_char(text, length));
    let missing = if fill.is_empty() { 0 } else { length - kept.chars().count().min(length) };
    checked_length(missing.checked_mul(char::MAX.len_utf8()).filter(|_| !fill.is_ascii()).or(Some(missing)))?;
    Ok((kept, missing))
}

/// `repeat(text, count)`.
pub(crate) fn repeat(text: &str, count: i32) -> ValueResult<String> {
    let count = usize::try_from(count).unwrap_or_default();
    checked_length(text.len().checked_mul(count))?;
    Ok(text.repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads() {
        assert_eq!(lpad("hi", 7, "xyé").as_deref(), Ok("xyéxyhi"));
        assert_eq!(lpad("hi", 3, "xyé").as_deref(), Ok("xhi"));
        assert_eq!(rpad("hi", 14, "xyé").as_deref(), Ok("hixyéxyéxyéxyé"));
        assert_eq!(rpad("hi", 15, "éxy").as_deref(), Ok("hiéxyéxyéxyéxyé"));
        assert_eq!(rpad("hä", 2, "x").as_deref(), Ok("hä"));
        assert_eq!(rpad("häh", 2, "x").as_deref(), Ok("hä"));
        assert_eq!(lpad("hi", 7, "").as_deref(), Ok("hi"));
        assert_eq!(lpad("hi", -7, "x").as_deref(), Ok(""));
        assert_eq!(lpad("hi", i32::MAX, "x").unwrap_err().message, "requested length too large");
    }

    #[test]
    fn repetitions() {
        assert_eq!(repeat("ab", 2).as_deref(), Ok("abab"));
        assert_eq!(repeat("ab", -2).as_deref(), Ok(""));
        assert_eq!(repeat("ab", i32::MAX).unwrap_err().sqlstate, "54000");
    }
}
