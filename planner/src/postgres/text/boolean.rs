//! `boolean` as text.

use super::trimmed;
use crate::postgres::error::{ValueError, ValueResult};

/// Reads a `boolean`: any beginning of `true`, `false`, `yes` and `no`, further `on`, `off`, `1` and `0`.
pub(crate) fn parse(text: &str) -> ValueResult<bool> {
    let word = trimmed(text);
    let begins = |whole: &str| whole.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match word.as_bytes() {
        [b't' | b'T', ..] if begins("true") => Ok(true),
        [b'f' | b'F', ..] if begins("false") => Ok(false),
        [b'y' | b'Y', ..] if begins("yes") => Ok(true),
        [b'n' | b'N', ..] if begins("no") => Ok(false),
        [b'1'] | [b'o' | b'O', b'n' | b'N'] => Ok(true),
        [b'0'] => Ok(false),
        [b'o' | b'O', _, ..] if begins("off") => Ok(false),
        _ => Err(ValueError::new("22P02", format!("invalid input syntax for type boolean: \"{text}\""))),
    }
}

/// Prints a `boolean` as a cast to text does; PostgreSQL's output function says `t` and `f`.
pub(crate) fn print(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_enough_if_they_are_unique() {
        assert_eq!(parse(" tRu\n"), Ok(true));
        assert_eq!(parse("of"), Ok(false));
        assert_eq!(parse("on"), Ok(true));
        assert_eq!(parse("o").unwrap_err().message, "invalid input syntax for type boolean: \"o\"");
        assert!(parse("").is_err());
        assert!(parse("truee").is_err());
        assert!(parse("10").is_err());
    }
}
