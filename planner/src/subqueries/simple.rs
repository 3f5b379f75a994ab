//! What DataFusion's own rules make good joins of: a subquery whose conditions alone use the outer row.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, Projection, Subquery,
};

/// A condition of a WHERE: EXISTS, IN, or a comparison with a scalar subquery.
pub(super) fn in_filter(condition: &Expr, outer: &DFSchema) -> bool {
    match condition {
        Expr::Not(inner) => match inner.as_ref() {
            Expr::Exists(_) => in_filter(inner, outer),
            Expr::InSubquery(found) => is_simple_in(found, !found.negated, outer),
            _ => in_projection(condition, outer),
        },
        Expr::Exists(Exists { subquery, .. }) => is_simple(&subquery.subquery, outer, is_of_both),
        Expr::InSubquery(found) => is_simple_in(found, found.negated, outer),
        _ => in_projection(condition, outer),
    }
}

/// DataFusion's anti joins do not know that NULL is not in no rows at all, and that it may be in others; and they ask
/// only the rows that are equal to a constant.
fn is_simple_in(InSubquery { expr, subquery, .. }: &InSubquery, negated: bool, outer: &DFSchema) -> bool {
    let plan = &subquery.subquery;
    let is_constant = || expr.column_refs().is_empty();
    let has_null = || is_constant() || expr.nullable(outer).unwrap_or(true) || !plan.all_out_ref_exprs().is_empty();
    plan.schema().fields().len() == 1
        && is_simple(plan, outer, is_of_both)
        && !has_subquery(expr)
        && !(negated && has_null())
}

/// An expression with scalar subqueries.
pub(super) fn in_projection(expression: &Expr, outer: &DFSchema) -> bool {
    let mut all_simple = true;
    let _ = expression.apply(|part| {
        match part {
            Expr::ScalarSubquery(subquery) => all_simple &= is_simple_aggregate(subquery, outer),
            Expr::Exists(_) | Expr::InSubquery(_) => all_simple = false,
            _ => {}
        }
        Ok(if all_simple { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    all_simple
}

/// DataFusion has no place for other subqueries.
pub(super) fn nowhere(expression: &Expr, _outer: &DFSchema) -> bool {
    !has_subquery(expression)
}

pub(crate) fn has_subquery(expression: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)))
    };
    expression.exists(is_subquery).unwrap_or(true)
}

/// One aggregate over a simple plan, with nothing above it but columns and what may be NULL: a row for every outer row.
fn is_simple_aggregate(subquery: &Subquery, outer: &DFSchema) -> bool {
    match subquery.subquery.as_ref() {
        LogicalPlan::Projection(projection) => match projection.input.as_ref() {
            LogicalPlan::Aggregate(Aggregate { input, group_expr, schema, .. }) => {
                // One that need not look at the aggregate could be computed without it.
                let is_case = |part: &Expr| Ok(matches!(part, Expr::Case(_)));
                let is_allowed = |value: &Expr| match value {
                    Expr::Alias(alias) if matches!(*alias.expr, Expr::Column(_)) => true,
                    Expr::Column(_) => true,
                    other => {
                        !other.contains_outer()
                            && other.nullable(schema).unwrap_or(false)
                            && !other.exists(is_case).unwrap_or(true)
                    }
                };
                group_expr.is_empty()
                    && !has_outer(&projection.input)
                    && projection.expr.iter().all(is_allowed)
                    && is_simple(input, outer, is_equality)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether the outer row is only used in conditions of this kind.
fn is_simple(plan: &LogicalPlan, outer: &DFSchema, is_allowed: fn(&Expr, &DFSchema, &DFSchema) -> bool) -> bool {
    if plan.all_out_ref_exprs().is_empty() {
        // It is the same for every outer row.
        return true;
    }
    let uses_outer = match plan {
        LogicalPlan::Filter(filter) => {
            let mut conditions = split_conjunction(&filter.predicate).into_iter();
            // Subqueries that are left in conditions see only this plan's rows.
            let inner = filter.input.schema();
            !conditions.all(|condition| !condition.contains_outer() || is_allowed(condition, outer, inner))
        }
        // DataFusion adds the columns of conditions to a projection.
        LogicalPlan::Projection(projection) => has_outer(plan) || hides_column(projection),
        LogicalPlan::Join(join) => join.join_type != JoinType::Inner || has_outer(plan),
        _ => true,
    };
    !uses_outer && plan.inputs().into_iter().all(|input| is_simple(input, outer, is_allowed))
}

fn has_outer(plan: &LogicalPlan) -> bool {
    plan.expressions().iter().any(Expr::contains_outer)
}

/// Whether what is computed has the name of a table's column, beside which it would be ambiguous.
fn hides_column(projection: &Projection) -> bool {
    let is_of_table =
        |name: &str| projection.input.schema().iter().any(|(table, column)| table.is_some() && column.name() == name);
    projection.schema.iter().any(|(table, field)| table.is_none() && is_of_table(field.name()))
}

/// A condition on the outer row and the subquery's, and on no row further out.
fn is_of_both(condition: &Expr, outer: &DFSchema, _inner: &DFSchema) -> bool {
    let is_further_out =
        |part: &Expr| Ok(matches!(part, Expr::OuterReferenceColumn(_, column) if !outer.has_column(column)));
    !has_subquery(condition) && !condition.exists(is_further_out).unwrap_or(true)
}

/// A condition `column = outer column`, where the one of the subquery may be cast. One where DataFusion would cast is none.
fn is_equality(condition: &Expr, outer: &DFSchema, inner: &DFSchema) -> bool {
    let is_column = |side: &Expr| match side {
        Expr::Column(_) => true,
        Expr::Cast(cast) => matches!(*cast.expr, Expr::Column(_)),
        _ => false,
    };
    let are_sides = |of_outer: &Expr, of_inner: &Expr| {
        matches!(of_outer, Expr::OuterReferenceColumn(field, column) if outer.has_column(column)
            && of_inner.get_type(inner).is_ok_and(|data_type| data_type == *field.data_type()))
            && is_column(of_inner)
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            are_sides(left, right) || are_sides(right, left)
        }
        _ => false,
    }
}
