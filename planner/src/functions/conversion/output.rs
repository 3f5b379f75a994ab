//! Values as PostgreSQL prints them.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};
use datafusion::common::{DFSchema, Result, not_impl_err};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, lit};

use crate::error::Error;
use crate::functions::column::{as_list, interval};
use crate::functions::datetime::SessionZone;
use crate::functions::growth::Growth;
use crate::functions::strict::{argument, result_of, rows_of};
use crate::functions::udf::{Evaluate, Udf};
use crate::pg_type::PgType;
use crate::postgres::datetime::write::{write_date, write_interval, write_time, write_timestamp, write_timestamptz};
use crate::postgres::datetime::zone::Zone;
use crate::postgres::text::{boolean, float_digits};
use crate::postgres::value::{Date, Time, Timestamp, TimestampTz};
use crate::postgres::{array_text, bytea};
use crate::query::Surroundings;

/// The expression as text.
pub(super) fn printed(expr: Expr, from: &PgType, _schema: &DFSchema, surroundings: &Surroundings) -> Result<Expr> {
    if from.is_textual() {
        return Ok(expr);
    }
    let function = ScalarUDF::from(Udf::new("text", PgType::Text, Arc::new(Printed { pg_type: from.clone() })));
    Ok(function.call(vec![expr, lit(surroundings.zone.as_str())]))
}

/// Prints values of a type.
struct Printed {
    pg_type: PgType,
}

impl Evaluate for Printed {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        written(arguments, rows, |array, row, zone, text| print(array, row, &self.pg_type, zone, text))
    }

    fn made_for(&self) -> Option<&PgType> {
        Some(&self.pg_type)
    }
}

/// The texts that are written for the rows of the first argument, in the time zone that the second names.
pub(in crate::functions) fn written(
    arguments: &[ColumnarValue],
    rows: usize,
    write: impl Fn(&ArrayRef, usize, &Zone, &mut String) -> Result<()>,
) -> Result<ColumnarValue> {
    let zone_name = match argument(arguments, 1)? {
        ColumnarValue::Scalar(value) => value.try_as_str().flatten().unwrap_or("UTC").to_owned(),
        ColumnarValue::Array(_) => "UTC".to_owned(),
    };
    let mut zones = SessionZone::default();
    let zone = zones.get(&zone_name).map_err(Error::Value)?;
    let value = argument(arguments, 0)?;
    let array = value.to_array(rows_of(std::slice::from_ref(value), rows))?;
    let mut growth = Growth::of(arguments);
    let mut texts = StringViewBuilder::with_capacity(array.len());
    let mut text = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        write(&array, row, zone, &mut text)?;
        growth.add(text.len()).map_err(Error::Value)?;
        texts.append_value(&text);
    }
    result_of(Arc::new(texts.finish()), std::slice::from_ref(value))
}

/// Prints the value of a row.
pub(in crate::functions) fn print(
    array: &ArrayRef,
    row: usize,
    pg_type: &PgType,
    zone: &Zone,
    text: &mut String,
) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => text.push_str(boolean::print(array.as_boolean().value(row))),
        DataType::Int16 => integer(i64::from(array.as_primitive::<Int16Type>().value(row)), text),
        DataType::Int32 => integer(i64::from(array.as_primitive::<Int32Type>().value(row)), text),
        DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row), text),
        DataType::UInt32 => integer(i64::from(array.as_primitive::<UInt32Type>().value(row)), text),
        DataType::Float32 => text.push_str(&float_digits::print_float4(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => text.push_str(&float_digits::print_float8(array.as_primitive::<Float64Type>().value(row))),
        DataType::Decimal128(..) => text.push_str(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => text.push_str(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => text.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => text.push_str(array.as_string_view().value(row)),
        DataType::Binary => text.push_str(&bytea::print(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => text.push_str(&bytea::print(array.as_binary::<i64>().value(row))),
        DataType::BinaryView => text.push_str(&bytea::print(array.as_binary_view().value(row))),
        DataType::Date32 => write_date(text, Date(array.as_primitive::<Date32Type>().value(row))),
        DataType::Time64(_) => write_time(text, Time(array.as_primitive::<Time64MicrosecondType>().value(row))),
        DataType::Timestamp(_, None) => {
            write_timestamp(text, Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)));
        }
        DataType::Timestamp(_, Some(_)) => {
            let moment = TimestampTz(array.as_primitive::<TimestampMicrosecondType>().value(row));
            write_timestamptz(text, moment, zone);
        }
        DataType::Interval(_) => {
            write_interval(text, interval(array.as_primitive::<IntervalMonthDayNanoType>().value(row)));
        }
        DataType::List(_) => list(&as_list(array)?.value(row), pg_type, zone, text)?,
        DataType::Struct(_) => {
            let fields = array.as_struct();
            let PgType::Record(types) = pg_type else { return not_impl_err!("a text of type {pg_type}") };
            record(fields.columns(), row, types, zone, text)?;
        }
        other => return not_impl_err!("a text of {other}"),
    }
    Ok(())
}

fn integer(value: i64, text: &mut String) {
    // Writing to a text cannot fail.
    let _ = write!(text, "{value}");
}

fn list(elements: &ArrayRef, pg_type: &PgType, zone: &Zone, text: &mut String) -> Result<()> {
    let element = pg_type.element().cloned().unwrap_or(PgType::Text);
    text.push('{');
    let mut own = String::new();
    for row in 0..elements.len() {
        if row > 0 {
            text.push(',');
        }
        if elements.is_null(row) {
            array_text::push_element(text, None, ',');
            continue;
        }
        own.clear();
        match elements.data_type() {
            DataType::Boolean => own.push(if elements.as_boolean().value(row) { 't' } else { 'f' }),
            _ => print(elements, row, &element, zone, &mut own)?,
        }
        match elements.data_type() {
            DataType::List(_) => text.push_str(&own),
            _ => array_text::push_element(text, Some(&own), ','),
        }
    }
    text.push('}');
    Ok(())
}

/// `(1,"a b",)`.
fn record(columns: &[ArrayRef], row: usize, types: &[(String, PgType)], zone: &Zone, text: &mut String) -> Result<()> {
    text.push('(');
    let mut own = String::new();
    for (number, (column, (_, pg_type))) in columns.iter().zip(types).enumerate() {
        if number > 0 {
            text.push(',');
        }
        if column.is_null(row) {
            continue;
        }
        own.clear();
        match column.data_type() {
            DataType::Boolean => own.push(if column.as_boolean().value(row) { 't' } else { 'f' }),
            _ => print(column, row, pg_type, zone, &mut own)?,
        }
        let is_special = |letter: char| matches!(letter, '"' | '\\' | '(' | ')' | ',') || letter.is_ascii_whitespace();
        if !own.is_empty() && !own.contains(is_special) {
            text.push_str(&own);
            continue;
        }
        text.push('"');
        for letter in own.chars() {
            if matches!(letter, '"' | '\\') {
                text.push(letter);
            }
            text.push(letter);
        }
        text.push('"');
    }
    text.push(')');
    Ok(())
}
