//! UNION, INTERSECT and EXCEPT.

use std::sync::Arc;

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFunctionDefinition, lit};
use datafusion::sql::sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};

use super::Binder;
use super::character::{chosen_from, of_any_length, padded};
use super::collation::Derivation;
use super::decimals::sides_with_common_decimals;
use super::select::{distinct, first_of_equals, has_grouping_keys};
use super::typed::{BoundQuery, Names, OutputColumn, Typed};
use crate::error::{Error, Result};
use crate::pg_type::PgType;
use crate::type_conversion::common_type;

/// Which side of a union a row is from.
const SIDE: &str = "side of the union";
/// The sides of an INTERSECT or EXCEPT.
const LEFT: &str = "left side";
const RIGHT: &str = "right side";
/// The number of a row among those that are the same.
const NUMBER: &str = "number among equals";

impl Binder<'_> {
    pub(super) fn set_operation(
        &mut self,
        operator: SetOperator,
        quantifier: SetQuantifier,
        left: &SetExpr,
        right: &SetExpr,
    ) -> Result<BoundQuery> {
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            other => return Err(Error::Query(format!("syntax error: {operator} {other}"))),
        };
        let (left, right) = (self.set_expression(left)?, self.set_expression(right)?);
        self.combined(operator, all, left, right)
    }

    pub(super) fn combined(
        &mut self,
        operator: SetOperator,
        all: bool,
        left: BoundQuery,
        right: BoundQuery,
    ) -> Result<BoundQuery> {
        let name = operator.to_string();
        if left.columns.len() != right.columns.len() {
            return Err(Error::Query(format!("each {name} query must have the same number of columns")));
        }
        let mut types = Vec::with_capacity(left.columns.len());
        for (one, other) in left.columns.iter().zip(&right.columns) {
            let own = [one.pg_type.clone(), other.pg_type.clone()];
            let Some(common) = common_type(&own) else {
                return Err(Error::Query(format!("{name} types {} and {} cannot be matched", own[0], own[1])));
            };
            let compared = !all || operator != SetOperator::Union;
            let collation = Derivation::of_sides(&one.shown(), &other.shown(), compared)?;
            let metadata = match common == PgType::Bpchar && (one.pg_type.is_open() || other.pg_type.is_open()) {
                // Texts beside it have no length.
                true => Some(of_any_length()),
                false => chosen_from(vec![one.shown(), other.shown()]).1,
            };
            types.push((common, metadata, collation));
        }
        let mut internal = Names::default();
        let columns: Vec<OutputColumn> = left
            .columns
            .iter()
            .zip(types)
            .map(|(column, (pg_type, metadata, collation))| OutputColumn {
                name: column.name.clone(),
                pg_type,
                metadata,
                collation,
                internal: Column::new_unqualified(internal.unique(&column.name)),
            })
            .collect();
        let (left, right) = (self.as_columns(left, &columns)?, self.as_columns(right, &columns)?);
        let (left, right) = sides_with_common_decimals(left, right, &columns)?;
        let plan = match (operator, all) {
            (SetOperator::Union, true) => LogicalPlanBuilder::from(left).union(right)?.build()?,
            (SetOperator::Union, false) => united(left, right, &columns)?,
            (SetOperator::Intersect, all) => matched(left, right, JoinType::LeftSemi, all, &columns)?,
            (SetOperator::Except | SetOperator::Minus, all) => matched(left, right, JoinType::LeftAnti, all, &columns)?,
        };
        Ok(BoundQuery { plan, columns })
    }

    /// The rows under the names and types of the result.
    pub(super) fn as_columns(&mut self, bound: BoundQuery, columns: &[OutputColumn]) -> Result<LogicalPlan> {
        let BoundQuery { plan, columns: own } = bound;
        let schema = Arc::clone(plan.schema());
        let values = self.in_schema(schema, |binder| {
            let cast = |(column, wanted): (&OutputColumn, &OutputColumn)| {
                // Where lengths differ, what is shown is padded by itself; texts of another type have no padding.
                let value = column.typed();
                let pads_itself = wanted.pg_type == PgType::Bpchar && column.metadata != wanted.metadata;
                let value = match pads_itself {
                    true => binder.as_character(padded(value))?,
                    false => binder.coerce(value, &wanted.pg_type)?,
                };
                Ok(value.expr.alias(&wanted.internal.name))
            };
            own.iter().zip(columns).map(cast).collect::<Result<Vec<_>>>()
        })?;
        Ok(LogicalPlanBuilder::from(plan).project(values)?.build()?)
    }
}

