//! What a query can ask about the server, the session and its values' types.

use datafusion::logical_expr::{Case, Expr, lit};

use super::function::{Call, Function};
use crate::as_is::asked_for_null;
use crate::pg_type::PgType;

/// What PostgreSQL's `version()` begins with; clients look for it.
const VERSION: &str = concat!("PostgreSQL 18 (RailForge ", env!("CARGO_PKG_VERSION"), ")");

pub(super) fn functions() -> Vec<Function> {
    let text = |name, value: fn(&Call<'_>) -> String| {
        Function::made(name, vec![], PgType::Name, move |call| Ok(lit(value(&call))))
    };
    vec![
        text("current_database", |call| call.surroundings.catalog.clone()),
        text("current_catalog", |call| call.surroundings.catalog.clone()),
        text("current_schema", |call| call.surroundings.schema.clone()),
        Function::made("version", vec![], PgType::Text, |_| Ok(lit(VERSION))),
        Function::made("pg_typeof", vec![PgType::Any], PgType::Printed("regtype".into()), |call| {
            let name = call.types.first().map(PgType::to_string).unwrap_or_default();
            Ok(lit(name))
        }),
        nulls("num_nulls", Expr::is_null),
        nulls("num_nonnulls", Expr::is_not_null),
        Function::made("gen_random_uuid", vec![], PgType::Uuid, |_| {
            Ok(datafusion::functions::string::uuid().call(Vec::<Expr>::new()))
        }),
        Function::made("uuidv4", vec![], PgType::Uuid, |_| {
            Ok(datafusion::functions::string::uuid().call(Vec::<Expr>::new()))
        }),
    ]
}

/// How many arguments are, or are not, NULL.
fn nulls(name: &'static str, test: fn(Expr) -> Expr) -> Function {
    Function::made(name, vec![PgType::Any], PgType::Int4, move |call| {
        let counted = call.arguments.into_iter().map(|argument| {
            let one = (Box::new(test(asked_for_null(argument, call.schema))), Box::new(lit(1_i32)));
            Expr::Case(Case::new(None, vec![one], Some(Box::new(lit(0_i32)))))
        });
        Ok(counted.reduce(|sum, one| sum + one).unwrap_or(lit(0_i32)))
    })
    .variadic()
}
