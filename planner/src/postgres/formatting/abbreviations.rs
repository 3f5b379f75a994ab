//! Abbreviations of time zones in texts that a template reads: the longest that fits.

use crate::postgres::datetime::abbreviations::{Abbreviation, known};

/// Letters of the longest abbreviation.
const LONGEST: usize = 6;

/// The longest abbreviation that a text begins with, whatever the case of its letters, and how many bytes it has.
pub(super) fn longest_prefix(text: &[u8]) -> Option<(&'static Abbreviation, usize)> {
    let letters = text.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphabetic()).count();
    (1..=letters).rev().find_map(|length| {
        let word = text.get(..length)?.to_ascii_lowercase();
        Some((known(std::str::from_utf8(&word).ok()?)?, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_one_is_found() {
        let found = |text: &[u8]| longest_prefix(text).map(|((name, _), length)| (*name, length));
        assert_eq!(found(b"CETx"), Some(("cet", 3)));
        assert_eq!(found(b"cetdst+1"), Some(("cetdst", 6)));
        assert_eq!(found(b"Msk"), Some(("msk", 3)));
        assert_eq!(found(b"x"), None);
    }
}
