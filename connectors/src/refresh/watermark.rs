//! The column by which a watermark refresh knows what is new, and the largest value of it so far.

use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::kernels::aggregate;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};

use chrono::{DateTime, Datelike};

use crate::error::{Error, Result};
use crate::name::quote;
use crate::pull::TablePlan;
use crate::source_settings::{Overlap, RefreshMode, RefreshPolicy};

/// Read again by default, where the table has a primary key by which what was there already is replaced:
/// transactions rarely run longer than this before they commit.
const DEFAULT_OVERLAP_MICROS: i128 = 60_000_000;
/// The same for columns of numbers: sequence values that were taken and not yet committed.
const DEFAULT_OVERLAP_UNITS: i128 = 1_000;
const DAY_MICROS: i128 = 86_400_000_000;

/// A watermark column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watermark {
    /// Its place in the table.
    pub(super) index: usize,
    column: String,
    kind: Kind,
    /// In the unit of `kind`.
    overlap: i128,
    /// Rows without a value are read each time: they may be new, or have been changed. What they replace is
    /// known by the key.
    with_nulls: bool,
}

/// What its values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    /// Units of `10^-scale`.
    Decimal {
        scale: i8,
    },
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01.
    Timestamp {
        zoned: bool,
    },
}

impl Kind {
    /// A value as SQL; `None` where PostgreSQL has no such value.
    fn literal(self, value: i128) -> Option<String> {
        match self {
            Self::Number => Some(value.to_string()),
            Self::Decimal { scale } => {
                let sign = if value < 0 { "-" } else { "" };
                Some(format!("'{sign}{}e-{scale}'::numeric", value.unsigned_abs()))
            }
            Self::Date => Some(format!("('epoch'::date + {value})")),
            Self::Timestamp { zoned } => {
                let time = DateTime::from_timestamp_micros(value.try_into().ok()?)?;
                // There is no year 0: it is 1 BC.
                let (year, era) = if time.year() > 0 { (time.year(), "") } else { (1 - time.year(), " BC") };
                let rest = time.format("%m-%d %H:%M:%S%.6f");
                let (zone, data_type) = if zoned { ("+00", "timestamptz") } else { ("", "timestamp") };
                Some(format!("'{year:04}-{rest}{zone}{era}'::{data_type}"))
            }
        }
    }
}

impl Watermark {
    /// The watermark of a table in that mode.
    ///
    /// # Errors
    /// [`Error::Table`] when it has no such column, or one that has no order that new rows follow.
    pub(super) fn new(plan: &TablePlan, policy: &RefreshPolicy) -> Result<Option<Self>> {
        let RefreshMode::Watermark { column, overlap } = &policy.mode else { return Ok(None) };
        let table = plan.name();
        let schema = &plan.selection.schema;
        let Ok(index) = schema.index_of(column) else {
            return Err(Error::table(
                table,
                format!("it has no column \"{column}\" for its watermark; correct its refresh settings"),
            ));
        };
        let kind = match schema.field(index).data_type() {
            DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Number,
            DataType::Decimal128(_, scale) if plan.selection.is_settled(index) => Kind::Decimal { scale: *scale },
            DataType::Date32 => Kind::Date,
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Kind::Timestamp { zoned: zone.is_some() },
            _ => {
                let printed = &plan.description.columns[index].printed_type;
                let message =
                    format!("type {printed} is no watermark; use a number, a date or a timestamp, or mode = \"diff\"");
                return Err(Error::column(table, column, message));
            }
        };
        let has_key = plan.description.primary_key.is_some();
        let overlap = match (overlap, kind) {
            (None, _) if !has_key => 0,
            (Some(Overlap::Units(0) | Overlap::Time(Duration::ZERO)), _) => 0,
            (None, Kind::Timestamp { .. }) => DEFAULT_OVERLAP_MICROS,
            (None, Kind::Date) => 1,
            (None, Kind::Number) => DEFAULT_OVERLAP_UNITS,
            (None, Kind::Decimal { scale }) => DEFAULT_OVERLAP_UNITS * 10_i128.pow(scale.unsigned_abs().into()),
            (Some(Overlap::Time(time)), Kind::Timestamp { .. }) => time.as_micros() as i128,
            (Some(Overlap::Time(time)), Kind::Date) => (time.as_micros() as i128 + DAY_MICROS - 1) / DAY_MICROS,
            (Some(Overlap::Units(units)), Kind::Number) => i128::from(*units),
            (Some(Overlap::Units(units)), Kind::Decimal { scale }) => {
                i128::from(*units) * 10_i128.pow(scale.unsigned_abs().into())
            }
            (Some(_), _) => {
                let message = "its overlap is of another kind than the column: a number for numbers, a time such as \
                     \"1m\" for dates and timestamps";
                return Err(Error::column(table, column, message));
            }
        };
        if overlap > 0 && !has_key {
            let message = "an overlap reads rows again, and without a primary key they would be there twice; \
                 set overlap = 0";
            return Err(Error::column(table, column, message));
        }
        let with_nulls = has_key && schema.field(index).is_nullable();
        Ok(Some(Self { index, column: column.clone(), kind, overlap, with_nulls }))
    }

