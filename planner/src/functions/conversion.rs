//! Casts as expressions and of constants: reading texts, printing values, and what is between the types.

mod arrays;
mod input;
mod numbers;
mod output;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, cast};
use rail_forge_connectors::POSTGRES_TYPE;

use super::column::{
    Bool, Bpchar, Bytea, DateArg, Inet, InetText, Int2, Int4, Int8, IntervalArg, Json, JsonText, Jsonb, JsonbText,
    Text, TimeArg, TimestampArg, TimestampTzArg, Uuid, UuidText,
};
use super::datetime::{SessionZone, in_session_zone, preimages};
use super::function::{Call, Function};
use super::strict::{cached2, strict1, strict2};
use super::udf::Decimals;
use crate::bind::Typed;
use crate::error::{Error, Result};
use crate::pg_type::PgType;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::numeric::{Numeric, NumericModifier};
use crate::postgres::text::fixed_length;
use crate::postgres::value::{Date, Interval, Time, Timestamp, TimestampTz};
use crate::postgres::{bytea, inet, json, uuid};
use crate::query::Surroundings;

pub(crate) use self::input::{read_interval, read_numeric};
pub(crate) use self::numbers::constant;
pub(in crate::functions) use self::output::{print, written};

/// What a cast limits values to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    None,
    /// Of `numeric(p, s)`.
    Digits {
        precision: u16,
        scale: i16,
    },
    /// Of `varchar(n)` and `char(n)`.
    Characters(u32),
    /// Decimals of seconds.
    Seconds(u8),
}

/// The value of a text of a statement as one of a type.
pub(crate) fn read(text: &str, to: &PgType, surroundings: &Surroundings) -> Result<ScalarValue> {
    if *to == PgType::Numeric {
        return read_numeric(text).map_err(Error::Value);
    }
    if let PgType::Array(element) = to {
        return arrays::read(text, element, surroundings);
    }
    let constant = Expr::Literal(ScalarValue::Utf8View(Some(text.to_owned())), None);
    let converted = converted(constant, &PgType::Text, to, &DFSchema::empty(), surroundings)?;
    evaluated(&converted)
}

/// The value of a function of constants.
fn evaluated(expression: &Expr) -> Result<ScalarValue> {
    let function = match expression {
        Expr::Literal(value, _) => return Ok(value.clone()),
        Expr::Cast(inner) => return Ok(evaluated(&inner.expr)?.cast_to(inner.field.data_type())?),
        Expr::ScalarFunction(function) => function,
        other => return Err(Error::Internal(format!("{other} is no constant").into())),
    };
    let values = function.args.iter().map(evaluated).collect::<Result<Vec<_>>>()?;
    let types: Vec<DataType> = values.iter().map(ScalarValue::data_type).collect();
    let returns = function.func.return_type(&types)?;
    let args = ScalarFunctionArgs {
        arg_fields: types.into_iter().map(|data_type| Arc::new(Field::new("constant", data_type, true))).collect(),
        args: values.into_iter().map(ColumnarValue::Scalar).collect(),
        number_rows: 1,
        return_field: Arc::new(Field::new("constant", returns, true)),
        config_options: Arc::new(ConfigOptions::default()),
    };
    match function.func.invoke_with_args(args)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => Ok(ScalarValue::try_from_array(&array, 0)?),
    }
}

