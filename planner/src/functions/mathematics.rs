//! Mathematical functions.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ScalarUDF};

use super::arithmetic;
use super::column::{Array1, Float8, Int4, Int8, NumericArg};
use super::function::Function;
use super::strict::{strict1, strict2, strict4};
use super::udf::Decimals;
use crate::pg_type::{NUMERIC_SCALE, PgType};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::numeric::{self, Numeric};
use crate::postgres::{float, whole_number as whole};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = under_other_names();
    functions.extend(roundings());
    functions.extend(of_floats());
    functions.extend(of_numerics());
    functions.extend(of_integers());
    functions.extend(buckets());
    functions.push(Function::made("pi", vec![], PgType::Float8, |_| {
        Ok(datafusion::logical_expr::lit(std::f64::consts::PI))
    }));
    functions.push(Function::made("random", vec![], PgType::Float8, |_| {
        Ok(datafusion::functions::math::random().call(Vec::<Expr>::new()))
    }));
    functions
}

/// Operators that are functions, too.
fn under_other_names() -> Vec<Function> {
    let names = [("@", "abs"), ("%", "mod"), ("^", "power"), ("^", "pow")];
    let functions = names.into_iter().flat_map(|(symbol, name)| {
        let of_symbol = arithmetic::operators().into_iter().filter(move |operator| operator.name == symbol);
        of_symbol.map(move |operator| operator.named(name))
    });
    functions.collect()
}

fn roundings() -> Vec<Function> {
    vec![
        strict1::<NumericArg, _, _>("ceil", |x: Numeric| x.ceil()).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("ceil", f64::ceil),
        strict1::<NumericArg, _, _>("ceiling", |x: Numeric| x.ceil()).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("ceiling", f64::ceil),
        strict1::<NumericArg, _, _>("floor", |x: Numeric| x.floor()).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("floor", f64::floor),
        strict1::<NumericArg, _, _>("round", |x: Numeric| x.round(0)).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("round", float::round),
        to_places("round", |x, places| x.round(places)),
        strict1::<NumericArg, _, _>("trunc", |x: Numeric| x.truncate(0)).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("trunc", f64::trunc),
        to_places("trunc", |x, places| x.truncate(places)),
        strict1::<NumericArg, _, _>("sign", |x: Numeric| x.sign()).decimals(Decimals::Whole),
        strict1::<Float8, _, _>("sign", float::sign),
    ]
}

/// Rounding to a number of decimals: the result has so many, where they are said by a constant.
fn to_places(name: &'static str, round: fn(&Numeric, i32) -> ValueResult<Numeric>) -> Function {
    let any = strict2::<NumericArg, Int4, _, _>(name, move |x: Numeric, places| round(&x, places));
    let any = any.decimals(Decimals::OfArguments);
    Function::made(name, vec![PgType::Numeric, PgType::Int4], PgType::Numeric, move |call| {
        let places = match call.arguments.get(1) {
            Some(Expr::Literal(ScalarValue::Int32(Some(places)), _)) => i8::try_from(*places).ok(),
            _ => None,
        };
        match (places.filter(|places| *places <= NUMERIC_SCALE), any.udf()) {
            (Some(places), Some(udf)) => {
                let exact = udf.clone().with_decimals(Decimals::Exactly(places.max(0)));
                Ok(ScalarUDF::from(exact).call(call.arguments))
            }
            _ => any.expression(call),
        }
    })
}

