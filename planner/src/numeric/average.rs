//! Gives `avg` of numerics and integers PostgreSQL's type and digits, as an aggregate and as a window
//! function.
//!
//! ```text
//! before: Aggregate: groupBy=[[t.k]], aggr=[[avg(t.amount)]]                 Decimal128(16, 6)
//! after:  Projection: t.k, numeric_div(s, c) AS avg(t.amount)                Decimal128(38, 20)
//!           Aggregate: groupBy=[[t.k]], aggr=[[sum(t.amount) AS s, count(t.amount) AS c]]
//! ```

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunctionDefinition};
use datafusion::logical_expr::{Aggregate, AggregateUDF, Expr, ExprSchemable, LogicalPlan, Projection, Window, cast};
use datafusion::optimizer::AnalyzerRule;

use super::BIGINT_DIGITS;
use super::divide::numeric_div;

/// The columns that an average is computed from; no identifier of a query is written like this.
const SUM: &str = "average: sum ";
const COUNT: &str = "average: count ";

/// The rule. It must run before type coercion, which would turn integers into floats.
#[derive(Debug)]
pub(crate) struct NumericAverage;

impl AnalyzerRule for NumericAverage {
    fn name(&self) -> &str {
        "numeric_average"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let plan = plan.recompute_schema()?;
    match &plan {
        LogicalPlan::Aggregate(Aggregate { input, group_expr, aggr_expr, schema, .. }) => {
            let Some(split) = Split::of(aggr_expr, input.schema())? else { return Ok(Transformed::no(plan)) };
            let inner = Aggregate::try_new(Arc::clone(input), group_expr.clone(), split.inner.clone())?;
            split.project(LogicalPlan::Aggregate(inner), schema)
        }
        LogicalPlan::Window(Window { input, window_expr, schema }) => {
            let Some(split) = Split::of(window_expr, input.schema())? else { return Ok(Transformed::no(plan)) };
            let inner = Window::try_new(split.inner.clone(), Arc::clone(input))?;
            split.project(LogicalPlan::Window(inner), schema)
        }
        _ => Ok(Transformed::no(plan)),
    }
}

/// The expressions of a node, averages split into sums and counts.
struct Split {
    /// What the node computes instead.
    inner: Vec<Expr>,
    /// For every expression of the node, how its value comes from those.
    outer: Vec<Outer>,
}

enum Outer {
    Same,
    Quotient(Box<Quotient>),
}

/// The sum and the count that an average is made of.
struct Quotient {
    sum: Expr,
    count: Expr,
}

impl Split {
    /// `None` when there is nothing to rewrite.
    fn of(expressions: &[Expr], input: &DFSchema) -> Result<Option<Self>> {
        let mut split = Self { inner: vec![], outer: vec![] };
        for expression in expressions {
            let outer = match numeric_average(expression, input)? {
                Some(quotient) => {
                    // Names of their own: the query may ask for a sum that has the same name and another type.
                    let number = split.inner.len();
                    let sum = quotient.sum.alias(format!("{SUM}{number}"));
                    let count = quotient.count.alias(format!("{COUNT}{number}"));
                    split.inner.extend([sum.clone(), count.clone()]);
                    Outer::Quotient(Box::new(Quotient { sum, count }))
                }
                None => {
                    split.inner.push(expression.clone());
                    Outer::Same
                }
            };
            split.outer.push(outer);
        }
        let rewrites = split.outer.iter().any(|outer| matches!(outer, Outer::Quotient(_)));
        Ok(rewrites.then_some(split))
    }

    /// A projection of the rewritten node that has the columns of the original one, whose last columns
    /// are its expressions.
    fn project(self, inner: LogicalPlan, original: &DFSchema) -> Result<Transformed<LogicalPlan>> {
        let kept = original.fields().len() - self.outer.len();
        let columns = original.iter().enumerate().map(|(index, (qualifier, field))| {
            let column = Column::new(qualifier.cloned(), field.name());
            match index.checked_sub(kept).map(|index| &self.outer[index]) {
                Some(Outer::Quotient(quotient)) => {
                    let args = vec![output_column(&quotient.sum), output_column(&quotient.count)];
                    Expr::ScalarFunction(ScalarFunction { func: numeric_div(), args })
                        .alias_qualified(qualifier.cloned(), field.name())
                }
                Some(Outer::Same) | None => Expr::Column(column),
            }
        });
        let projection = Projection::try_new(columns.collect(), Arc::new(inner))?;
        Ok(Transformed::yes(LogicalPlan::Projection(projection)))
    }
}

fn output_column(expression: &Expr) -> Expr {
    let (qualifier, name) = expression.qualified_name();
    Expr::Column(Column::new(qualifier, name))
}

/// The sum and the count that make up an average of numerics or integers.
fn numeric_average(expression: &Expr, input: &DFSchema) -> Result<Option<Quotient>> {
    match expression {
        Expr::Alias(alias) => numeric_average(&alias.expr, input),
        Expr::AggregateFunction(function) if function.func.name() == "avg" => {
            let Some(argument) = numeric_argument(&function.params.args, input)? else { return Ok(None) };
            let with = |udaf: Arc<AggregateUDF>| {
                let mut function = function.clone();
                function.func = udaf;
                function.params.args = vec![argument.clone()];
                Expr::AggregateFunction(function)
            };
            Ok(Some(Quotient { sum: with(sum_udaf()), count: with(count_udaf()) }))
        }
        Expr::WindowFunction(function) if function.fun.name() == "avg" => {
            let Some(argument) = numeric_argument(&function.params.args, input)? else { return Ok(None) };
            let with = |udaf: Arc<AggregateUDF>| {
                let mut function = function.clone();
                function.fun = WindowFunctionDefinition::AggregateUDF(udaf);
                function.params.args = vec![argument.clone()];
                Expr::WindowFunction(function)
            };
            Ok(Some(Quotient { sum: with(sum_udaf()), count: with(count_udaf()) }))
        }
        _ => Ok(None),
    }
}

/// The argument as a decimal, if it is a decimal or an integer.
fn numeric_argument(args: &[Expr], input: &DFSchema) -> Result<Option<Expr>> {
    let [argument] = args else { return Ok(None) };
    Ok(match argument.get_type(input)? {
        DataType::Decimal128(..) => Some(argument.clone()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some(cast(argument.clone(), DataType::Decimal128(10, 0))),
        DataType::Int64 => Some(cast(argument.clone(), DataType::Decimal128(BIGINT_DIGITS, 0))),
        _ => None,
    })
}
