//! Brings the values that a subquery is asked with to where it needs them: the plan of a subquery, which depends on one
//! outer row, becomes a plan that has its rows for all of them at once.
//!
//! Every node is rewritten so that its result holds the outer values beside its own columns: what was computed once is
//! computed once for each of them. Aggregates group by them, limits and windows count within them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, NullEquality, Result, not_impl_err};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, ExprFunctionExt, ExprSchemable, FetchType, Filter, Join, JoinType, Limit,
    LogicalPlan, LogicalPlanBuilder, Operator, Projection, SkipType, Sort, SortExpr, SubqueryAlias, Union, Window, lit,
    when,
};

use super::asked::is_asked_with_all;
use super::{Names, columns_of};
use crate::key_barrier::barrier;
use crate::null_safe::null_safe_equal;

/// A subquery's dependence on the rows of a plan.
pub(super) struct Dependent<'n> {
    names: &'n Names,
    rows: LogicalPlan,
    /// The columns of these rows that the subquery uses.
    columns: Vec<Column>,
    /// Whether the subquery is asked with about all values that its rows have for them.
    is_asked_with_all: bool,
}

/// A plan that depends on no outer row any more.
#[derive(Debug, Clone)]
pub(super) struct Pushed {
    pub(super) plan: LogicalPlan,
    /// Where it has the values of the outer columns, in their order.
    pub(super) outer: Vec<Column>,
}

impl Pushed {
    pub(super) fn outer_columns(&self) -> Vec<Expr> {
        self.outer.iter().cloned().map(Expr::Column).collect()
    }
}

/// Whether the plan gives one row at most, or one for every outer row.
pub(super) fn gives_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => {
            let fixed = fixed_below(&aggregate.input);
            aggregate.group_expr.iter().all(|key| fixed.iter().any(|(column, _)| key.try_as_col() == Some(column)))
        }
        LogicalPlan::Limit(limit) => {
            matches!(limit.get_fetch_type(), Ok(FetchType::Literal(Some(0 | 1)))) || gives_one_row(&limit.input)
        }
        LogicalPlan::Projection(projection) => gives_one_row(&projection.input),
        LogicalPlan::Filter(filter) => gives_one_row(&filter.input),
        LogicalPlan::Sort(sort) => gives_one_row(&sort.input),
        LogicalPlan::SubqueryAlias(alias) => gives_one_row(&alias.input),
        LogicalPlan::Subquery(subquery) => gives_one_row(&subquery.subquery),
        LogicalPlan::EmptyRelation(_) => true,
        _ => false,
    }
}

impl<'n> Dependent<'n> {
    pub(super) fn new(rows: &LogicalPlan, subquery: &LogicalPlan, names: &'n Names) -> Result<Self> {
        let mut columns = vec![];
        for reference in subquery.all_out_ref_exprs() {
            match reference {
                // Others are of a query further out.
                Expr::OuterReferenceColumn(_, column) if rows.schema().has_column(&column) => columns.push(column),
                _ => {}
            }
        }
        let is_asked_with_all = !columns.is_empty() && is_asked_with_all(rows, subquery)?;
        Ok(Self { names, rows: rows.clone(), columns, is_asked_with_all })
    }

    pub(super) fn is_correlated(&self) -> bool {
        !self.columns.is_empty()
    }

    /// That the values at these places are those of the outer row. NULL is a value like others.
    pub(super) fn same_values(&self, places: &[Column]) -> Vec<Expr> {
        self.columns.iter().zip(places).map(|(column, place)| same(self.rows.schema(), column, place)).collect()
    }

    /// The outer values of a plan under names of their own, as expressions and as columns.
    pub(super) fn renamed(&self, pushed: &Pushed) -> (Vec<Expr>, Vec<Column>) {
        let names: Vec<String> = pushed.outer.iter().map(|_| self.names.next("outer")).collect();
        let expressions = pushed.outer_columns().into_iter().zip(&names).map(|(column, name)| column.alias(name));
        (expressions.collect(), names.iter().map(Column::new_unqualified).collect())
    }

