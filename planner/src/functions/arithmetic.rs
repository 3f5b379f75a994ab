//! `+ - * / % ^`, signs, roots and bits of numbers.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, cast};

use super::checked::checked;
use super::column::{Float4, Float8, Int2, Int4, Int8, NumericArg};
use super::division::numeric_division;
use super::function::{Call, Function};
use super::strict::{strict1, strict2};
use super::udf::Decimals;
use crate::pg_type::PgType;
use crate::postgres::float;
use crate::postgres::numeric::Numeric;
use crate::postgres::whole_number as whole;

/// Decimals beyond which products are computed by value: the sum of the factors' is what a product has.
const MAX_PRODUCT_SCALE: i8 = 30;

/// The numbers between which the same operators are.
const INTEGERS: [PgType; 3] = [PgType::Int2, PgType::Int4, PgType::Int8];

pub(super) fn operators() -> Vec<Function> {
    let mut operators = vec![];
    for (symbol, operator) in [("+", Operator::Plus), ("-", Operator::Minus), ("*", Operator::Multiply)] {
        for (left, right, result) in integer_pairs() {
            operators.push(of_integers(symbol, operator, left, right, result));
        }
        operators.extend(floats(symbol, operator));
        operators.push(of_numerics(symbol, operator));
    }
    for (left, right, result) in integer_pairs() {
        operators.push(of_integers("/", Operator::Divide, left.clone(), right.clone(), result.clone()));
        operators.push(of_integers("%", Operator::Modulo, left, right, result));
    }
    operators.extend(floats("/", Operator::Divide));
    let by_value = strict2::<NumericArg, NumericArg, _, _>("numeric_divide", |a: Numeric, b| a.divide(&b));
    operators.push(Function::made("/", vec![PgType::Numeric, PgType::Numeric], PgType::Numeric, move |call| {
        for side in &call.arguments {
            if matches!(side.get_type(call.schema)?, DataType::Decimal256(..)) {
                return by_value.expression(call);
            }
        }
        let (left, right) = pair(call)?;
        Ok(numeric_division(left, right))
    }));
    operators
        .push(strict2::<NumericArg, NumericArg, _, _>("%", |a, b| a.remainder(&b)).decimals(Decimals::OfArguments));
    operators.push(strict2::<Float8, Float8, _, _>("^", float::power));
    operators.push(strict2::<NumericArg, NumericArg, _, _>("^", |a, b| a.power(&b)));
    operators.extend(signs());
    operators.extend(bits());
    operators.push(strict1::<Float8, _, _>("|/", float::sqrt));
    operators.push(strict1::<Float8, _, _>("||/", float::cbrt));
    operators
}

/// Integers of different sizes have the larger size together.
fn integer_pairs() -> impl Iterator<Item = (PgType, PgType, PgType)> {
    INTEGERS.iter().enumerate().flat_map(|(left_size, left)| {
        INTEGERS.iter().enumerate().map(move |(right_size, right)| {
            let result = if left_size >= right_size { left } else { right };
            (left.clone(), right.clone(), result.clone())
        })
    })
}

fn of_integers(symbol: &'static str, operator: Operator, left: PgType, right: PgType, result: PgType) -> Function {
    let data_type = result.arrow();
    Function::made(symbol, vec![left, right], result, move |call| {
        let types = [call.types[0].arrow(), call.types[1].arrow()];
        let (left, right) = pair(call)?;
        let [left, right] = [(left, &types[0]), (right, &types[1])].map(|(side, own)| widened(side, own, &data_type));
        Ok(checked(operator).call(vec![left, right]))
    })
}

/// A cast where it changes something; constants are cast as they stand.
fn widened(side: Expr, own: &DataType, wanted: &DataType) -> Expr {
    match &side {
        _ if own == wanted => side,
        Expr::Literal(value, None) => match value.cast_to(wanted) {
            Ok(value) => Expr::Literal(value, None),
            Err(_) => cast(side, wanted.clone()),
        },
        _ => cast(side, wanted.clone()),
    }
}

