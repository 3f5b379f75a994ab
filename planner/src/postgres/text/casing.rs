//! Upper and lower case, one character for one as libc and the builtin locale `C.UTF-8` do: `ß` stays. Beside them what
//! the locale `C` does, and what ICU and `PG_UNICODE_FAST` do.

/// `upper(text)`.
pub(crate) fn upper(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_uppercase() } else { text.chars().map(upper_char).collect() }
}

/// `lower(text)`.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(lower_char).collect() }
}

/// `initcap(text)`: words are letters and digits, the first letter of each becomes a capital and the others do not.
pub(crate) fn initcap(text: &str) -> String {
    let mut capitalized = String::with_capacity(text.len());
    let mut in_word = false;
    for letter in text.chars() {
        capitalized.push(if in_word { lower_char(letter) } else { upper_char(letter) });
        in_word = letter.is_alphabetic() || letter.is_ascii_digit();
    }
    capitalized
}

/// `initcap(text)` in the locale `C`.
pub(crate) fn initcap_ascii(text: &str) -> String {
    let mut capitalized = String::with_capacity(text.len());
    let mut in_word = false;
    for letter in text.chars() {
        capitalized.push(if in_word { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() });
        in_word = letter.is_ascii_alphanumeric();
    }
    capitalized
}

/// `upper(text)`, where `ß` becomes `SS`.
pub(crate) fn upper_full(text: &str) -> String {
    let mut upper = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_newer_than_postgres(letter) {
            true => upper.push(letter),
            false => upper.extend(letter.to_uppercase()),
        }
    }
    upper
}

/// `lower(text)`, where `Σ` at the end of a word becomes `ς`.
pub(crate) fn lower_full(text: &str) -> String {
    if !text.chars().any(is_newer_than_postgres) {
        return text.to_lowercase();
    }
    let mut lower = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_newer_than_postgres(letter) {
            true => lower.push(letter),
            false => lower.extend(letter.to_lowercase()),
        }
    }
    lower
}

/// `casefold(text)`: texts that differ in case only become equal.
pub(crate) fn casefold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(fold_char).collect() }
}

/// A character's capital, if that is one character.
pub(crate) fn upper_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_uppercase();
    }
    if is_newer_than_postgres(letter) {
        return letter;
    }
    let mut mapped = letter.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(capital), None) => capital,
        // Greek letters with an iota have a capital with it, if the iota is not to be written beside it.
        _ => match u32::from(letter) {
            point @ (0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7) => offset(letter, point + 8),
            0x1FB3 => '\u{1FBC}',
            0x1FC3 => '\u{1FCC}',
            0x1FF3 => '\u{1FFC}',
            _ => letter,
        },
    }
}

/// A character's small form, if that is one character.
pub(crate) fn lower_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    if is_newer_than_postgres(letter) {
        return letter;
    }
    // Of the two characters that `İ` becomes, the first is the small form.
    letter.to_lowercase().next().unwrap_or(letter)
}

/// What stands for a character when case does not count.
pub(crate) fn fold_char(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    match letter {
        'İ' | 'ı' => letter,
        // Cherokee came with capitals first, to which the small letters fold.
        '\u{13A0}'..='\u{13F5}' => letter,
        '\u{13F8}'..='\u{13FD}' | '\u{AB70}'..='\u{ABBF}' => upper_char(letter),
        '\u{1FD3}' => '\u{390}',
        '\u{1FE3}' => '\u{3B0}',
        'ﬅ' => 'ﬆ',
        other => lower_char(upper_char(other)),
    }
}

/// Whether a letter has had its other case since Unicode 17; PostgreSQL 18 knows Unicode 16.
fn is_newer_than_postgres(letter: char) -> bool {
    matches!(letter, '\u{A7CE}' | '\u{A7CF}' | '\u{A7D2}'..='\u{A7D5}' | '\u{16EA0}'..='\u{16ED3}')
}

fn offset(letter: char, point: u32) -> char {
    char::from_u32(point).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_for_one() {
        assert_eq!(upper("straße ǆ ᾳ"), "STRAßE Ǆ ᾼ");
        assert_eq!(lower("ÀİΣ"), "àiσ");
        assert_eq!(initcap("hi THOMAS ǆx 1a_b"), "Hi Thomas Ǆx 1a_B");
        assert_eq!(casefold("ẞſΣς"), "ßsσσ");
    }

    #[test]
    fn ascii_alone_and_several_for_one() {
        assert_eq!(initcap_ascii("été ÉTÉ a-b"), "éTé ÉTÉ A-B");
        assert_eq!(upper_full("straße ŉ ᾳ"), "STRASSE ʼN ΑΙ");
        assert_eq!(lower_full("ΑΣ İ"), "ας i\u{307}");
    }
}
