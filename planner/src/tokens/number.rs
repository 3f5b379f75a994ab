//! Numbers as PostgreSQL's lexer reads them: in four bases, and with underscores between digits.

/// Digits of a number in another base. It becomes decimal in a time that grows with the square of its length.
pub(super) const MAX_DIGITS: usize = 1_000;

pub(super) enum NoNumber {
    Malformed(&'static str),
    TooLong,
}

/// The length of the number that a text begins with, and the number without underscores, in decimal.
pub(super) fn number(text: &str) -> Result<(usize, String), NoNumber> {
    const JUNK: NoNumber = NoNumber::Malformed("trailing junk after numeric literal");
    let base = match text.get(..2) {
        Some("0x" | "0X") => Some((16, "invalid hexadecimal integer")),
        Some("0o" | "0O") => Some((8, "invalid octal integer")),
        Some("0b" | "0B") => Some((2, "invalid binary integer")),
        _ => None,
    };
    let (length, digits) = if let Some((base, invalid)) = base {
        let length = 2 + digits_length(&text[2..], base, true);
        if length == 2 {
            return Err(NoNumber::Malformed(invalid));
        }
        (length, decimal(&text[2..length], base)?)
    } else {
        let mut length = digits_length(text, 10, false);
        if text[length..].starts_with('.') {
            length += 1;
            length += digits_length(&text[length..], 10, false);
        }
        if text[length..].starts_with(['e', 'E']) {
            let signed = length + 1 + usize::from(text[length + 1..].starts_with(['+', '-']));
            match digits_length(&text[signed..], 10, false) {
                0 => return Err(JUNK),
                digits => length = signed + digits,
            }
        }
        let digits: String = text[..length].chars().filter(|digit| *digit != '_').collect();
        (length, digits)
    };
    if text[length..].starts_with(|next: char| next == '_' || next.is_ascii_alphanumeric() || !next.is_ascii()) {
        return Err(JUNK);
    }
    Ok((length, digits))
}

/// How far digits go, between which single underscores may stand.
fn digits_length(text: &str, base: u32, may_begin_with_underscore: bool) -> usize {
    let mut end = 0;
    let mut rest = text;
    loop {
        let underscore = (end > 0 || may_begin_with_underscore) && rest.starts_with('_');
        let digits = &rest[usize::from(underscore)..];
        let length = digits.find(|next: char| !next.is_digit(base)).unwrap_or(digits.len());
        if length == 0 {
            return end;
        }
        end += usize::from(underscore) + length;
        rest = &text[end..];
    }
}

/// Digits of another base in decimal.
fn decimal(digits: &str, base: u32) -> Result<String, NoNumber> {
    const LIMB: u64 = 1_000_000_000;
    if digits.len() > MAX_DIGITS {
        return Err(NoNumber::TooLong);
    }
    // Nine digits each; the smallest first.
    let mut limbs = vec![0_u64];
    for digit in digits.chars().filter_map(|digit| digit.to_digit(base)) {
        let mut carry = u64::from(digit);
        for limb in &mut limbs {
            let product = *limb * u64::from(base) + carry;
            *limb = product % LIMB;
            carry = product / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut text = limbs.pop().unwrap_or_default().to_string();
    for limb in limbs.iter().rev() {
        text.push_str(&format!("{limb:09}"));
    }
    Ok(text)
}