    /// The plan, with its rows for all outer values.
    pub(super) fn push(&self, plan: &LogicalPlan) -> Result<Pushed> {
        if !self.is_correlated() {
            return Ok(Pushed { plan: plan.clone(), outer: vec![] });
        }
        if !self.is_used_by(plan) {
            let Pushed { plan: values, outer } = self.values()?;
            let plan = LogicalPlanBuilder::from(values).cross_join(plan.clone())?.build()?;
            return Ok(Pushed { plan, outer });
        }
        match plan {
            LogicalPlan::Projection(Projection { input, expr, .. }) => {
                let pushed = self.push(input)?;
                let mut expressions = pushed.outer_columns();
                expressions.extend(self.resolved(plan, expr, &pushed)?);
                let projection = Projection::try_new(expressions, Arc::new(pushed.plan))?;
                Ok(Pushed { plan: LogicalPlan::Projection(projection), outer: pushed.outer })
            }
            LogicalPlan::Filter(Filter { predicate, input, .. }) => {
                if let Some(pushed) = self.push_by_own_values(predicate, input)? {
                    return Ok(pushed);
                }
                let pushed = self.push(input)?;
                let predicate = self.resolve(predicate.clone(), &pushed.outer)?;
                let filter = Filter::try_new(predicate, Arc::new(pushed.plan))?;
                Ok(Pushed { plan: LogicalPlan::Filter(filter), outer: pushed.outer })
            }
            LogicalPlan::Subquery(subquery) => self.push(&subquery.subquery),
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
                let pushed = self.push(input)?;
                let aliased = SubqueryAlias::try_new(Arc::new(pushed.plan), alias.clone())?;
                let requalified = |column: Column| Column::new(Some(alias.clone()), column.name);
                let outer = pushed.outer.into_iter().map(requalified).collect();
                Ok(Pushed { plan: LogicalPlan::SubqueryAlias(aliased), outer })
            }
            LogicalPlan::Sort(Sort { expr, input, fetch: None }) => {
                let pushed = self.push(input)?;
                let expr = self.resolve_keys(expr, &pushed.outer)?;
                let sort = Sort { expr, input: Arc::new(pushed.plan), fetch: None };
                Ok(Pushed { plan: LogicalPlan::Sort(sort), outer: pushed.outer })
            }
            LogicalPlan::Limit(limit) => self.push_limit(limit),
            LogicalPlan::Aggregate(aggregate) => self.push_aggregate(plan, aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let Pushed { plan, outer } = self.push(input)?;
                Ok(Pushed { plan: LogicalPlan::Distinct(Distinct::All(Arc::new(plan))), outer })
            }
            LogicalPlan::Window(Window { input, window_expr, .. }) => {
                let pushed = self.push(input)?;
                let preserver = NamePreserver::new(plan);
                let windows = window_expr.iter().map(|window| {
                    let name = preserver.save(window);
                    Ok(name.restore(within(self.resolve(window.clone(), &pushed.outer)?, &pushed)?))
                });
                let window = Window::try_new(windows.collect::<Result<_>>()?, Arc::new(pushed.plan))?;
                Ok(Pushed { plan: LogicalPlan::Window(window), outer: pushed.outer })
            }
            LogicalPlan::Unnest(unnest) => {
                let Pushed { plan, outer } = self.push(&unnest.input)?;
                let (columns, options) = (unnest.exec_columns.clone(), unnest.options.clone());
                let plan = LogicalPlanBuilder::from(plan).unnest_columns_with_options(columns, options)?.build()?;
                Ok(Pushed { plan, outer })
            }
            LogicalPlan::Join(join) => self.push_join(join),
            LogicalPlan::Union(union) => self.push_union(union),
            other => not_impl_err!("a subquery that uses the outer row within {}", name_of(other)),
        }
    }

    /// The values that the subquery is asked with, each once, under names of their own.
    fn values(&self) -> Result<Pushed> {
        self.names.count_copy(&self.rows)?;
        let columns = Pushed { plan: self.rows.clone(), outer: self.columns.clone() };
        let (expressions, outer) = self.renamed(&columns);
        let plan = LogicalPlanBuilder::from(columns.plan).project(expressions)?.distinct()?.build()?;
        // They are a key here, and not of what they are joined with.
        Ok(Pushed { plan: barrier(plan)?, outer })
    }

    /// A filter by which columns of its input are the outer values, where it is as well to compute the subquery for all
    /// values that they have.
    fn push_by_own_values(&self, predicate: &Expr, input: &LogicalPlan) -> Result<Option<Pushed>> {
        if !self.is_asked_with_all || self.is_used_by(input) {
            return Ok(None);
        }
        let mut own: Vec<Option<Column>> = vec![None; self.columns.len()];
        let mut rest = vec![];
        for condition in split_conjunction(predicate) {
            let equal = equal_to_outer(condition, input.schema()).and_then(|(column, outer)| {
                Some((column, self.columns.iter().position(|known| Some(known) == outer)?))
            });
            match equal {
                Some((column, place)) if own[place].is_none() => own[place] = Some(column.clone()),
                _ => rest.push(condition.clone()),
            }
        }
        let Some(own) = own.into_iter().collect::<Option<Vec<Column>>>() else { return Ok(None) };
        let (values, outer) = self.renamed(&Pushed { plan: input.clone(), outer: own });
        let columns = input.schema().columns().into_iter().map(Expr::Column).chain(values).collect();
        let plan = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(input.clone()))?);
        // NULL is equal to no outer value.
        let is_known = outer.iter().map(|column| Expr::Column(column.clone()).is_not_null());
        let rest = rest.into_iter().map(|condition| self.resolve(condition, &outer)).collect::<Result<Vec<_>>>()?;
        let plan = match conjunction(is_known.chain(rest)) {
            Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(plan))?),
            None => plan,
        };
        Ok(Some(Pushed { plan, outer }))
    }

    fn is_used_by(&self, plan: &LogicalPlan) -> bool {
        let is_ours = |reference: &Expr| matches!(reference, Expr::OuterReferenceColumn(_, column) if self.columns.contains(column));
        plan.all_out_ref_exprs().iter().any(is_ours)
    }

    /// The expression with the outer columns where they are now.
    fn resolve(&self, expression: Expr, outer: &[Column]) -> Result<Expr> {
        let resolved = expression.transform(|part| {
            let place = match &part {
                Expr::OuterReferenceColumn(_, column) => self.columns.iter().position(|known| known == column),
                _ => None,
            };
            Ok(match place {
                Some(index) => Transformed::yes(Expr::Column(outer[index].clone())),
                None => Transformed::no(part),
            })
        })?;
        Ok(resolved.data)
    }

    /// Expressions of a node, which keep their names.
    fn resolved(&self, node: &LogicalPlan, expressions: &[Expr], pushed: &Pushed) -> Result<Vec<Expr>> {
        let preserver = NamePreserver::new(node);
        let resolve = |expression: &Expr| {
            let name = preserver.save(expression);
            self.resolve(expression.clone(), &pushed.outer).map(|resolved| name.restore(resolved))
        };
        expressions.iter().map(resolve).collect()
    }

    fn resolve_keys(&self, keys: &[SortExpr], outer: &[Column]) -> Result<Vec<SortExpr>> {
        let resolve = |key: &SortExpr| Ok(SortExpr { expr: self.resolve(key.expr.clone(), outer)?, ..key.clone() });
        keys.iter().map(resolve).collect()
    }

    /// Without keys, an aggregate has a row also for outer values that no row goes with.
    fn push_aggregate(&self, plan: &LogicalPlan, aggregate: &Aggregate) -> Result<Pushed> {
        if matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
            return not_impl_err!("a subquery that uses the outer row below grouping sets");
        }
        let pushed = self.push(&aggregate.input)?;
        // A key that is an outer value is grouped by as that.
        let fixed = fixed_below(&aggregate.input);
        let outer_value = |key: &Expr| {
            let (_, outer) = fixed.iter().find(|(column, _)| key.try_as_col() == Some(column))?;
            let place = self.columns.iter().position(|known| Some(known) == *outer)?;
            pushed.outer.get(place)
        };
        let mut keys = pushed.outer_columns();
        let mut columns = pushed.outer_columns();
        let own = self.resolved(plan, &aggregate.group_expr, &pushed)?;
        for (key, (qualifier, field)) in own.into_iter().zip(aggregate.schema.iter()) {
            if let Some(value) = outer_value(&key) {
                columns.push(Expr::Column(value.clone()).alias_qualified(qualifier.cloned(), field.name()));
            } else {
                keys.push(key);
                columns.push(Expr::Column(Column::from((qualifier, field))));
            }
        }
        columns.extend(
            aggregate.schema.iter().skip(aggregate.group_expr.len()).map(|field| Expr::Column(Column::from(field))),
        );
        let aggregates = self.resolved(plan, &aggregate.aggr_expr, &pushed)?;
        let mut grouped = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(pushed.plan), keys, aggregates)?);
        if grouped.schema().fields().len() < columns.len() {
            grouped = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(grouped))?);
        }
        let grouped = Pushed { plan: grouped, outer: pushed.outer };
        if !aggregate.group_expr.is_empty() {
            return Ok(grouped);
        }
        let values = self.values()?;
        let pairs = values.outer.iter().zip(&grouped.outer);
        let conditions: Vec<Expr> = pairs.map(|(value, place)| same(values.plan.schema(), value, place)).collect();
        let joined =
            LogicalPlanBuilder::from(values.plan).join_on(grouped.plan, JoinType::Left, conditions)?.build()?;
        let mut columns: Vec<Expr> = values.outer.iter().cloned().map(Expr::Column).collect();
        for (field, expression) in aggregate.schema.iter().zip(&aggregate.aggr_expr) {
            let column = Expr::Column(Column::from(field));
            let of_nothing = match unaliased(expression) {
                Expr::AggregateFunction(function) => function.func.default_value(field.1.data_type())?,
                other => return not_impl_err!("an aggregate {other} in a subquery that uses the outer row"),
            };
            let value = match of_nothing.is_null() {
                true => column,
                false => when(column.clone().is_null(), lit(of_nothing)).otherwise(column)?,
            };
            columns.push(value.alias_qualified(field.0.cloned(), field.1.name()));
        }
        let projection = Projection::try_new(columns, Arc::new(joined))?;
        Ok(Pushed { plan: LogicalPlan::Projection(projection), outer: values.outer })
    }

    /// The first rows of each outer row's, found by their numbers.
    fn push_limit(&self, limit: &Limit) -> Result<Pushed> {
        // The order is below what is computed of the rows.
        if let LogicalPlan::Projection(Projection { expr, input, .. }) = limit.input.as_ref() {
            let below = LogicalPlan::Limit(Limit { input: Arc::clone(input), ..limit.clone() });
            let projection = Projection::try_new(expr.clone(), Arc::new(below))?;
            return self.push(&LogicalPlan::Projection(projection));
        }
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("LIMIT and OFFSET that are no constants, in a subquery that uses the outer row");
        };
        let (keys, input) = match limit.input.as_ref() {
            LogicalPlan::Sort(Sort { expr, input, .. }) => (expr.as_slice(), input),
            _ => (&[][..], &limit.input),
        };
        let Pushed { plan, outer } = self.push(input)?;
        let schema = Arc::clone(plan.schema());
        let name = self.names.next("row");
        let mut number = Expr::from(WindowFunction::new(row_number_udwf(), vec![]))
            .partition_by(outer.iter().cloned().map(Expr::Column).collect());
        if !keys.is_empty() {
            number = number.order_by(self.resolve_keys(keys, &outer)?);
        }
        let number = number.build()?.alias(&name);
        let number_column = || Expr::Column(Column::new_unqualified(&name));
        let numbered = LogicalPlanBuilder::from(plan).window(vec![number])?;
        let mut wanted = number_column().gt(lit(skip as u64));
        if let Some(fetch) = fetch {
            wanted = wanted.and(number_column().lt_eq(lit((skip + fetch) as u64)));
        }
        Ok(Pushed { plan: columns_of(&schema, numbered.filter(wanted)?.build()?)?, outer })
    }

    /// One side has the outer values; if both depend on them, both, and the same in each pair of rows.
    fn push_join(&self, join: &Join) -> Result<Pushed> {
        let is_kept_left = matches!(
            join.join_type,
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
        );
        if !is_kept_left {
            return not_impl_err!("a subquery that uses the outer row below a {} JOIN", join.join_type);
        }
        let left = self.push(&join.left)?;
        let right = match self.is_used_by(&join.right) {
            true => self.push(&join.right)?,
            false => Pushed { plan: join.right.as_ref().clone(), outer: vec![] },
        };
        let pairs = left.outer.iter().zip(&right.outer);
        let mut conditions: Vec<Expr> = pairs.map(|(one, other)| same(left.plan.schema(), one, other)).collect();
        let key = |(one, other): &(Expr, Expr)| {
            Ok(match join.null_equality {
                NullEquality::NullEqualsNothing => one.clone().eq(other.clone()),
                // INTERSECT and EXCEPT: NULL is a value like others.
                NullEquality::NullEqualsNull => null_safe_equal(one, other, &one.get_type(join.left.schema())?),
            })
        };
        let keys = join.on.iter().map(key).collect::<Result<Vec<_>>>()?;
        for condition in keys.into_iter().chain(join.filter.clone()) {
            conditions.push(self.resolve(condition, &left.outer)?);
        }
        if conditions.is_empty() {
            conditions.push(lit(true));
        }
        let joined = LogicalPlanBuilder::from(left.plan).join_on(right.plan, join.join_type, conditions)?.build()?;
        Ok(Pushed { plan: joined, outer: left.outer })
    }

    fn push_union(&self, union: &Union) -> Result<Pushed> {
        let outer: Vec<String> = self.columns.iter().map(|_| self.names.next("outer")).collect();
        let mut inputs = vec![];
        for input in &union.inputs {
            let pushed = self.push(input)?;
            let values = pushed.outer_columns().into_iter().zip(&outer).map(|(column, name)| column.alias(name));
            let columns = input.schema().columns().into_iter().map(Expr::Column);
            let projection = Projection::try_new(values.chain(columns).collect(), Arc::new(pushed.plan))?;
            inputs.push(Arc::new(LogicalPlan::Projection(projection)));
        }
        let plan = LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?);
        Ok(Pushed { plan, outer: outer.iter().map(Column::new_unqualified).collect() })
    }
}

