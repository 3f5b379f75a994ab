//! `=`, `<>`, `<`, `<=`, `>`, `>=` and IS [NOT] DISTINCT FROM between values of every type that has an order.

use datafusion::logical_expr::{BinaryExpr, Expr, Operator, cast};

use super::function::{Call, Function};
use super::keys::{is_float, key, row_key};
use crate::pg_type::PgType;
use crate::stable_constants::is_constant;

const COMPARISONS: [(&str, Operator); 9] = [
    ("=", Operator::Eq),
    ("<>", Operator::NotEq),
    ("!=", Operator::NotEq),
    ("<", Operator::Lt),
    ("<=", Operator::LtEq),
    (">", Operator::Gt),
    (">=", Operator::GtEq),
    ("IS DISTINCT FROM", Operator::IsDistinctFrom),
    ("IS NOT DISTINCT FROM", Operator::IsNotDistinctFrom),
];

/// Types that are compared with their own kind.
const COMPARED: [PgType; 18] = [
    PgType::Bool,
    PgType::Int2,
    PgType::Int4,
    PgType::Int8,
    PgType::Oid,
    PgType::Float4,
    PgType::Float8,
    PgType::Numeric,
    PgType::Text,
    PgType::Bpchar,
    PgType::Name,
    PgType::Bytea,
    PgType::Date,
    PgType::Time,
    PgType::Timestamp,
    PgType::Timestamptz,
    PgType::Interval,
    PgType::Uuid,
];

/// Types between which PostgreSQL has operators of their own, so that neither side is cast first.
const ACROSS: [(PgType, PgType); 9] = [
    (PgType::Int2, PgType::Int4),
    (PgType::Int2, PgType::Int8),
    (PgType::Int4, PgType::Int8),
    (PgType::Float4, PgType::Float8),
    (PgType::Date, PgType::Timestamp),
    (PgType::Date, PgType::Timestamptz),
    (PgType::Timestamp, PgType::Timestamptz),
    (PgType::Name, PgType::Text),
    (PgType::Jsonb, PgType::Jsonb),
];

pub(super) fn operators() -> Vec<Function> {
    let mut operators = vec![];
    for (symbol, operator) in COMPARISONS {
        let mut add = |left: PgType, right: PgType| {
            operators
                .push(Function::made(symbol, vec![left, right], PgType::Bool, move |call| compared(operator, call)));
        };
        for pg_type in COMPARED {
            add(pg_type.clone(), pg_type);
        }
        for (left, right) in ACROSS {
            if left != right {
                add(right.clone(), left.clone());
            }
            add(left, right);
        }
        add(PgType::AnyArray, PgType::AnyArray);
    }
    operators
}

fn compared(operator: Operator, call: Call<'_>) -> datafusion::common::Result<Expr> {
    let types = call.types;
    let surroundings = call.surroundings;
    let order = &call.order;
    let mut sides = call.arguments.into_iter().zip(types.iter()).map(|(side, pg_type)| {
        let other = types.iter().find(|other| *other != pg_type).unwrap_or(pg_type);
        match (pg_type, other) {
            // A day begins at midnight where it is compared with a moment.
            (PgType::Date, PgType::Timestamp | PgType::Timestamptz) | (PgType::Timestamp, PgType::Timestamptz) => {
                super::conversion::converted(side, pg_type, other, call.schema, surroundings)
            }
            (PgType::Float4, PgType::Float8) => Ok(cast(side, PgType::Float8.arrow())),
            _ => Ok(match order {
                Some(order) => order.key(side),
                None => key(side, pg_type),
            }),
        }
    });
    match (sides.next(), sides.next()) {
        (Some(left), Some(right)) => {
            let (mut left, mut right) = (left?, right?);
            let common = if types.contains(&PgType::Float8) { PgType::Float8 } else { PgType::Float4 };
            let are_floats = types.iter().all(is_float);
            // A join looks values up by them. Beside a constant, statistics need the column itself.
            if operator == Operator::Eq && are_floats && !is_constant(&left) && !is_constant(&right) {
                (left, right) = (row_key(left, &common), row_key(right, &common));
            }
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))))
        }
        _ => datafusion::common::internal_err!("a comparison of less than two values"),
    }
}
