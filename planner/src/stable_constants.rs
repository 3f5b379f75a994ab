//! Computes the constants that PostgreSQL does not compute while it plans, because settings have a say in them
//! (`functions/volatility.rs`). What is beside a constant NULL is not computed, and may have an error; what is beside a NULL
//! of such a function is computed. So what DataFusion makes of constants is first made without these functions, and where
//! they make NULL of constants, that NULL is hidden. Nor does PostgreSQL know then which columns are never NULL; of what asks
//! for that, DataFusion makes constants, which may have errors beside a NULL.
//!
//! ```text
//! before: as_is_stable(to_char(2024-01-01, 'YYYY'))             after: '2024'
//!         as_is_stable(to_jsonb(2024-01-01)) -> 'a' || text(z)         as_is_hidden(NULL) || text(z)
//!         as_is_stable(to_jsonb(2024-01-01)) -> NULL || text(z)        NULL
//!         NULL + 1 / int4(id IS NULL)                                  NULL
//! ```

use std::sync::Arc;

use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Case, Expr, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr::create_physical_expr;

use crate::as_is::{argument_of, hidden, stable};
use crate::functions::Planned;

/// The rule. It comes before DataFusion computes constants.
#[derive(Debug)]
pub(crate) struct StableConstants;

impl OptimizerRule for StableConstants {
    fn name(&self) -> &str {
        "stable_constants"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // Its conditions come from above, where they have been computed.
        if let LogicalPlan::TableScan(_) = plan {
            return Ok(Transformed::no(plan));
        }
        let mut is_marked = false;
        plan.apply_expressions(|expression| {
            is_marked = is_marked || is_planned_otherwise(expression)?;
            Ok(if is_marked { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !is_marked {
            return Ok(Transformed::no(plan));
        }
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(or_null(&merge_schema(&plan.inputs()))?))
            .with_config_options(config.options())
            .with_query_execution_start_time(config.query_execution_start_time())
            .build();
        let simplifier = ExprSimplifier::new(context).with_canonicalize(false);
        let names = NamePreserver::new(&plan);
        let rewritten = |expression: Expr| {
            let name = names.save(&expression);
            Ok(computed(expression, &simplifier)?.update_data(|expression| name.restore(expression)))
        };
        plan.map_expressions(|expression| match expression {
            // Each of its keys is a column.
            Expr::GroupingSet(_) => expression.map_children(rewritten),
            _ => rewritten(expression),
        })
    }
}

/// An expression that PostgreSQL does not compute while it plans, be it made of constants.
pub(crate) fn unplanned(expression: Expr) -> Expr {
    if is_constant(&expression) { stable().call(vec![expression]) } else { expression }
}

/// Whether PostgreSQL does not compute a function of arguments while it plans, of which it knows so much if they are
/// constants. As far as that hangs on their being NULL, they become what it knows of them.
pub(crate) fn is_unplanned(known: Planned, arguments: &mut [Expr]) -> Result<bool> {
    if known == Planned::Value || !arguments.iter().all(is_constant) {
        return Ok(false);
    }
    if known == Planned::Nothing {
        return Ok(true);
    }
    for argument in arguments.iter_mut() {
        *argument = planned(std::mem::take(argument))?;
    }
    Ok(!arguments.iter().any(is_null))
}

/// Computes the parts of an expression that are made of constants, but for what CASE and its like may leave out:
/// PostgreSQL does so while it plans, though nobody may ask for the expression.
///
/// # Errors
/// That of such a part.
pub(crate) fn check_constants(expression: &Expr) -> Result<()> {
    let stable = stable();
    let row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    expression.apply(|part| {
        let is_left_alone = match part {
            Expr::Literal(..) => true,
            Expr::Case(case) => !is_of_subscripts(case),
            Expr::BinaryExpr(binary) => matches!(binary.op, Operator::And | Operator::Or),
            Expr::ScalarFunction(call) => call.func.short_circuits() || *call.func == *stable,
            _ => false,
        };
        if is_left_alone {
            return Ok(TreeNodeRecursion::Jump);
        }
        if !is_constant(part) || has_stable(part)? {
            return Ok(TreeNodeRecursion::Continue);
        }
        // Operands become of one type when a plan is analysed, which is later.
        let part = ExprSimplifier::new(SimplifyContext::default()).coerce(part.clone(), &DFSchema::empty())?;
        create_physical_expr(&part, &DFSchema::empty(), &ExecutionProps::new(), &PhysicalPlanningContext::default())?
            .evaluate(&row)?;
        Ok(TreeNodeRecursion::Jump)
    })?;
    Ok(())
}

/// Whether a CASE stands for subscripts of an array that may be NULL (`bind/subscript.rs`): it leaves out no constants.
fn is_of_subscripts(case: &Case) -> bool {
    let [(condition, value)] = case.when_then_expr.as_slice() else { return false };
    let Expr::ScalarFunction(call) = value.as_ref() else { return false };
    matches!(**condition, Expr::IsNotNull(_)) && matches!(call.name(), "array_slice" | "array_subscript")
}

/// A condition on the rows of a table that stands in no plan, as the rules make it of one that does: its constants are
/// computed, and have the types of the columns that they are compared with.
///
/// # Errors
/// That of a constant.
pub(crate) fn simplified(condition: Expr, table: SchemaRef) -> Result<Expr> {
    let schema = Arc::new(DFSchema::try_from(table)?);
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(Arc::clone(&schema)).build());
    let condition = simplifier.coerce(condition, &schema)?;
    simplifier.simplify(computed(condition, &simplifier)?.data)
}

/// A constant that PostgreSQL knows while it plans, if an expression of constants is one; or else the expression.
fn planned(expression: Expr) -> Result<Expr> {
    if let Expr::Literal(..) = expression {
        return Ok(expression);
    }
    let simplifier = ExprSimplifier::new(SimplifyContext::default());
    let hiding = replaced(expression.clone(), &stable(), Some(&hidden()))?;
    match simplifier.simplify(hiding) {
        Ok(known) => replaced(known, &hidden(), Some(&stable())),
        // It may stand where nothing is computed.
        Err(_) => Ok(expression),
    }
}

/// The expression with the values of its constants, but for a NULL that PostgreSQL does not know when it plans.
fn computed(expression: Expr, simplifier: &ExprSimplifier) -> Result<Transformed<Expr>> {
    match expression {
        // They are named, and they are no values of rows.
        Expr::Alias(_) | Expr::AggregateFunction(_) | Expr::WindowFunction(_) => {
            expression.map_children(|child| computed(child, simplifier))
        }
        expression if is_planned_otherwise(&expression)? => {
            let hidden = replaced(expression, &stable(), Some(&hidden()))?;
            Ok(Transformed::yes(settled(simplifier.simplify(hidden)?, simplifier)?))
        }
        expression => Ok(Transformed::no(expression)),
    }
}

/// The expression with another function, or none, in the place of one that gives what it is given.
fn replaced(expression: Expr, function: &ScalarUDF, by: Option<&ScalarUDF>) -> Result<Expr> {
    let replaced = expression.transform_up(|part| {
        let Some(argument) = argument_of(&part, function) else { return Ok(Transformed::no(part)) };
        let argument = argument.clone();
        Ok(Transformed::yes(match by {
            Some(by) => by.call(vec![argument]),
            None => argument,
        }))
    })?;
    Ok(replaced.data)
}

/// Whether PostgreSQL makes something else of the constants of an expression than DataFusion would.
fn is_planned_otherwise(expression: &Expr) -> Result<bool> {
    Ok(has_stable(expression)? || asks_for_null(expression)?)
}

/// Whether an expression has a function beside what is a constant if a column is never NULL.
fn asks_for_null(expression: &Expr) -> Result<bool> {
    let (mut asks, mut has_function) = (false, false);
    expression.apply(|part| {
        match part {
            Expr::ScalarFunction(_) => has_function = true,
            Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::IsUnknown(_) | Expr::IsNotUnknown(_) => asks = true,
            Expr::BinaryExpr(binary) => asks |= binary.op == Operator::Eq && binary.left == binary.right,
            _ => {}
        }
        Ok(if asks && has_function { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(asks && has_function)
}

/// The same columns, each of which may be NULL for all that is known.
fn or_null(schema: &DFSchema) -> Result<DFSchema> {
    let (qualifiers, fields): (Vec<_>, Vec<_>) = schema
        .iter()
        .map(|(table, field)| (table.cloned(), Arc::new(field.as_ref().clone().with_nullable(true))))
        .unzip();
    let schema: SchemaRef = Arc::new(Schema::new(Fields::from(fields)));
    // Names are not checked anew: those of several inputs may be the same.
    DFSchema::try_from(schema)?.with_field_specific_qualified_schema(qualifiers)
}

fn has_stable(expression: &Expr) -> Result<bool> {
    let stable = stable();
    expression.exists(|part| Ok(argument_of(part, &stable).is_some()))
}

/// Whether an expression is the constant NULL.
pub(crate) fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Literal(value, _) if value.is_null())
}

/// Whether an expression is made of constants alone.
pub(crate) fn is_constant(expression: &Expr) -> bool {
    !expression.exists(|part| Ok(is_varied(part))).unwrap_or(true)
}

/// Whether an expression is of rows, or has another value each time, whatever its parts are.
fn is_varied(expression: &Expr) -> bool {
    match expression {
        Expr::Column(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::Placeholder(_)
        | Expr::ScalarVariable(..)
        | Expr::LambdaVariable(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_)
        | Expr::ScalarSubquery(_)
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_)
        | Expr::GroupingSet(_)
        | Expr::Unnest(_) => true,
        other => other.is_volatile_node(),
    }
}

/// What an expression is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Parts {
    Constants,
    /// Constants, of which some are hidden.
    Hidden,
    /// Rows, or what has another value each time.
    Varied,
}

/// The expression, whose parts that are made of hidden constants are computed: the largest of them.
fn settled(expression: Expr, simplifier: &ExprSimplifier) -> Result<Expr> {
    match divided(expression, simplifier)? {
        (expression, Parts::Hidden) => value_of(expression, simplifier),
        (expression, _) => Ok(expression),
    }
}

/// The same, and what it is made of, but for what is made of constants as a whole.
fn divided(expression: Expr, simplifier: &ExprSimplifier) -> Result<(Expr, Parts)> {
    let mut children = vec![];
    let expression = expression.map_children(|child| {
        let (child, parts) = divided(child, simplifier)?;
        children.push(parts);
        Ok(Transformed::yes(child))
    })?;
    let expression = expression.data;
    let most = children.iter().copied().max().unwrap_or(Parts::Constants);
    let parts = match argument_of(&expression, &hidden()) {
        Some(_) => most.max(Parts::Hidden),
        None if is_varied(&expression) => Parts::Varied,
        None => most,
    };
    if parts != Parts::Varied || !children.contains(&Parts::Hidden) {
        return Ok((expression, parts));
    }
    // What is chosen by a constant that is known would be a constant itself, NULL for example.
    let stays_hidden = matches!(expression, Expr::Case(_));
    let mut children = children.into_iter();
    let expression = expression.map_children(|child| match children.next() {
        Some(Parts::Hidden) => {
            let value = value_of(child, simplifier)?;
            let is_shown = stays_hidden && matches!(value, Expr::Literal(..));
            Ok(Transformed::yes(if is_shown { hidden().call(vec![value]) } else { value }))
        }
        _ => Ok(Transformed::no(child)),
    })?;
    Ok((expression.data, parts))
}

/// The value of an expression of constants, hidden if it is NULL; the expression, if it has an error.
fn value_of(expression: Expr, simplifier: &ExprSimplifier) -> Result<Expr> {
    let value = simplifier.simplify(replaced(expression.clone(), &hidden(), None)?)?;
    Ok(match value {
        Expr::Literal(null, metadata) if null.is_null() => hidden().call(vec![Expr::Literal(null, metadata)]),
        Expr::Literal(..) => value,
        _ => expression,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    #[test]
    fn a_condition_compares_columns_as_they_are() {
        let fields = [("i", DataType::Int16), ("l", DataType::Int64), ("n", DataType::Decimal128(10, 2))];
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec();
        let schema = Arc::new(Schema::new(fields));
        let decimal = |value, precision, scale| lit(ScalarValue::Decimal128(Some(value), precision, scale));
        let sum = stable().call(vec![lit(1_i64) + lit(2_i64)]);
        for (condition, expected) in [
            (col("l").eq(lit(3_i32)), col("l").eq(lit(3_i64))),
            (cast(col("i"), DataType::Int32).gt(lit(3_i32)), col("i").gt(lit(3_i16))),
            (col("n").lt(decimal(35, 2, 1)), col("n").lt(decimal(350, 10, 2))),
            (col("l").eq(sum), col("l").eq(lit(3_i64))),
        ] {
            assert_eq!(simplified(condition, Arc::clone(&schema)).unwrap(), expected);
        }
    }
}
