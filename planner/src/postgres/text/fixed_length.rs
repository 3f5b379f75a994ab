//! `varchar(n)`, `char(n)` and `name`: texts of a limited length. A `char(n)` ends with blanks that do not count.

use super::{before, byte_of_char};

/// The greatest length of a `name`, in bytes (`NAMEDATALEN`).
const NAME_BYTES: usize = 63;

/// The cast to `varchar(length)`, which cuts what is too long.
pub(crate) fn cast_to_varchar(text: &str, length: usize) -> &str {
    if text.len() <= length { text } else { before(text, byte_of_char(text, length)) }
}

/// A `char(n)` as `text`, and what of it is compared: all but the blanks at its end.
pub(crate) fn char_to_text(text: &str) -> &str {
    text.trim_end_matches(' ')
}

/// The cast to `name`, which cuts after 63 bytes but within no character.
pub(crate) fn cast_to_name(text: &str) -> &str {
    before(text, text.floor_char_boundary(NAME_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_cut_characters() {
        assert_eq!(cast_to_varchar("äöü", 2), "äö");
        assert_eq!(cast_to_name(&"ä".repeat(40)), "ä".repeat(31));
    }
}
