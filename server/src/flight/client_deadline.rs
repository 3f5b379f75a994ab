//! The time that a client gives a call, which it says in a header. It ends the call itself then; what it says is for
//! those whose word of that does not come.

use std::time::Duration;

use http::HeaderMap;
use tonic::{Code, Status};

use super::reason::{Reason, Told};

const HEADER: &str = "grpc-timeout";
/// So many digits has a number at most.
const MOST_DIGITS: usize = 8;

/// What the headers of a call say of its time: a number with a unit
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). What is said wrongly counts as not said.
pub(super) fn time_of(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = said.split_at_checked(said.len().checked_sub(1)?)?;
    if digits.len() > MOST_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// What is said when it is over.
pub(super) fn is_over() -> Status {
    Told::new(Code::Cancelled, Reason::Cancelled)
        .status("the time that the client gave the call (grpc-timeout) is over")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(said: &str) -> Option<Duration> {
        time_of(&HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), said.parse().unwrap())]))
    }

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        assert_eq!(time("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(time("99999999M"), Some(Duration::from_secs(5_999_999_940)));
        assert_eq!(time("1S"), Some(Duration::from_secs(1)));
        assert_eq!(time("15m"), Some(Duration::from_millis(15)));
        assert_eq!(time("0u"), Some(Duration::ZERO));
        assert_eq!(time("7n"), Some(Duration::from_nanos(7)));
        for wrong in ["", "m", "1", "1s", "+1m", "-1m", "1 m", "123456789m", "1h", "m1"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(time_of(&HeaderMap::new()), None);
    }
}
