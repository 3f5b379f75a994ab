//! Subqueries in expressions. What they use of the queries around them are outer references in the plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ExprSchema, ScalarValue, Spans};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit};
use datafusion::sql::sqlparser::ast::{self, Query};

use super::Binder;
use super::aggregation::with_columns;
use super::clause::{Clause, KnownSubquery, Level};
use super::collation::Derivation;
use super::query::{Ordered, nodes_of};
use super::record::parts_of;
use super::scope::Scope;
use super::typed::{BoundQuery, Typed};
use crate::error::{Error, Result};
use crate::functions::{collected, has_row_key, in_order};
use crate::pg_type::PgType;
use crate::subqueries::is_volatile;
use crate::type_conversion::common_type;

/// An expression of a query around this one.
pub(super) fn outer(typed: Typed, scope: &Scope) -> Result<Typed> {
    let reference = |part: Expr| {
        Ok(match part {
            Expr::Column(column) => {
                let field = Arc::clone(scope.schema.field_from_column(&column)?);
                Transformed::yes(Expr::OuterReferenceColumn(field, column))
            }
            other => Transformed::no(other),
        })
    };
    Ok(Typed { expr: typed.expr.transform(reference)?.data, ..typed })
}

pub(super) fn subquery_of(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() }
}

/// Has operands of `row IN (subquery)`, which stand inside of it (`row_in`), speak of groups where they are the expressions
/// of their keys. In what a query says to be inside of a subquery, a key is a column alone.
pub(super) fn operands_of_groups(
    expression: Expr,
    replaced: &[(Expr, Expr)],
    scope: &Scope,
    groups: &DFSchema,
) -> Result<Expr> {
    let mut seen_from_inside = vec![];
    for (key, column) in replaced {
        if let (false, Expr::Column(column)) = (matches!(key, Expr::Column(_)), column)
            && key.any_column_refs()
        {
            let field = Arc::clone(groups.field_from_column(column)?);
            let key = outer(Typed::new(key.clone(), PgType::Unknown), scope)?.expr;
            seen_from_inside.push((key, Expr::OuterReferenceColumn(field, column.clone())));
        }
    }
    if seen_from_inside.is_empty() {
        return Ok(expression);
    }
    let replace = |part: Expr| match part {
        Expr::Exists(Exists { subquery, negated }) => {
            // That of a query has its columns on top.
            let LogicalPlan::Filter(filter) = subquery.subquery.as_ref() else {
                return Ok(Transformed::no(Expr::Exists(Exists { subquery, negated })));
            };
            let mut filter = filter.clone();
            filter.predicate = with_columns(filter.predicate, &seen_from_inside)?;
            Ok(Transformed::yes(Expr::Exists(Exists { subquery: subquery_of(LogicalPlan::Filter(filter)), negated })))
        }
        other => Ok(Transformed::no(other)),
    };
    Ok(expression.transform(replace)?.data)
}