/// Columns below a node that conditions say are equal to constants, or to these columns of outer rows.
fn fixed_below(plan: &LogicalPlan) -> Vec<(&Column, Option<&Column>)> {
    let LogicalPlan::Filter(Filter { predicate, input, .. }) = plan else { return vec![] };
    let conditions = split_conjunction(predicate).into_iter();
    let mut fixed: Vec<_> = conditions.filter_map(|condition| equal_to_outer(condition, input.schema())).collect();
    fixed.extend(fixed_below(input));
    fixed
}

/// The column that a condition says is equal to an outer column, or to a constant. What is equal is the same: there are
/// two zeros among floating-point numbers.
fn equal_to_outer<'a>(condition: &'a Expr, schema: &DFSchema) -> Option<(&'a Column, Option<&'a Column>)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return None };
    let (column, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), value) | (value, Expr::Column(column)) => (column, value),
        _ => return None,
    };
    let own_type = schema.field_from_column(column).ok()?.data_type();
    let (value_type, outer) = match value {
        Expr::OuterReferenceColumn(field, outer) => (field.data_type().clone(), Some(outer)),
        Expr::Literal(constant, _) => (constant.data_type(), None),
        _ => return None,
    };
    (*own_type == value_type && !own_type.is_floating()).then_some((column, outer))
}

/// That two columns, the first of which is of the schema, have the same value. NULL is a value like others.
fn same(schema: &DFSchema, one: &Column, other: &Column) -> Expr {
    let sides = (Expr::Column(one.clone()), Expr::Column(other.clone()));
    match schema.field_from_column(one) {
        Ok(field) if field.is_nullable() || field.data_type().is_list() => {
            null_safe_equal(&sides.0, &sides.1, field.data_type())
        }
        _ => sides.0.eq(sides.1),
    }
}

/// A window function among the rows of the same outer values.
fn within(window: Expr, pushed: &Pushed) -> Result<Expr> {
    let within = window.transform(|part| {
        Ok(match part {
            Expr::WindowFunction(mut function) => {
                function.params.partition_by.extend(pushed.outer_columns());
                Transformed::yes(Expr::WindowFunction(function))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(within.data)
}

fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// What a node is called.
fn name_of(plan: &LogicalPlan) -> String {
    plan.display().to_string().split([':', ' ']).next().unwrap_or_default().to_owned()
}
