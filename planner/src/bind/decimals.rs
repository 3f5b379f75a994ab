//! Numerics that come together are decimals of one kind. DataFusion sees to it by itself when functions have been chosen
//! by the kinds that they had before: a product of columns with too many decimals has no type then.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};
use datafusion::logical_expr::type_coercion::other::get_coerce_type_for_case_expression;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit};

use super::Binder;
use super::select::change;
use super::typed::{OutputColumn, Typed};
use crate::error::Result;
use crate::pg_type::{NUMERIC_SCALE, PgType};
use crate::stable_constants::is_null;

impl Binder<'_> {
    /// Makes numerics, of which one is chosen for each row, decimals of one kind. NULL is of any kind.
    pub(super) fn with_common_decimals(&mut self, numerics: &mut [Typed]) -> Result<()> {
        let schema = Arc::clone(&self.level()?.scope.schema);
        let types = numerics.iter().filter(|typed| !is_null(&typed.expr)).map(|typed| typed.expr.get_type(&schema));
        let types = types.collect::<datafusion::common::Result<Vec<_>>>().unwrap_or_default();
        let Some(common) = get_coerce_type_for_case_expression(&types, None) else { return Ok(()) };
        for typed in numerics.iter_mut() {
            if let Expr::Literal(value, _) = &typed.expr {
                typed.expr = lit(value.cast_to(&common)?);
            } else if typed.expr.get_type(&schema)? != common {
                typed.expr = cast(std::mem::take(&mut typed.expr), common.clone());
            }
        }
        Ok(())
    }
}

/// The sides of a UNION and the like, whose columns have the types that are given.
pub(super) fn sides_with_common_decimals(
    mut left: LogicalPlan,
    mut right: LogicalPlan,
    columns: &[OutputColumn],
) -> Result<(LogicalPlan, LogicalPlan)> {
    let kinds = columns.iter().enumerate().map(|(place, column)| {
        let own = [&left, &right].map(|side| side.schema().field(place).data_type().clone());
        let is_numeric = column.pg_type == PgType::Numeric;
        if is_numeric { get_coerce_type_for_case_expression(&own, None) } else { None }
    });
    let kinds: Vec<_> = kinds.collect();
    for side in [&mut left, &mut right] {
        change_kinds(side, &kinds)?;
    }
    Ok((left, right))
}

/// The beginning of a recursion, whose columns have the decimals that what goes on from them may need.
pub(super) fn beginning_with_decimals(mut plan: LogicalPlan, columns: &[OutputColumn]) -> Result<LogicalPlan> {
    let kinds: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| match plan.schema().field(place).data_type() {
            DataType::Decimal128(_, scale) if column.pg_type == PgType::Numeric => {
                Some(DataType::Decimal128(DECIMAL128_MAX_PRECISION, NUMERIC_SCALE.max(*scale)))
            }
            _ => None,
        })
        .collect();
    change_kinds(&mut plan, &kinds)?;
    Ok(plan)
}

/// Casts the columns of a plan for which a type is given, if they have another.
fn change_kinds(plan: &mut LogicalPlan, kinds: &[Option<DataType>]) -> Result<()> {
    let is_other = |(place, kind): (usize, &Option<DataType>)| {
        kind.as_ref().is_some_and(|kind| kind != plan.schema().field(place).data_type())
    };
    if !kinds.iter().enumerate().any(is_other) {
        return Ok(());
    }
    let columns = plan.schema().columns().into_iter().zip(kinds).map(|(column, kind)| {
        let (relation, name) = (column.relation.clone(), column.name.clone());
        match kind {
            Some(kind) => cast(Expr::Column(column), kind.clone()).alias_qualified(relation, name),
            None => Expr::Column(column),
        }
    });
    let columns: Vec<Expr> = columns.collect();
    change(plan, |builder| builder.project(columns))
}