/// The expression of another type.
pub(crate) fn converted(
    expr: Expr,
    from: &PgType,
    to: &PgType,
    schema: &DFSchema,
    surroundings: &Surroundings,
) -> datafusion::common::Result<Expr> {
    if from == to || is_same_inside(from, to) {
        return Ok(expr);
    }
    if let Some(function) = CASTS.get(&(from.clone(), to.clone())) {
        let (arguments, types) = (vec![expr], vec![from.clone()]);
        let call = Call { arguments, types, order: None, schema, surroundings };
        return function.expression(call);
    }
    if let (PgType::Array(from), PgType::Array(to)) = (from, to) {
        return arrays::converted(expr, from, to, surroundings);
    }
    if *from == PgType::inet() && to.is_textual() {
        let text = converted(expr, from, &PgType::Text, schema, surroundings)?;
        return converted(text, &PgType::Text, to, schema, surroundings);
    }
    if to.is_textual() {
        let printed = output::printed(expr, from, schema, surroundings)?;
        return match to {
            PgType::Text | PgType::Varchar => Ok(printed),
            _ => converted(printed, &PgType::Text, to, schema, surroundings),
        };
    }
    if from.is_textual() && *from != PgType::Text {
        return converted(expr, &PgType::Text, to, schema, surroundings);
    }
    if let (PgType::Text, PgType::Array(_)) = (from, to) {
        return datafusion::common::not_impl_err!("a cast of texts of rows to {to}");
    }
    numbers::converted(expr, from, to, schema)
}

/// A value as the output function of its type prints it, which of an address is not its cast to `text`.
pub(crate) fn as_output(
    expr: Expr,
    pg_type: &PgType,
    schema: &DFSchema,
    surroundings: &Surroundings,
) -> datafusion::common::Result<Expr> {
    if *pg_type == PgType::inet() {
        return Ok(expr);
    }
    converted(expr, pg_type, &PgType::Text, schema, surroundings)
}

/// Whether values of the two types are the same texts.
fn is_same_inside(from: &PgType, to: &PgType) -> bool {
    let is_plain = |pg_type: &PgType| matches!(pg_type, PgType::Text | PgType::Varchar | PgType::Printed(_));
    match (from, to) {
        (from, to) if [from, to].contains(&&PgType::inet()) => false,
        // Blanks at the end have gone when a value is a `bpchar`.
        (from, to) if is_plain(from) && is_plain(to) => true,
        (PgType::Bpchar | PgType::Name | PgType::Uuid | PgType::Json | PgType::Jsonb | PgType::Jsonpath, to) => {
            is_plain(to) || (from, to) == (&PgType::Jsonb, &PgType::Json)
        }
        _ => false,
    }
}

static CASTS: LazyLock<HashMap<(PgType, PgType), Function>> = LazyLock::new(|| {
    let mut casts = HashMap::new();
    let all = texts()
        .into_iter()
        .chain(bytes_of_integers())
        .chain(input::functions())
        .chain(moments())
        .chain(numbers::functions());
    for function in all {
        if let Some(from) = function.arguments.first() {
            casts.insert((from.clone(), function.returns.clone()), function);
        }
    }
    casts
});

fn texts() -> Vec<Function> {
    vec![
        strict1::<Text, _, _>("bpchar", |text: &str| {
            super::column::BpcharText(fixed_length::char_to_text(text).to_owned())
        }),
        strict1::<Text, _, _>("name", |text: &str| {
            super::column::NameText(fixed_length::cast_to_name(text).to_owned())
        }),
        strict1::<Text, _, _>("uuid", |text: &str| uuid::canonical(text).map(UuidText)),
        strict1::<Text, _, _>("inet", |text: &str| inet::canonical(text).map(InetText)),
        strict1::<Inet, _, _>("text", inet::with_bits),
        strict1::<Text, _, _>("json", |text: &str| json::check(text).map(|()| JsonText(text.to_owned()))),
        strict1::<Text, _, _>("jsonb", |text: &str| json::canonical(text).map(JsonbText)),
        strict1::<Json, _, _>("jsonb", |text: &str| json::canonical(text).map(JsonbText)),
        strict1::<Jsonb, _, _>("boolean", json::casts::to_bool),
        strict1::<Bool, _, _>("integer", |value: bool| i32::from(value)),
        strict1::<Int4, _, _>("boolean", |value: i32| value != 0),
        strict1::<Uuid, _, _>("bytea", |text: &str| uuid::parse(text).map(Vec::from)),
        strict1::<Bytea, _, _>("uuid", |bytes: &[u8]| match <&[u8; 16]>::try_from(bytes) {
            Ok(bytes) => Ok(UuidText(uuid::print(bytes))),
            Err(_) => Err(ValueError::new("22P03", format!("invalid length for UUID: {} bytes", bytes.len()))),
        }),
    ]
}