fn floats(symbol: &'static str, operator: Operator) -> Vec<Function> {
    [
        (PgType::Float8, PgType::Float8, PgType::Float8),
        (PgType::Float4, PgType::Float4, PgType::Float4),
        (PgType::Float4, PgType::Float8, PgType::Float8),
        (PgType::Float8, PgType::Float4, PgType::Float8),
    ]
    .into_iter()
    .map(|(left, right, result)| of_integers(symbol, operator, left, right, result))
    .collect()
}

/// Sums, differences and products of decimals are of DataFusion's types, unless they have too many decimals for them.
fn of_numerics(symbol: &'static str, operator: Operator) -> Function {
    let by_value = match operator {
        Operator::Multiply => strict2::<NumericArg, NumericArg, _, _>("numeric_multiply", |a: Numeric, b| a.times(&b)),
        Operator::Plus => strict2::<NumericArg, NumericArg, _, _>("numeric_add", |a: Numeric, b| a.plus(&b)),
        _ => strict2::<NumericArg, NumericArg, _, _>("numeric_subtract", |a: Numeric, b| a.minus(&b)),
    };
    Function::made(symbol, vec![PgType::Numeric, PgType::Numeric], PgType::Numeric, move |call| {
        let scales = call.arguments.iter().map(|side| side.get_type(call.schema)).collect::<Result<Vec<_>>>()?;
        let fits = match scales.as_slice() {
            [DataType::Decimal128(_, left), DataType::Decimal128(_, right)] => {
                operator != Operator::Multiply || left + right <= MAX_PRODUCT_SCALE
            }
            _ => false,
        };
        if !fits {
            return by_value.expression(call);
        }
        let (left, right) = pair(call)?;
        Ok(checked(operator).call(vec![left, right]))
    })
}

pub(super) fn pair(call: Call<'_>) -> Result<(Expr, Expr)> {
    match <[Expr; 2]>::try_from(call.arguments) {
        Ok([left, right]) => Ok((left, right)),
        Err(_) => datafusion::common::internal_err!("an operator needs two operands"),
    }
}

fn signs() -> Vec<Function> {
    vec![
        strict1::<Int2, _, _>("-", whole::negate),
        strict1::<Int4, _, _>("-", whole::negate),
        strict1::<Int8, _, _>("-", whole::negate),
        strict1::<Float4, _, _>("-", |value: f32| -value),
        strict1::<Float8, _, _>("-", |value: f64| -value),
        strict1::<NumericArg, _, _>("-", |value: Numeric| value.negated()).decimals(Decimals::OfArguments),
        strict1::<Int2, _, _>("@", whole::absolute),
        strict1::<Int4, _, _>("@", whole::absolute),
        strict1::<Int8, _, _>("@", whole::absolute),
        strict1::<Float4, _, _>("@", f32::abs),
        strict1::<Float8, _, _>("@", f64::abs),
        strict1::<NumericArg, _, _>("@", |value: Numeric| value.absolute()).decimals(Decimals::OfArguments),
    ]
    .into_iter()
    .chain(
        INTEGERS.into_iter().chain([PgType::Float4, PgType::Float8, PgType::Numeric]).map(|pg_type| {
            Function::made("+", vec![pg_type.clone()], pg_type, |mut call| Ok(call.arguments.remove(0)))
        }),
    )
    .collect()
}

fn bits() -> Vec<Function> {
    macro_rules! of_size {
        ($name:ident, $value:ty) => {
            [
                strict2::<$name, $name, _, _>("&", |a: $value, b: $value| a & b),
                strict2::<$name, $name, _, _>("|", |a: $value, b: $value| a | b),
                strict2::<$name, $name, _, _>("#", |a: $value, b: $value| a ^ b),
                strict1::<$name, _, _>("~", |a: $value| !a),
                strict2::<$name, Int4, _, _>("<<", |a: $value, places| whole::shift_left(a, places)),
                strict2::<$name, Int4, _, _>(">>", |a: $value, places| whole::shift_right(a, places)),
            ]
        };
    }
    of_size!(Int2, i16).into_iter().chain(of_size!(Int4, i32)).chain(of_size!(Int8, i64)).collect()
}
