//! What CAST makes of what, among the types that ODBC and JDBC have numbers for.

use std::collections::{BTreeMap, BTreeSet};

use arrow_flight::sql::SqlSupportsConvert;

/// For each type those that it can be cast to, as far as PostgreSQL has them.
pub(super) fn conversions() -> BTreeMap<i32, Vec<i32>> {
    use SqlSupportsConvert::*;
    const NUMBERS: [SqlSupportsConvert; 7] = [
        SqlConvertBigint,
        SqlConvertDecimal,
        SqlConvertFloat,
        SqlConvertInteger,
        SqlConvertNumeric,
        SqlConvertReal,
        SqlConvertSmallint,
    ];
    const TEXTS: [SqlSupportsConvert; 3] = [SqlConvertChar, SqlConvertLongvarchar, SqlConvertVarchar];
    const INTERVALS: [SqlSupportsConvert; 2] = [SqlConvertIntervalDayTime, SqlConvertIntervalYearMonth];
    const BYTES: [SqlSupportsConvert; 3] = [SqlConvertBinary, SqlConvertLongvarbinary, SqlConvertVarbinary];
    let mut made: BTreeMap<i32, BTreeSet<i32>> = BTreeMap::new();
    let mut add = |from: &[SqlSupportsConvert], to: &[SqlSupportsConvert]| {
        for from in from {
            made.entry(i32::from(*from)).or_default().extend(to.iter().map(|to| i32::from(*to)));
        }
    };
    add(&NUMBERS, &NUMBERS);
    add(&[SqlConvertInteger], &[SqlConvertBit]);
    add(&[SqlConvertBit], &[SqlConvertBit, SqlConvertInteger]);
    add(&[SqlConvertDate], &[SqlConvertDate, SqlConvertTimestamp]);
    add(&[SqlConvertTime], &[SqlConvertTime]);
    add(&[SqlConvertTimestamp], &[SqlConvertDate, SqlConvertTime, SqlConvertTimestamp]);
    add(&INTERVALS, &INTERVALS);
    add(&BYTES, &BYTES);
    // Everything can be written as text and read from it.
    let others = [&[SqlConvertBit, SqlConvertDate, SqlConvertTime, SqlConvertTimestamp][..], &NUMBERS, &INTERVALS];
    for others in others.into_iter().chain([&BYTES[..], &TEXTS[..]]) {
        add(others, &TEXTS);
        add(&TEXTS, others);
    }
    made.into_iter().map(|(from, to)| (from, to.into_iter().collect())).collect()
}