    /// The SQL condition of what is new since `last`, which [`Watermark::largest`] gave.
    pub(super) fn condition(&self, last: &str) -> String {
        let column = quote(&self.column);
        // Whatever is not a number was not written by us; everything is new then.
        let Ok(last) = last.parse::<i128>() else { return "true".to_owned() };
        let from = last.saturating_sub(self.overlap);
        let Some(bound) = self.kind.literal(from) else { return "true".to_owned() };
        let operator = if self.overlap > 0 { ">=" } else { ">" };
        // Infinity and NaN are above every bound; where they come as NULL, they are treated as that.
        let no_moments = match self.kind {
            Kind::Number => None,
            Kind::Decimal { .. } => Some("('NaN'::numeric)"),
            Kind::Date | Kind::Timestamp { .. } => Some("('infinity', '-infinity')"),
        };
        let newer = format!("{column} {operator} {bound}");
        // Each of the alternatives can use an index on the column.
        match (no_moments, self.with_nulls) {
            (None, false) => newer,
            (None, true) => format!("{newer} OR {column} IS NULL"),
            (Some(no_moments), false) => format!("{newer} AND {column} NOT IN {no_moments}"),
            (Some(no_moments), true) => format!("{newer} OR {column} IS NULL OR {column} IN {no_moments}"),
        }
    }

    /// The largest value of a batch of the column.
    pub(super) fn largest(column: &ArrayRef) -> Option<i128> {
        match column.data_type() {
            DataType::Int16 => aggregate::max(column.as_primitive::<Int16Type>()).map(i128::from),
            DataType::Int32 => aggregate::max(column.as_primitive::<Int32Type>()).map(i128::from),
            DataType::Int64 => aggregate::max(column.as_primitive::<Int64Type>()).map(i128::from),
            DataType::Date32 => aggregate::max(column.as_primitive::<Date32Type>()).map(i128::from),
            DataType::Timestamp(..) => {
                aggregate::max(column.as_primitive::<TimestampMicrosecondType>()).map(i128::from)
            }
            DataType::Decimal128(..) => aggregate::max(column.as_primitive::<Decimal128Type>()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_exact() {
        for (kind, value, expected) in [
            (Kind::Number, -7, "-7"),
            (Kind::Decimal { scale: 2 }, 12_345_678_901_234_567_860, "'12345678901234567860e-2'::numeric"),
            (Kind::Decimal { scale: 0 }, -5, "'-5e-0'::numeric"),
            (Kind::Date, 20_000, "('epoch'::date + 20000)"),
            (Kind::Timestamp { zoned: false }, 1_763_000_000_000_001, "'2025-11-13 02:13:20.000001'::timestamp"),
            (Kind::Timestamp { zoned: false }, -62_167_219_200_000_000, "'0001-01-01 00:00:00.000000 BC'::timestamp"),
            (Kind::Timestamp { zoned: true }, 0, "'1970-01-01 00:00:00.000000+00'::timestamptz"),
        ] {
            assert_eq!(kind.literal(value).as_deref(), Some(expected));
        }
        assert_eq!(Kind::Timestamp { zoned: true }.literal(i128::MAX), None);
    }
}
