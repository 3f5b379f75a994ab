//! `uuid` as text.

use super::error::{ValueError, ValueResult};

/// Reads a `uuid`: 32 hexadecimal digits, with a hyphen after any group of four and braces around them.
pub(crate) fn parse(text: &str) -> ValueResult<[u8; 16]> {
    read(text.as_bytes())
        .ok_or_else(|| ValueError::new("22P02", format!("invalid input syntax for type uuid: \"{text}\"")))
}

fn read(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inside @ .., b'}'] => inside,
        [b'{', ..] => return None,
        plain => plain,
    };
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
        rest = match tail {
            [b'-', tail @ ..] if index % 2 == 1 && index < 15 => tail,
            tail => tail,
        };
    }
    rest.is_empty().then_some(bytes)
}

/// Prints a `uuid`.
pub(crate) fn print(bytes: &[u8; 16]) -> String {
    let mut printed = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            printed.push('-');
        }
        super::bytea::push_hex(&mut printed, std::slice::from_ref(byte));
    }
    printed
}

/// Another text of a `uuid` as PostgreSQL prints it.
pub(crate) fn canonical(text: &str) -> ValueResult<String> {
    parse(text).map(|bytes| print(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let expected = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for form in [
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(canonical(form).as_deref(), Ok(expected));
        }
        for bad in [
            "",
            "{",
            "{}",
            " a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0-eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
        ] {
            assert_eq!(parse(bad).unwrap_err().message, format!("invalid input syntax for type uuid: \"{bad}\""));
        }
    }
}
