//! Roman numerals, from 1 to 3999.

/// The longest one, of 3888, has so many letters.
pub(super) const MAX_LETTERS: usize = 15;

const NUMERALS: [(i32, &str); 13] = [
    (1_000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

/// The numeral in upper case; number signs if there is none.
pub(super) fn numeral(mut number: i32) -> String {
    if !(1..=3_999).contains(&number) {
        return "#".repeat(MAX_LETTERS);
    }
    let mut text = String::with_capacity(MAX_LETTERS);
    for (value, letters) in NUMERALS {
        while number >= value {
            text.push_str(letters);
            number -= value;
        }
    }
    text
}

/// The number of a numeral that a text begins with, whatever the case of its letters, and how many of them there are.
/// None if they are no numeral, for there is only one of each number.
pub(super) fn leading_number(text: &[u8]) -> Option<(i32, usize)> {
    let is_letter = |byte: &&u8| matches!(byte.to_ascii_uppercase(), b'M' | b'D' | b'C' | b'L' | b'X' | b'V' | b'I');
    let length = text.iter().take(MAX_LETTERS).take_while(is_letter).count();
    let letters = text.get(..length)?;
    let mut rest = letters;
    let mut number = 0;
    for (value, numeral) in NUMERALS {
        while let Some((start, after)) = rest.split_at_checked(numeral.len())
            && start.eq_ignore_ascii_case(numeral.as_bytes())
        {
            number += value;
            rest = after;
        }
    }
    let is_numeral = rest.is_empty() && numeral(number).as_bytes().eq_ignore_ascii_case(letters);
    is_numeral.then_some((number, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for number in 1..=3_999 {
            let numeral = numeral(number);
            assert_eq!(leading_number(numeral.as_bytes()), Some((number, numeral.len())));
        }
        assert_eq!(numeral(1_994), "MCMXCIV");
        assert_eq!(numeral(0), "###############");
        assert_eq!(leading_number(b"xiv-"), Some((14, 3)));
        for text in ["", "a", "IIII", "VX", "IXI", "MMMM", "iix", "LC"] {
            assert_eq!(leading_number(text.as_bytes()), None, "{text}");
        }
    }
}