/// Integers as their bytes.
fn bytes_of_integers() -> Vec<Function> {
    vec![
        strict1::<Int2, _, _>("bytea", |value: i16| value.to_be_bytes().to_vec()),
        strict1::<Int4, _, _>("bytea", |value: i32| value.to_be_bytes().to_vec()),
        strict1::<Int8, _, _>("bytea", |value: i64| value.to_be_bytes().to_vec()),
        strict1::<Bytea, _, _>("smallint", |bytes: &[u8]| bytea::of_number(bytes, "smallint").map(i16::from_be_bytes)),
        strict1::<Bytea, _, _>("integer", |bytes: &[u8]| bytea::of_number(bytes, "integer").map(i32::from_be_bytes)),
        strict1::<Bytea, _, _>("bigint", |bytes: &[u8]| bytea::of_number(bytes, "bigint").map(i64::from_be_bytes)),
    ]
}

fn moments() -> Vec<Function> {
    vec![
        strict1::<DateArg, _, _>("timestamp", Date::timestamp).preimage(preimages::midnight_of_date),
        strict1::<TimestampArg, _, _>("date", Timestamp::date).preimage(preimages::day_of_timestamp),
        strict1::<TimestampArg, _, _>("time", Timestamp::time),
        strict1::<TimeArg, _, _>("interval", Time::interval),
        strict1::<IntervalArg, _, _>("time", Interval::time),
        in_session_zone(cached2::<SessionZone, DateArg, Text, _, _>("timestamptz", |zones, date: Date, zone| {
            date.timestamptz(zones.get(zone)?)
        })),
        in_session_zone(cached2::<SessionZone, TimestampArg, Text, _, _>(
            "timestamptz",
            |zones, moment: Timestamp, zone| zones.get(zone)?.to_utc(moment),
        )),
        in_session_zone(cached2::<SessionZone, TimestampTzArg, Text, _, _>(
            "timestamp",
            |zones, moment: TimestampTz, zone| zones.get(zone)?.to_local(moment),
        )),
        in_session_zone(
            cached2::<SessionZone, TimestampTzArg, Text, _, _>("date", |zones, moment: TimestampTz, zone| {
                moment.date(zones.get(zone)?)
            })
            .preimage(preimages::day_of_timestamptz),
        ),
        in_session_zone(cached2::<SessionZone, TimestampTzArg, Text, _, _>(
            "time",
            |zones, moment: TimestampTz, zone| Ok(moment.time(zones.get(zone)?)),
        )),
    ]
}

/// The value within the limit of its type.
pub(crate) fn with_modifier(typed: Typed, limit: Limit, schema: &DFSchema) -> Result<Typed> {
    let Typed { expr, pg_type, collation, .. } = typed;
    let mut metadata = None;
    let limited = match (limit, &pg_type) {
        (Limit::None, _) => expr,
        (Limit::Digits { precision, scale }, PgType::Numeric) => with_digits(expr, precision, scale, schema)?,
        (Limit::Characters(count), PgType::Varchar | PgType::Bpchar) => {
            if pg_type == PgType::Bpchar {
                // Who prints it must know the width.
                metadata = Some(Arc::new(HashMap::from([(POSTGRES_TYPE.to_owned(), format!("character({count})"))])));
            }
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            let function = if pg_type == PgType::Varchar { &*VARCHAR } else { &*CHARACTER };
            folded(function.of_expressions(vec![expr, datafusion::logical_expr::lit(count)], schema)?)?
        }
        (Limit::Seconds(decimals), PgType::Time | PgType::Timestamp | PgType::Timestamptz | PgType::Interval) => {
            let decimals = datafusion::logical_expr::lit(i32::from(decimals));
            match ROUNDED.iter().find(|function| function.arguments.first() == Some(&pg_type)) {
                Some(function) => folded(function.of_expressions(vec![expr, decimals], schema)?)?,
                None => expr,
            }
        }
        (_, PgType::Array(element)) => {
            return Ok(arrays::with_modifier(expr, element, limit)?.with_collation(collation));
        }
        _ => expr,
    };
    Ok(Typed::new(limited, pg_type).with_metadata(metadata).with_collation(collation))
}

