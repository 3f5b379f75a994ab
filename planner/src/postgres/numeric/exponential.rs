//! `exp`.

use super::fixed_point::exponential;
use super::{Integer, MAX_RESULT_SCALE, Numeric, overflow, result_scale};
use crate::postgres::error::ValueResult;

/// The logarithm of e to the base ten, with the digits that PostgreSQL estimates with.
#[expect(clippy::approx_constant, reason = "one digit more could change how many decimals a result has")]
pub(super) const LOG10_OF_E: f64 = 0.434_294_481_903_252;
/// Results have at most so many digits before the point, or zeros behind it, and half as many again.
pub(super) const MAX_RESULT_EXPONENT: i32 = 2000;

impl Numeric {
    /// e to the power of the number, with decimals enough for 16 significant digits.
    pub(crate) fn exponential(&self) -> ValueResult<Self> {
        let limit = f64::from(MAX_RESULT_EXPONENT);
        let exponent = (self.to_f64_or_infinite() * LOG10_OF_E).clamp(-limit, limit);
        self.exponential_at(result_scale(whole(exponent), &[self]))?.checked()
    }

    /// e to the power of the number with a number of decimals.
    pub(super) fn exponential_at(&self, scale: u32) -> ValueResult<Self> {
        let value = self.to_f64_or_infinite();
        if value.abs() >= f64::from(MAX_RESULT_EXPONENT) * 3.0 {
            if value > 0.0 {
                return Err(overflow());
            }
            return Ok(Self::of(Integer::ZERO, scale.min(MAX_RESULT_SCALE)));
        }
        Ok(Self::of(exponential(self, scale, whole(value * LOG10_OF_E)), scale))
    }
}

/// The number without its decimals; it must be small.
#[expect(clippy::cast_possible_truncation, reason = "the digits behind the point are to be cut off")]
pub(super) fn whole(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use super::super::tests::number;

    #[test]
    fn exponentials() {
        for (text, power) in [
            ("0", "1.0000000000000000"),
            ("1", "2.7182818284590452"),
            ("-1.50", "0.2231301601484298"),
            ("10.0", "22026.465794806717"),
            ("-50", "0.0000000000000000000001928749847963918"),
        ] {
            assert_eq!(number(text).exponential().unwrap().to_string(), power, "{text}");
        }
        assert!(number("7000").exponential().is_err());
        assert!(number("-7000").exponential().unwrap().is_zero());
    }
}