impl OutputColumn {
    /// The column as one of several that are shown together: an open one is NULL, or what the others are.
    fn shown(&self) -> Typed {
        if self.pg_type.is_open() { Typed::null() } else { self.typed() }
    }
}

/// The rows of both sides without repetition. Of rows that are equal, and print differently, one of the left is shown, as
/// PostgreSQL's hash table does, which keeps the first.
fn united(left: LogicalPlan, right: LogicalPlan, columns: &[OutputColumn]) -> Result<LogicalPlan> {
    if !has_grouping_keys(columns)? {
        return distinct(LogicalPlanBuilder::from(left).union(right)?.build()?, columns);
    }
    let from_side = |plan: LogicalPlan, side: i32| {
        let shown = columns.iter().map(|column| column.typed().expr);
        LogicalPlanBuilder::from(plan).project(shown.chain([lit(side).alias(SIDE)]))
    };
    let both = from_side(left, 0)?.union(from_side(right, 1)?.build()?)?.build()?;
    let by_side = Expr::Column(Column::new_unqualified(SIDE)).sort(true, false);
    first_of_equals(both, columns, Some(by_side))
}

/// The rows of the left that are, or are not, on the right. With ALL, equal rows are told apart by numbers, so that each on
/// the right counts once.
fn matched(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    all: bool,
    columns: &[OutputColumn],
) -> Result<LogicalPlan> {
    if let Some(json) = columns.iter().find(|column| matches!(column.pg_type, PgType::Json)) {
        return Err(Error::Query(format!("could not identify an equality operator for type {}", json.pg_type)));
    }
    // Beside columns whose equality is not that of their values in Arrow stands what they are compared by.
    let (left, right) = (with_keys(left, columns)?, with_keys(right, columns)?);
    let mut names = columns.iter().map(key_name).collect::<Result<Vec<String>>>()?;
    let (left, right) = match all {
        true => {
            let numbered = (numbered(left, &names)?, numbered(right, &names)?);
            names.push(NUMBER.to_owned());
            numbered
        }
        false => (left, right),
    };
    // Each side's columns have its name before them: where the query depends on another's rows, the condition is read
    // anew, and a name alone would be one of both.
    let keys = |side: &str| names.iter().map(|name| Column::new(Some(side), name)).collect::<Vec<_>>();
    let joined = LogicalPlanBuilder::from(left).alias(LEFT)?.join_detailed(
        LogicalPlanBuilder::from(right).alias(RIGHT)?.build()?,
        join_type,
        (keys(LEFT), keys(RIGHT)),
        None,
        NullEquality::NullEqualsNull,
    )?;
    let shown = columns.iter().map(|column| {
        let name = &column.internal.name;
        Expr::Column(Column::new(Some(LEFT), name)).alias(name)
    });
    let plan = joined.project(shown)?.build()?;
    if all { Ok(plan) } else { distinct(plan, columns) }
}

fn key_name(column: &OutputColumn) -> Result<String> {
    Ok(match column.typed().has_equality_key()? {
        true => format!("key of {}", column.internal.name),
        false => column.internal.name.clone(),
    })
}

fn with_keys(plan: LogicalPlan, columns: &[OutputColumn]) -> Result<LogicalPlan> {
    let mut projected: Vec<Expr> = columns.iter().map(|column| column.typed().expr).collect();
    for column in columns {
        if column.typed().has_equality_key()? {
            projected.push(column.typed().equality_key()?.alias(key_name(column)?));
        }
    }
    if projected.len() == columns.len() {
        return Ok(plan);
    }
    Ok(LogicalPlanBuilder::from(plan).project(projected)?.build()?)
}

fn numbered(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan> {
    let number = Expr::WindowFunction(Box::new(WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(row_number_udwf()),
        params: WindowFunctionParams {
            args: vec![],
            partition_by: names.iter().map(|name| Expr::Column(Column::new_unqualified(name))).collect(),
            order_by: vec![],
            window_frame: WindowFrame::new(None),
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    }));
    Ok(LogicalPlanBuilder::from(plan).window(vec![number.alias(NUMBER)])?.build()?)
}
