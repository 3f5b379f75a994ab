//! The methods of paths, but for `keyvalue`.

use std::borrow::Cow;

use super::ast::Method;
use super::convert;
use super::execution::{Execution, Failure, Item, number, text, to_number};
use super::number::Number;
use crate::postgres::error::ValueError;
use crate::postgres::json::tree::Jsonb;

/// The largest precision of `numeric`, and the furthest scale.
const MAX_PRECISION: i32 = 1_000;

/// What a method makes of an item.
pub(super) enum Applied<'t> {
    Item(Item<'t>),
    /// It wants the elements of the array one by one.
    Unwraps,
    Nothing,
    /// It makes several, which are made elsewhere.
    KeyValue,
}

impl<'t> Execution<'t> {
    pub(super) fn applied(&self, method: &Method, item: &Item<'t>, unwraps: bool) -> Result<Applied<'t>, Failure> {
        let made = match method {
            Method::Type => text(type_name(item).to_owned()),
            Method::Size => match &**item {
                Jsonb::Array(elements) => number(elements.len().to_string()),
                _ if self.is_lax => number("1".to_owned()),
                _ if self.ignores_structure => return Ok(Applied::Nothing),
                _ => return Err(inapplicable("22039", method, "an array")),
            },
            _ if unwraps && matches!(**item, Jsonb::Array(_)) => return Ok(Applied::Unwraps),
            Method::KeyValue => return Ok(Applied::KeyValue),
            Method::Abs => rounded(method, item, Number::abs)?,
            Method::Ceiling => rounded(method, item, Number::ceiling)?,
            Method::Floor => rounded(method, item, Number::floor)?,
            Method::Double => double(method, item)?,
            Method::BigInt => integer(method, item, "bigint", |_| true)?,
            Method::Integer => integer(method, item, "integer", |value| i32::try_from(value).is_ok())?,
            Method::Number | Method::Decimal(_) => decimal(method, item)?,
            Method::Boolean => boolean(method, item)?,
            Method::String => match &**item {
                Jsonb::String(_) => item.clone(),
                Jsonb::Number(value) => text(value.clone().into_owned()),
                Jsonb::Bool(value) => text(value.to_string()),
                _ => return Err(inapplicable("22036", method, "a boolean, string, numeric, or datetime value")),
            },
            Method::Date
            | Method::DateTime(_)
            | Method::Time(_)
            | Method::TimeTz(_)
            | Method::Timestamp(_)
            | Method::TimestampTz(_) => {
                if !matches!(**item, Jsonb::String(_)) {
                    return Err(inapplicable("22031", method, "a string"));
                }
                let message = format!("jsonpath item method .{}() is not supported", method.name());
                return Err(Failure::Fatal(ValueError::new("0A000", message)));
            }
        };
        Ok(Applied::Item(made))
    }
}

fn type_name(item: &Jsonb<'_>) -> &'static str {
    match item {
        Jsonb::Null => "null",
        Jsonb::Bool(_) => "boolean",
        Jsonb::Number(_) => "number",
        Jsonb::String(_) => "string",
        Jsonb::Array(_) => "array",
        Jsonb::Object(_) => "object",
    }
}

/// The error for an item of a type that a method does not take.
pub(super) fn inapplicable(sqlstate: &'static str, method: &Method, wanted: &str) -> Failure {
    let message = format!("jsonpath item method .{}() can only be applied to {wanted}", method.name());
    Failure::new(sqlstate, message)
}

fn invalid(method: &Method, argument: &str, type_name: &str) -> Failure {
    let method = method.name();
    let message =
        format!("argument \"{argument}\" of jsonpath item method .{method}() is invalid for type {type_name}");
    Failure::new("22036", message)
}

fn not_finite(method: &Method) -> Failure {
    let message = format!("NaN or Infinity is not allowed for jsonpath item method .{}()", method.name());
    Failure::new("22036", message)
}

fn printed<'t>(value: &Number) -> Result<Item<'t>, Failure> {
    value.print().map(number).map_err(Failure::Suppressible)
}

fn rounded<'t>(method: &Method, item: &Item<'t>, round: impl Fn(&Number) -> Number) -> Result<Item<'t>, Failure> {
    match to_number(item) {
        Some(value) => printed(&round(&value)),
        None => Err(inapplicable("22036", method, "a numeric value")),
    }
}

