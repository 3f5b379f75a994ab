//! The types that a schema announces: those that parameters have, with numbers that they can have. Code that is given
//! others ends in a panic, some of it long after they were decoded.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use arrow::array::timezone::Tz;
use arrow::datatypes::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION,
};
use arrow_ipc::{DateUnit, Endianness, Field, IntervalUnit, Precision, Schema, TimeUnit, Type, UnionMode};
use tonic::Status;

use super::{encoded, unreadable};

/// Types of one union: what fits the byte that says which it is.
const MAX_UNION: usize = 128;

/// # Errors
/// When a field is of a type that no parameter has.
pub(super) fn check(schema: &Schema<'_>) -> Result<(), Status> {
    if schema.endianness() != Endianness::Little {
        return Err(unreadable("its numbers are not little-endian"));
    }
    let fields = schema.fields().ok_or_else(|| unreadable("the schema has no list of fields"))?;
    fields.iter().try_for_each(|field| match field.type_type() {
        // Drivers wrap in unions what they do not know the type of: whole parameters.
        Type::Union if field.dictionary().is_none() => check_union(&field),
        _ => check_field(&field),
    })
}

fn check_field(field: &Field<'_>) -> Result<(), Status> {
    if field.dictionary().is_some() {
        return Err(encoded());
    }
    let is_known = match field.type_type() {
        Type::Null | Type::Bool | Type::Binary | Type::LargeBinary | Type::BinaryView => true,
        Type::Utf8 | Type::LargeUtf8 | Type::Utf8View => true,
        Type::Int => field.type_as_int().is_some_and(|int| matches!(int.bitWidth(), 8 | 16 | 32 | 64)),
        Type::FloatingPoint => field
            .type_as_floating_point()
            .is_some_and(|float| [Precision::HALF, Precision::SINGLE, Precision::DOUBLE].contains(&float.precision())),
        Type::Decimal => field
            .type_as_decimal()
            .is_some_and(|decimal| is_decimal(decimal.bitWidth(), decimal.precision(), decimal.scale())),
        Type::Date => {
            field.type_as_date().is_some_and(|date| [DateUnit::DAY, DateUnit::MILLISECOND].contains(&date.unit()))
        }
        Type::Time => field.type_as_time().is_some_and(|time| is_time(time.bitWidth(), time.unit())),
        Type::Timestamp => field
            .type_as_timestamp()
            .is_some_and(|timestamp| is_unit(timestamp.unit()) && timestamp.timezone().is_none_or(is_time_zone)),
        Type::Duration => field.type_as_duration().is_some_and(|duration| is_unit(duration.unit())),
        Type::Interval => field.type_as_interval().is_some_and(|interval| {
            [IntervalUnit::YEAR_MONTH, IntervalUnit::DAY_TIME, IntervalUnit::MONTH_DAY_NANO].contains(&interval.unit())
        }),
        Type::FixedSizeBinary => field.type_as_fixed_size_binary().is_some_and(|binary| binary.byteWidth() >= 0),
        Type::List | Type::LargeList => return check_children(field, 1..=1),
        Type::FixedSizeList => {
            check_children(field, 1..=1)?;
            // A cast of lists that never have an element makes lists of no row of them.
            field.type_as_fixed_size_list().is_some_and(|list| list.listSize() > 0)
        }
        // DataFusion panics where rows are grouped by one without fields.
        Type::Struct_ => return check_children(field, 1..=usize::MAX),
        _ => false,
    };
    if is_known { Ok(()) } else { Err(unknown()) }
}

fn unknown() -> Status {
    unreadable("a column is of a type that no parameter has, or has a precision, scale, unit or time zone that is none")
}

/// The fields within a field. They are no deeper than the verifier has found them.
fn check_children(field: &Field<'_>, counts: RangeInclusive<usize>) -> Result<(), Status> {
    let children = field.children();
    if !counts.contains(&children.map_or(0, |children| children.len())) {
        return Err(unreadable("a type has another number of types within it than it may have"));
    }
    children.into_iter().flatten().try_for_each(|child| check_field(&child))
}

fn is_decimal(bits: i32, precision: i32, scale: i32) -> bool {
    let most = match bits {
        32 => DECIMAL32_MAX_PRECISION,
        64 => DECIMAL64_MAX_PRECISION,
        128 => DECIMAL128_MAX_PRECISION,
        256 => DECIMAL256_MAX_PRECISION,
        _ => return false,
    };
    (1..=i32::from(most)).contains(&precision) && (-i32::from(most)..=precision).contains(&scale)
}

fn is_time(bits: i32, unit: TimeUnit) -> bool {
    match bits {
        32 => [TimeUnit::SECOND, TimeUnit::MILLISECOND].contains(&unit),
        64 => [TimeUnit::MICROSECOND, TimeUnit::NANOSECOND].contains(&unit),
        _ => false,
    }
}

fn is_unit(unit: TimeUnit) -> bool {
    [TimeUnit::SECOND, TimeUnit::MILLISECOND, TimeUnit::MICROSECOND, TimeUnit::NANOSECOND].contains(&unit)
}

fn is_time_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

/// A union's types have numbers: their places, or others that are different.
fn check_union(field: &Field<'_>) -> Result<(), Status> {
    check_children(field, 1..=MAX_UNION)?;
    let union = field.type_as_union().ok_or_else(unknown)?;
    let are_ids = union.typeIds().is_none_or(|ids| {
        let different: BTreeSet<i32> = ids.iter().filter(|id| i8::try_from(*id).is_ok_and(|id| id >= 0)).collect();
        different.len() == ids.len() && Some(ids.len()) == field.children().map(|children| children.len())
    });
    if are_ids && [UnionMode::Dense, UnionMode::Sparse].contains(&union.mode()) { Ok(()) } else { Err(unknown()) }
}
