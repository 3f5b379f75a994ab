//! Replaces the subqueries of expressions by columns of a plan that is joined with them.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_err};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Subquery, lit, when};

use super::dependent::{Dependent, Pushed, gives_one_row};
use super::only_value::only_value;
use super::{Names, is_volatile};
use crate::functions::first_value;

/// Expressions without the subqueries that they had, and the plan whose columns they use instead.
pub(super) struct Replacement {
    pub(super) input: LogicalPlan,
    pub(super) expressions: Vec<Expr>,
}

impl Replacement {
    /// `None` when there is nothing to replace. An expression as a whole is `left_alone` when DataFusion can do it.
    pub(super) fn of(
        input: &LogicalPlan,
        expressions: &[Expr],
        left_alone: fn(&Expr, &DFSchema) -> bool,
        names: &Names,
    ) -> Result<Option<Self>> {
        let mut joined = Joined { plan: input.clone(), rows: input, names, known: vec![] };
        let mut changed = false;
        let mut replaced = Vec::with_capacity(expressions.len());
        for expression in expressions {
            if left_alone(expression, input.schema()) {
                replaced.push(expression.clone());
                continue;
            }
            let transformed = expression.clone().transform_down(|part| joined.replace(part))?;
            changed |= transformed.transformed;
            replaced.push(transformed.data);
        }
        Ok(changed.then_some(Self { input: joined.plan, expressions: replaced }))
    }

    /// The expressions under the names that the `original` ones had.
    pub(super) fn named_as(&self, original: &[Expr], preserver: &NamePreserver) -> Vec<Expr> {
        let pairs = original.iter().zip(&self.expressions);
        pairs.map(|(original, replaced)| preserver.save(original).restore(replaced.clone())).collect()
    }
}

/// A plan that grows by what subqueries give.
struct Joined<'a> {
    plan: LogicalPlan,
    /// Before anything was joined: every subquery is asked with the values of these rows.
    rows: &'a LogicalPlan,
    names: &'a Names,
    /// Subqueries and what stands for them. The operands of BETWEEN and CASE are in a plan several times.
    known: Vec<(Expr, Expr)>,
}

