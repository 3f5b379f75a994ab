//! The order of floating-point numbers: NaN is equal to itself and larger than all others (`float8_cmp_internal` of
//! PostgreSQL).

/// A number's place among all: the larger one is that of the larger number.
pub(crate) fn place(number: f64) -> i64 {
    let bits = if number.is_nan() { f64::NAN.abs() } else { number }.to_bits().cast_signed();
    without_sign_order(bits)
}

/// The number at a place.
pub(crate) fn at_place(place: i64) -> f64 {
    f64::from_bits(without_sign_order(place).cast_unsigned())
}

/// Turns round the order of what is negative; twice is as it was.
fn without_sign_order(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_order_and_lead_back() {
        let numbers =
            [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 2.0, f64::MAX, f64::INFINITY];
        assert!(numbers.map(place).is_sorted());
        assert_eq!(numbers.map(place).map(at_place), numbers);
        assert!(place(-f64::NAN) == place(f64::NAN) && place(f64::NAN) > place(f64::INFINITY));
        assert!(at_place(place(f64::NAN)).is_nan());
    }
}