/// The text of a string or a number, and whether it is a number.
fn text_or_number<'i>(method: &Method, item: &'i Jsonb<'_>) -> Result<(&'i str, bool), Failure> {
    match item {
        Jsonb::String(value) => Ok((value, false)),
        Jsonb::Number(value) => Ok((value, true)),
        _ => Err(inapplicable("22036", method, "a string or numeric value")),
    }
}

fn double<'t>(method: &Method, item: &Item<'t>) -> Result<Item<'t>, Failure> {
    let (argument, is_number) = text_or_number(method, item)?;
    let value = convert::double(argument).ok_or_else(|| invalid(method, argument, "double precision"))?;
    if !value.is_finite() {
        return Err(not_finite(method));
    }
    // A number stays as it is, digits that do not fit included.
    if is_number {
        Ok(item.clone())
    } else {
        Ok(number(convert::double_as_numeric(value).map_err(Failure::Suppressible)?))
    }
}

fn integer<'t>(
    method: &Method,
    item: &Item<'t>,
    type_name: &str,
    fits: impl Fn(i64) -> bool,
) -> Result<Item<'t>, Failure> {
    let (argument, is_number) = text_or_number(method, item)?;
    let value = match is_number {
        true => Number::parse(argument).and_then(|value| value.round(0).to_integer()),
        false => convert::integer(argument),
    };
    match value.filter(|value| fits(*value)) {
        Some(value) => Ok(number(value.to_string())),
        None => Err(invalid(method, argument, type_name)),
    }
}

fn boolean<'t>(method: &Method, item: &Item<'t>) -> Result<Item<'t>, Failure> {
    let (argument, value) = match &**item {
        Jsonb::Bool(_) => return Ok(item.clone()),
        Jsonb::String(text) => (text, convert::boolean(text)),
        Jsonb::Number(text) => (text, text.parse().ok().map(|value: i32| value != 0)),
        _ => return Err(inapplicable("22036", method, "a boolean, string, or numeric value")),
    };
    match value {
        Some(value) => Ok(Cow::Owned(Jsonb::Bool(value))),
        None => Err(invalid(method, argument, "boolean")),
    }
}

fn decimal<'t>(method: &Method, item: &Item<'t>) -> Result<Item<'t>, Failure> {
    let (argument, is_number) = text_or_number(method, item)?;
    let value = match is_number {
        true => argument.to_owned(),
        false => match convert::numeric(argument) {
            Some(convert::Numeric::Finite(value)) => value,
            Some(convert::Numeric::NotFinite) => return Err(not_finite(method)),
            None => return Err(invalid(method, argument, "numeric")),
        },
    };
    let Method::Decimal(arguments) = method else { return Ok(number(value)) };
    let Some(precision) = arguments.first() else { return Ok(number(value)) };
    let precision = type_modifier(precision, "precision")?;
    let scale = match arguments.get(1) {
        Some(scale) => type_modifier(scale, "scale")?,
        None => 0,
    };
    if !(1..=MAX_PRECISION).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and {MAX_PRECISION}");
        return Err(Failure::Fatal(ValueError::new("22023", message)));
    }
    if !(-MAX_PRECISION..=MAX_PRECISION).contains(&scale) {
        let message = format!("NUMERIC scale {scale} must be between -{MAX_PRECISION} and {MAX_PRECISION}");
        return Err(Failure::Fatal(ValueError::new("22023", message)));
    }
    let fitted = Number::parse(&value).and_then(|number| number.fit(precision.unsigned_abs(), scale));
    match fitted {
        Some(fitted) => printed(&fitted),
        None => Err(invalid(method, argument, "numeric")),
    }
}

fn type_modifier(text: &str, name: &str) -> Result<i32, Failure> {
    text.parse().map_err(|_| {
        let message = format!("{name} of jsonpath item method .decimal() is out of range for type integer");
        Failure::new("22036", message)
    })
}
