//! The plain forms that machines write, `2024-02-29` and `2024-02-29 10:11:12.345`, read without ado. What is not
//! plainly one of these and right is left to the others.

use super::calendar::{Civil, days_of_month};

/// `yyyy-mm-dd` of a year of four digits.
pub(super) fn date(text: &[u8]) -> Option<Civil> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let is_valid = year > 0 && (1..=12).contains(&month) && day > 0 && day <= days_of_month(year, month);
    is_valid.then(|| Civil { year, month, day, ..Civil::default() })
}

/// `yyyy-mm-dd hh:mm:ss`, with up to six digits of a fraction.
pub(super) fn timestamp(text: &[u8]) -> Option<Civil> {
    let (day, rest) = text.split_at_checked(10)?;
    let (&b' ' | &b'T', time) = rest.split_first()? else { return None };
    let (clock, fraction) = time.split_at_checked(8)?;
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            let mut micros = 0;
            for place in 0..6 {
                micros = micros * 10 + digits.get(place).map_or(Some(0), |digit| one(*digit))?;
            }
            micros
        }
        _ => return None,
    };
    Some(Civil { hour, minute, second, micros, ..date(day)? })
}

fn one(digit: u8) -> Option<i32> {
    digit.is_ascii_digit().then(|| i32::from(digit - b'0'))
}

fn two(tens: u8, ones: u8) -> Option<i32> {
    Some(one(tens)? * 10 + one(ones)?)
}
