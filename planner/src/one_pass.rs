//! Queries of the rows of one table, of which one pass of the optimizer's rules makes what several do. Rules are applied
//! until nothing changes, because what one of them does may be of use to one before it. Where columns are compared in one
//! table, that does not happen, and a second pass would take a tenth of the time in which such a query is planned, only
//! to find nothing.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Whether a plan is a scan of a table below at most one filter and one projection, whose expressions are of columns,
/// constants and operators alone.
///
/// # Errors
/// None of its own; walking through expressions could have some.
pub(crate) fn needs_one_pass(plan: &LogicalPlan) -> Result<bool> {
    let (mut projections, mut filters, mut node) = (0, 0, plan);
    while projections <= 1 && filters <= 1 && has_plain_expressions(node)? {
        node = match node {
            LogicalPlan::Projection(projection) => {
                projections += 1;
                &projection.input
            }
            LogicalPlan::Filter(filter) => {
                filters += 1;
                &filter.input
            }
            LogicalPlan::SubqueryAlias(named) => &named.input,
            other => return Ok(matches!(other, LogicalPlan::TableScan(_))),
        };
    }
    Ok(false)
}

fn has_plain_expressions(node: &LogicalPlan) -> Result<bool> {
    let mut are_plain = true;
    node.apply_expressions(|expression| {
        are_plain &= !expression.exists(|part| Ok(!is_plain(part)))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(are_plain)
}

fn is_plain(part: &Expr) -> bool {
    matches!(
        part,
        Expr::Column(_)
            | Expr::Literal(..)
            | Expr::Alias(_)
            | Expr::BinaryExpr(_)
            | Expr::Not(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Between(_)
            | Expr::InList(_)
            | Expr::Cast(_)
    )
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{LogicalPlanBuilder, cast, col, exists, lit, table_scan, when};
    use datafusion::optimizer::{Optimizer, OptimizerContext};

    use super::*;
    use crate::session::optimizer_rules;

    fn table() -> LogicalPlanBuilder {
        let columns = [("id", DataType::Int32), ("other", DataType::Int32), ("text", DataType::Utf8View)];
        let fields = columns.map(|(name, data_type)| Field::new(name, data_type, name != "id"));
        table_scan(Some("t"), &Schema::new(fields.to_vec()), None).unwrap()
    }

    fn conditions() -> Vec<Expr> {
        let null = || lit(ScalarValue::Int32(None));
        let id = || col("t.id");
        let other = || col("t.other");
        vec![
            id().eq(lit(7)),
            lit(7).eq(id()),
            id().eq(cast(lit(7_i64), DataType::Int32)),
            id().gt(lit(3)).and(id().lt(lit(9))).and(other().is_not_null()),
            id().in_list(vec![lit(1), lit(2), lit(3), null()], false),
            other().in_list((0..40).map(lit).collect(), true),
            id().between(lit(3), lit(5)).or(other().eq(id())),
            !(id().eq(lit(1)).or(other().not_eq(lit(2)))),
            cast(id(), DataType::Int64).eq(lit(5_i64)),
            col("t.text").eq(lit("a")).and(lit(true)),
            id().is_null(),
            id().eq(null()),
            lit(1).eq(lit(2)),
            (id() + lit(1)).gt(other() * lit(2)),
            id().eq(lit(7)).and(id().eq(lit(7))).or(lit(false)),
        ]
    }

    fn passes(plan: &LogicalPlan, most: u8) -> String {
        let context = OptimizerContext::new().with_max_passes(most);
        let optimizer = Optimizer::with_rules(optimizer_rules());
        optimizer.optimize(plan.clone(), &context, |_, _| {}).unwrap().display_indent_schema().to_string()
    }

    #[test]
    fn a_second_pass_finds_nothing() {
        let lists: [&[Expr]; 4] = [
            &[col("t.id")],
            &[col("t.text"), col("t.id").alias("name")],
            &[(col("t.id") + lit(1)).alias("next"), (col("t.id") + lit(1)).gt(lit(2))],
            &[lit("x"), cast(col("t.other"), DataType::Int64)],
        ];
        for list in lists {
            for condition in conditions() {
                let plan = table().filter(condition).unwrap().project(list.to_vec()).unwrap().build().unwrap();
                assert!(needs_one_pass(&plan).unwrap(), "{plan}");
                assert_eq!(passes(&plan, 1), passes(&plan, 3), "{plan}");
            }
            let plan = table().alias("t").unwrap().project(list.to_vec()).unwrap().build().unwrap();
            assert!(needs_one_pass(&plan).unwrap(), "{plan}");
            assert_eq!(passes(&plan, 1), passes(&plan, 3), "{plan}");
        }
    }

    #[test]
    fn others_get_all_that_they_need() {
        let chosen = when(col("t.id").eq(lit(1)), lit(1)).otherwise(lit(2)).unwrap();
        let inner = table().project([col("t.id")]).unwrap().build().unwrap();
        let plans = [
            table().filter(chosen.eq(lit(1))),
            table().filter(exists(inner.into())),
            table().project([col("t.id")]).and_then(|plan| plan.project([col("t.id")])),
            table().filter(col("t.id").eq(lit(1))).and_then(|plan| plan.filter(col("t.id").eq(lit(2)))),
            table().limit(0, Some(1)),
            table().cross_join(table().alias("u").unwrap().build().unwrap()),
        ];
        for plan in plans {
            let plan = plan.unwrap().build().unwrap();
            assert!(!needs_one_pass(&plan).unwrap(), "{plan}");
        }
    }
}