impl Binder<'_> {
    pub(super) fn exists(&mut self, query: &Query, negated: bool) -> Result<Typed> {
        let bound = self.query(query)?;
        Ok(Typed::boolean(Expr::Exists(Exists { subquery: subquery_of(bound.plan), negated })))
    }

    pub(super) fn scalar_subquery(&mut self, query: &Query) -> Result<Typed> {
        if let Some(known) = self.level()?.scalar_subqueries.iter().find(|known| known.query == *query) {
            let (value, nodes) = (known.value.clone(), known.nodes);
            self.count_nodes(nodes)?;
            return Ok(value);
        }
        let before = self.outer_aggregates();
        let value = self.new_scalar_subquery(query)?;
        // An aggregate of a query around it may stand in another clause than where it may stand again, and what is left
        // to chance is left to it anew.
        if let Expr::ScalarSubquery(subquery) = &value.expr
            && before == self.outer_aggregates()
            && !is_volatile(&subquery.subquery)?
        {
            let (query, value, nodes) = (query.clone(), value.clone(), nodes_of(&subquery.subquery)?);
            self.level()?.scalar_subqueries.push(KnownSubquery { query, value, nodes });
        }
        Ok(value)
    }

    fn outer_aggregates(&self) -> usize {
        self.levels.iter().map(|level| level.outer_aggregates.len()).sum()
    }

    fn new_scalar_subquery(&mut self, query: &Query) -> Result<Typed> {
        let bound = self.settled_query(query)?;
        let [column] = bound.columns.as_slice() else { return Err(one_column(bound.columns.len())) };
        let (pg_type, metadata) = (column.pg_type.clone(), column.metadata.clone());
        let collation = column.collation.clone().of_result();
        let value = Typed::new(Expr::ScalarSubquery(subquery_of(bound.plan)), pg_type);
        Ok(value.with_metadata(metadata).with_collation(collation))
    }

    /// The row of a subquery, part by part: NULLs where it has none.
    pub(super) fn row_of_subquery(&mut self, query: &Query) -> Result<Vec<Typed>> {
        let BoundQuery { plan, columns } = self.settled_query(query)?;
        // The subquery stands in the plan once for each part.
        if is_volatile(&plan)? {
            return Err(Error::Unsupported("not supported: a row of a subquery that is left to chance".to_owned()));
        }
        self.count_nodes(columns.len().saturating_sub(1) * nodes_of(&plan)?)?;
        let fields = columns.iter().enumerate().map(|(place, column)| (format!("f{}", place + 1), column.typed()));
        let row = super::record::of_fields(fields.collect());
        let plan = LogicalPlanBuilder::from(plan).project([row.expr.clone().alias("row")])?.build()?;
        let row = Typed { expr: Expr::ScalarSubquery(subquery_of(plan)), ..row };
        Ok((0..columns.len()).filter_map(|place| super::record::get(&row, place)).collect())
    }

    /// `ARRAY(SELECT ...)`, which is empty where there are no rows.
    pub(super) fn array_of_subquery(&mut self, query: &Query) -> Result<Typed> {
        let Ordered { plan, columns, order } = self.ordered_query(query)?;
        let [column] = columns.as_slice() else { return Err(one_column(columns.len())) };
        let value = column.typed();
        let collation = column.collation.clone().of_result();
        let pg_type = column.pg_type.clone().settled();
        let value = self.in_schema(Arc::clone(plan.schema()), |binder| binder.coerce(value, &pg_type))?.expr;
        let empty = ScalarValue::List(ScalarValue::new_list(&[], &value.get_type(plan.schema())?, true));
        let elements = match order.is_empty() {
            true => collected().call(vec![value]),
            false => in_order(collected(), vec![value], order, false, None),
        };
        let name = "elements";
        let elements_or_none = coalesce(vec![Expr::Column(Column::new_unqualified(name)), lit(empty)]);
        let plan = LogicalPlanBuilder::from(plan)
            .aggregate(Vec::<Expr>::new(), vec![elements.alias(name)])?
            .project([elements_or_none.alias(name)])?
            .build()?;
        Ok(Typed::new(Expr::ScalarSubquery(subquery_of(plan)), pg_type.array()).with_collation(collation))
    }

    pub(super) fn in_subquery(&mut self, operand: &ast::Expr, query: &Query, negated: bool) -> Result<Typed> {
        let operand = self.expression(operand)?;
        let found = self.compared_with_subquery(operand, "=", query, false)?.expr;
        Ok(Typed::boolean(match (negated, found) {
            (true, Expr::InSubquery(found)) => Expr::InSubquery(InSubquery { negated: true, ..found }),
            (true, other) => Expr::Not(Box::new(other)),
            (false, found) => found,
        }))
    }

    /// `x = ANY (SELECT ...)`, `x < ALL (SELECT ...)`.
    pub(super) fn compared_with_subquery(
        &mut self,
        operand: Typed,
        symbol: &str,
        query: &Query,
        all: bool,
    ) -> Result<Typed> {
        let bound = self.settled_query(query)?;
        let operands = parts_of(&operand).unwrap_or_else(|| vec![operand]);
        if operands.len() != bound.columns.len() {
            let few = if operands.len() > bound.columns.len() { "few" } else { "many" };
            return Err(Error::Query(format!("subquery has too {few} columns")));
        }
        let (operands, plan) = self.alike(symbol, operands, bound)?;
        let [operand] = operands.as_slice() else {
            return match (symbol, all) {
                ("=", false) => self.row_in(&operands, &plan),
                ("<>", true) => Ok(Typed::boolean(Expr::Not(Box::new(self.row_in(&operands, &plan)?.expr)))),
                _ => Err(Error::Unsupported(format!("not supported: {symbol} between rows and a subquery"))),
            };
        };
        let expr = Box::new(operand.expr.clone());
        let subquery = subquery_of(plan);
        let op = match (symbol, all) {
            ("=", false) => return Ok(Typed::boolean(Expr::InSubquery(InSubquery { expr, subquery, negated: false }))),
            ("<>", true) => return Ok(Typed::boolean(Expr::InSubquery(InSubquery { expr, subquery, negated: true }))),
            ("=", true) => Operator::Eq,
            ("<>", false) => Operator::NotEq,
            ("<", _) => Operator::Lt,
            ("<=", _) => Operator::LtEq,
            (">", _) => Operator::Gt,
            (">=", _) => Operator::GtEq,
            _ => return Err(Error::Unsupported(format!("not supported: {symbol} ANY or ALL of a subquery"))),
        };
        let quantifier = if all { SetQuantifier::All } else { SetQuantifier::Any };
        Ok(Typed::boolean(Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })))
    }

    /// Whether a row is among those of a subquery: true where one is the same, unknown where one could be if its NULLs
    /// were known, false where none is.
    fn row_in(&mut self, operands: &[Typed], plan: &LogicalPlan) -> Result<Typed> {
        let here = self.levels.len().saturating_sub(1);
        let mut same = lit(true);
        for (operand, column) in operands.iter().zip(plan.schema().columns()) {
            // Seen from inside of the subquery, the operands and their aggregates are of the query around it.
            let expr = operand.expr.clone().transform_down(|part| self.left_to(here, part))?.data;
            let operand = outer(Typed { expr, ..operand.clone() }, &self.level()?.scope)?;
            same = same.and(operand.expr.eq(Expr::Column(column)));
        }
        let found = |condition: Expr| -> Result<Expr> {
            let plan = LogicalPlanBuilder::from(plan.clone()).filter(condition)?.build()?;
            Ok(Expr::Exists(Exists { subquery: subquery_of(plan), negated: false }))
        };
        let unknown = lit(ScalarValue::Boolean(None));
        Ok(Typed::boolean(found(same.clone())?.or(found(same.is_null())?.and(unknown))))
    }

    /// Operands and the columns of a subquery, cast to the types in which they are compared.
    fn alike(&mut self, symbol: &str, operands: Vec<Typed>, bound: BoundQuery) -> Result<(Vec<Typed>, LogicalPlan)> {
        let BoundQuery { plan, columns } = bound;
        let mut cast = Vec::with_capacity(operands.len());
        let mut projected = Vec::with_capacity(columns.len());
        let mut is_changed = false;
        for (operand, column) in operands.into_iter().zip(columns) {
            let own = [operand.pg_type.clone(), column.pg_type.clone()];
            let Some(common) = common_type(&own) else {
                return Err(Error::Query(format!("operator does not exist: {} = {}", own[0], own[1])));
            };
            // A name without a table before it could be one of the tables' columns, where DataFusion joins them.
            let schema = Arc::clone(plan.schema());
            let value = self.in_schema(schema, |binder| binder.coerce(column.typed(), &common))?;
            let sides = [value, self.coerce(operand, &common)?];
            let collation = Derivation::merged(&sides)?;
            let order = self.order_of_call(symbol, &sides, &collation)?;
            let [value, operand] = sides;
            // Casts do not show in names: DataFusion's own would be called like the column that it casts.
            let operand_type = operand.expr.get_type(&self.level()?.scope.schema);
            let is_cast = operand_type.ok() != value.expr.get_type(plan.schema()).ok();
            is_changed |= column.pg_type != common
                || is_cast
                || order.is_some()
                || has_row_key(&common)
                || column.internal.relation.is_none();
            let key = |typed: Typed| match &order {
                Some(order) => Typed::new(order.key(typed.expr), PgType::Bytea),
                None => Typed::new(crate::functions::row_key(typed.expr, &common), common.clone()),
            };
            projected.push(key(value).expr.alias(self.qualifiers.unique("compared")));
            cast.push(key(operand));
        }
        let plan = if is_changed { LogicalPlanBuilder::from(plan).project(projected)?.build()? } else { plan };
        Ok((cast, plan))
    }

    /// Binds something over the rows of a plan that is no query of its own.
    pub(super) fn in_schema<T>(&mut self, schema: DFSchemaRef, bind: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.levels.push(Level::new(Scope::empty(schema), Clause::Select));
        let bound = bind(self);
        self.levels.pop();
        bound
    }
}

fn one_column(columns: usize) -> Error {
    match columns {
        0 => Error::Query("a subquery here must return one column, and this one has none".to_owned()),
        _ => Error::Query("subquery must return only one column".to_owned()),
    }
}

impl PgType {
    /// The type as the column of a result: a text in quotes is a text.
    pub(super) fn settled(self) -> Self {
        if self == Self::Unknown { Self::Text } else { self }
    }
}