impl Joined<'_> {
    fn replace(&mut self, expression: Expr) -> Result<Transformed<Expr>> {
        let original = match &expression {
            Expr::Exists(Exists { subquery, .. })
            | Expr::InSubquery(InSubquery { subquery, .. })
            | Expr::ScalarSubquery(subquery) => {
                if let Some((_, replaced)) = self.known.iter().find(|(known, _)| *known == expression) {
                    return Ok(Transformed::new(replaced.clone(), true, TreeNodeRecursion::Jump));
                }
                let is_varied = expression.is_volatile() || is_volatile(&subquery.subquery)?;
                (!is_varied).then(|| expression.clone())
            }
            _ => None,
        };
        let replaced = match expression {
            Expr::Exists(Exists { subquery, negated }) => {
                let found = self.exists(&subquery)?;
                if negated { Expr::Not(Box::new(found)) } else { found }
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                // The operand may have subqueries of its own.
                let operand = expr.transform_down(|part| self.replace(part))?.data;
                let found = self.is_in(operand, &subquery)?;
                if negated { Expr::Not(Box::new(found)) } else { found }
            }
            Expr::ScalarSubquery(subquery) => self.scalar(&subquery)?,
            other => return Ok(Transformed::no(other)),
        };
        self.known.extend(original.map(|original| (original, replaced.clone())));
        Ok(Transformed::new(replaced, true, TreeNodeRecursion::Jump))
    }

    fn exists(&mut self, subquery: &Subquery) -> Result<Expr> {
        let dependent = Dependent::new(self.rows, &subquery.subquery, self.names)?;
        let pushed = dependent.push(&subquery.subquery)?;
        if dependent.is_correlated() {
            return self.found(&dependent, &pushed, vec![], vec![]);
        }
        let found = self.names.next("found");
        let first = LogicalPlanBuilder::from(pushed.plan).limit(0, Some(1))?;
        let rows = count_udaf().call(vec![lit(1_i64)]).alias(&found);
        self.join(first.aggregate(Vec::<Expr>::new(), vec![rows])?.build()?, vec![])?;
        Ok(column(found).gt(lit(0_i64)))
    }

    /// Whether there is a row with the same outer values that meets the conditions. These are about `columns`, which
    /// are expressions over the subquery's rows.
    fn found(
        &mut self,
        dependent: &Dependent<'_>,
        pushed: &Pushed,
        columns: Vec<Expr>,
        mut conditions: Vec<Expr>,
    ) -> Result<Expr> {
        let found = self.names.next("found");
        let (mut kept, outer) = dependent.renamed(pushed);
        kept.extend(columns);
        // The mark is a count: DataFusion takes a constant for one above an outer join, too.
        let rows = count_udaf().call(vec![lit(1_i64)]).alias(&found);
        let marked = LogicalPlanBuilder::from(pushed.plan.clone()).aggregate(kept, vec![rows])?.build()?;
        conditions.extend(dependent.same_values(&outer));
        self.join(marked, conditions)?;
        Ok(column(found).is_not_null())
    }

    /// SQL's three values: unknown where the operand is NULL, or where no row is the same and one is NULL.
    fn is_in(&mut self, operand: Expr, subquery: &Subquery) -> Result<Expr> {
        let dependent = Dependent::new(self.rows, &subquery.subquery, self.names)?;
        let pushed = dependent.push(&subquery.subquery)?;
        let value = value_of(&subquery.subquery, &pushed)?;
        // How many rows there are, and how many of them have a value.
        let (rows, values) = (self.names.next("rows"), self.names.next("values"));
        let counts =
            [count_udaf().call(vec![lit(1_i64)]).alias(&rows), count_udaf().call(vec![value.clone()]).alias(&values)];
        self.join_grouped(&dependent, &pushed, counts.into())?;
        let name = self.names.next("value");
        let same = operand.clone().eq(column(name.clone()));
        let found = self.found(&dependent, &pushed, vec![value.alias(name)], vec![same])?;
        let rows = || column(rows.clone());
        when(found, lit(true))
            .when(rows().is_null().or(rows().eq(lit(0_i64))), lit(false))
            .when(operand.is_null().or(column(values).lt(rows())), lit(ScalarValue::Boolean(None)))
            .otherwise(lit(false))
    }

    fn scalar(&mut self, subquery: &Subquery) -> Result<Expr> {
        let dependent = Dependent::new(self.rows, &subquery.subquery, self.names)?;
        let pushed = dependent.push(&subquery.subquery)?;
        let value = value_of(&subquery.subquery, &pushed)?;
        let name = self.names.next("value");
        if gives_one_row(&subquery.subquery) {
            let (mut kept, outer) = dependent.renamed(&pushed);
            kept.push(value.alias(&name));
            let plan = LogicalPlanBuilder::from(pushed.plan).project(kept)?.build()?;
            self.join(plan, dependent.same_values(&outer))?;
        } else {
            let rows = self.names.next("rows");
            let counted = [first_value(value).alias(&name), count_udaf().call(vec![lit(1_i64)]).alias(&rows)];
            self.join_grouped(&dependent, &pushed, counted.into())?;
            return Ok(only_value(column(name), column(rows)));
        }
        Ok(column(name))
    }

    /// Adds aggregates over the rows of each outer row.
    fn join_grouped(&mut self, dependent: &Dependent<'_>, pushed: &Pushed, aggregates: Vec<Expr>) -> Result<()> {
        let (keys, outer) = dependent.renamed(pushed);
        let grouped = LogicalPlanBuilder::from(pushed.plan.clone()).aggregate(keys, aggregates)?.build()?;
        match dependent.is_correlated() {
            true => self.join(grouped, dependent.same_values(&outer)),
            // It is one row, beside which conditions on its columns can be put into the join.
            false => self.join_as(JoinType::Inner, grouped, vec![]),
        }
    }

    /// Adds the columns of a plan to every row: those of the row that meets the conditions, or NULL.
    fn join(&mut self, right: LogicalPlan, conditions: Vec<Expr>) -> Result<()> {
        self.join_as(JoinType::Left, right, conditions)
    }

    fn join_as(&mut self, join_type: JoinType, right: LogicalPlan, mut conditions: Vec<Expr>) -> Result<()> {
        if conditions.is_empty() {
            conditions.push(lit(true));
        }
        let left = LogicalPlanBuilder::from(self.plan.clone());
        self.plan = left.join_on(right, join_type, conditions)?.build()?;
        Ok(())
    }
}

/// The only column of a subquery, where it was pushed to.
fn value_of(subquery: &LogicalPlan, pushed: &Pushed) -> Result<Expr> {
    match subquery.schema().columns().as_slice() {
        [_] => {}
        columns => return plan_err!("a subquery here must have one column, and this one has {}", columns.len()),
    }
    let is_value = |column: &Column| !pushed.outer.contains(column);
    match pushed.plan.schema().columns().into_iter().find(is_value) {
        Some(value) => Ok(Expr::Column(value)),
        None => plan_err!("a subquery has lost its column"),
    }
}

fn column(name: String) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
