//! The numbers of a date checked, once all of them are known.

use super::calendar::{Civil, civil_day, days, days_of_month};
use super::decode::{DATE, DAY, DAY_OF_YEAR, Found, MONTH, YEAR};
use super::numbers::Fault;

/// How the date was written.
#[derive(Clone, Copy, Default)]
pub(super) struct DateForm {
    pub(super) is_julian: bool,
    pub(super) bc: bool,
    pub(super) is_short_year: bool,
    pub(super) day_of_year: i32,
}

/// A date of numbers that are known to be its year, its month and its day; before Christ if `bc`.
pub(super) fn check_numbers(civil: &mut Civil, bc: bool) -> Result<(), Fault> {
    check_date(civil, DATE, DateForm { bc, ..DateForm::default() })
}

/// Check the parts that have been found, and make of the year what was meant by it.
pub(super) fn check_date(civil: &mut Civil, found: Found, form: DateForm) -> Result<(), Fault> {
    if found & YEAR != 0 && !form.is_julian {
        if form.bc {
            if civil.year <= 0 {
                return Err(Fault::Overflow);
            }
            civil.year = 1 - civil.year;
        } else if form.is_short_year {
            match civil.year {
                0..70 => civil.year += 2000,
                70..100 => civil.year += 1900,
                year if year < 0 => return Err(Fault::Overflow),
                _ => {}
            }
        } else if civil.year <= 0 {
            return Err(Fault::Overflow);
        }
    }
    if found & DAY_OF_YEAR != 0 {
        let date = civil_day(days(i64::from(civil.year), 1, 1) + i64::from(form.day_of_year) - 1);
        *civil = Civil { year: date.year, month: date.month, day: date.day, ..*civil };
    }
    if found & MONTH != 0 && !(1..=12).contains(&civil.month) {
        return Err(Fault::Overflow);
    }
    if found & DAY != 0 && !(1..=31).contains(&civil.day) {
        return Err(Fault::Overflow);
    }
    if found & DATE == DATE && civil.day > days_of_month(civil.year, civil.month) {
        return Err(Fault::Overflow);
    }
    Ok(())
}