/// A constant in place of a function of constants.
fn folded(expression: Expr) -> Result<Expr> {
    match &expression {
        Expr::ScalarFunction(function) if function.args.iter().all(|value| matches!(value, Expr::Literal(..))) => {
            Ok(Expr::Literal(evaluated(&expression)?, None))
        }
        _ => Ok(expression),
    }
}

static VARCHAR: LazyLock<Function> = LazyLock::new(|| {
    strict2::<Text, Int4, _, _>("varchar", |text: &str, count| {
        fixed_length::cast_to_varchar(text, usize::try_from(count).unwrap_or_default()).to_owned()
    })
});

static CHARACTER: LazyLock<Function> = LazyLock::new(|| {
    strict2::<Bpchar, Int4, _, _>("character", |text: &str, count| {
        let cut = fixed_length::cast_to_varchar(text, usize::try_from(count).unwrap_or_default());
        super::column::BpcharText(fixed_length::char_to_text(cut).to_owned())
    })
});

static ROUNDED: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let precision = |decimals: i32| u8::try_from(decimals).unwrap_or(6);
    vec![
        strict2::<TimeArg, Int4, _, _>("time", move |time: Time, decimals| time.rounded(precision(decimals))),
        strict2::<TimestampArg, Int4, _, _>("timestamp", move |moment: Timestamp, decimals| {
            moment.rounded(precision(decimals))
        }),
        strict2::<TimestampTzArg, Int4, _, _>("timestamptz", move |moment: TimestampTz, decimals| {
            moment.rounded(precision(decimals))
        }),
        strict2::<IntervalArg, Int4, _, _>("interval", move |interval: Interval, decimals| {
            interval.rounded(precision(decimals))
        }),
    ]
});

/// `numeric(p, s)`.
fn with_digits(expr: Expr, precision: u16, scale: i16, schema: &DFSchema) -> Result<Expr> {
    let narrow = u16::from(DECIMAL128_MAX_PRECISION);
    let fits = |widest: u8| match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(digits), Ok(scale)) if digits <= widest && (0..=digits as i16).contains(&i16::from(scale)) => {
            Some((digits, scale))
        }
        _ => None,
    };
    if let Expr::Literal(value, None) = &expr
        && let Some(kept) = numbers::constant_with_digits(value, precision, scale)?
    {
        return Ok(Expr::Literal(kept, None));
    }
    if let Some((digits, scale)) = fits(DECIMAL128_MAX_PRECISION) {
        let from = expr.get_type(schema)?;
        let wanted = DataType::Decimal128(digits, scale);
        return Ok(if from == wanted { expr } else { cast(expr, wanted) });
    }
    if let (Some((digits, scale)), true) = (fits(DECIMAL256_MAX_PRECISION), precision > narrow) {
        return Ok(cast(expr, DataType::Decimal256(digits, scale)));
    }
    // Other digits than a column's: each value is checked, and kept as one of as many decimals as there can be.
    let modifier = NumericModifier::new(i32::from(precision), i32::from(scale)).map_err(Error::Value)?;
    let decimals = Decimals::AtLeast(i8::try_from(scale.clamp(0, 20)).unwrap_or_default());
    let fitted =
        strict1::<super::column::NumericArg, _, _>("numeric_fitted", move |value: Numeric| -> ValueResult<Numeric> {
            modifier.fit(&value)
        });
    Ok(fitted.decimals(decimals).of_expressions(vec![expr], schema)?)
}