fn of_floats() -> Vec<Function> {
    type Total = fn(f64) -> f64;
    type Partial = fn(f64) -> ValueResult<f64>;
    let total: [(&'static str, Total); 9] = [
        ("cbrt", float::cbrt),
        ("atan", float::atan),
        ("atand", float::atand),
        ("sinh", float::sinh),
        ("cosh", float::cosh),
        ("tanh", float::tanh),
        ("asinh", float::asinh),
        ("erf", float::erf),
        ("erfc", float::erfc),
    ];
    let partial: [(&'static str, Partial); 22] = [
        ("sqrt", float::sqrt),
        ("exp", float::exp),
        ("ln", float::ln),
        ("log", float::log10),
        ("log10", float::log10),
        ("sin", float::sin),
        ("cos", float::cos),
        ("tan", float::tan),
        ("cot", float::cot),
        ("asin", float::asin),
        ("acos", float::acos),
        ("sind", float::sind),
        ("cosd", float::cosd),
        ("tand", float::tand),
        ("cotd", float::cotd),
        ("asind", float::asind),
        ("acosd", float::acosd),
        ("degrees", float::degrees),
        ("radians", float::radians),
        ("acosh", float::acosh),
        ("atanh", float::atanh),
        ("gamma", float::gamma),
    ];
    let mut functions = Vec::from(total.map(|(name, function)| strict1::<Float8, _, _>(name, function)));
    functions.extend(partial.map(|(name, function)| strict1::<Float8, _, _>(name, function)));
    functions.push(strict1::<Float8, _, _>("lgamma", float::lgamma));
    functions.push(strict2::<Float8, Float8, _, _>("atan2", float::atan2));
    functions.push(strict2::<Float8, Float8, _, _>("atan2d", float::atan2d));
    functions
}

fn of_numerics() -> Vec<Function> {
    vec![
        strict1::<NumericArg, _, _>("sqrt", |x: Numeric| x.square_root()),
        strict1::<NumericArg, _, _>("exp", |x: Numeric| x.exponential()),
        strict1::<NumericArg, _, _>("ln", |x: Numeric| x.ln()),
        strict1::<NumericArg, _, _>("log", |x: Numeric| x.log10()),
        strict1::<NumericArg, _, _>("log10", |x: Numeric| x.log10()),
        strict2::<NumericArg, NumericArg, _, _>("log", |base: Numeric, x: Numeric| x.log(&base)),
        strict2::<NumericArg, NumericArg, _, _>("div", |a: Numeric, b| a.divide_cutting(&b)).decimals(Decimals::Whole),
        strict2::<NumericArg, NumericArg, _, _>("gcd", |a: Numeric, b| a.greatest_common_divisor(&b))
            .decimals(Decimals::OfArguments),
        strict2::<NumericArg, NumericArg, _, _>("lcm", |a: Numeric, b| a.least_common_multiple(&b))
            .decimals(Decimals::OfArguments),
        strict1::<Int8, _, _>("factorial", numeric::factorial).decimals(Decimals::Whole),
        strict1::<NumericArg, _, _>("scale", |x: Numeric| places(x.scale())),
        strict1::<NumericArg, _, _>("min_scale", |x: Numeric| places(x.min_scale())),
        strict1::<NumericArg, _, _>("trim_scale", |x: Numeric| x.trim_scale()).decimals(Decimals::OfArguments),
    ]
}

fn places(scale: u32) -> i32 {
    i32::try_from(scale).unwrap_or(i32::MAX)
}

fn of_integers() -> Vec<Function> {
    vec![
        strict2::<Int4, Int4, _, _>("gcd", whole::greatest_common_divisor::<i32>),
        strict2::<Int8, Int8, _, _>("gcd", whole::greatest_common_divisor::<i64>),
        strict2::<Int4, Int4, _, _>("lcm", whole::least_common_multiple::<i32>),
        strict2::<Int8, Int8, _, _>("lcm", whole::least_common_multiple::<i64>),
    ]
}

fn buckets() -> Vec<Function> {
    vec![
        strict4::<NumericArg, NumericArg, NumericArg, Int4, _, _>("width_bucket", |x: Numeric, low, high, count| {
            numeric::width_bucket(&x, &low, &high, count)
        }),
        strict4::<Float8, Float8, Float8, Int4, _, _>("width_bucket", float::width_bucket),
        strict2::<NumericArg, Array1<NumericArg>, _, _>("width_bucket", |x: Numeric, thresholds| {
            let thresholds = thresholds.iter().collect::<Option<Vec<Numeric>>>().ok_or_else(thresholds_with_null)?;
            numeric::width_bucket_of_thresholds(&x, &thresholds, Numeric::cmp)
        }),
        strict2::<Float8, Array1<Float8>, _, _>("width_bucket", |x: f64, thresholds| {
            let thresholds = thresholds.iter().collect::<Option<Vec<f64>>>().ok_or_else(thresholds_with_null)?;
            numeric::width_bucket_of_thresholds(&x, &thresholds, f64::total_cmp)
        }),
    ]
}

fn thresholds_with_null() -> ValueError {
    ValueError::new("22004", "thresholds array must not contain NULLs")
}
