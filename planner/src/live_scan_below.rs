//! Looks from a node of a plan down to the one live table that it is about, through nodes that keep every row:
//! projections and aliases. A filter among them is one that PostgreSQL could not be asked to decide.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan};
use rail_forge_connectors::LiveTable;

/// A live table's scan, which reads all rows that its filters leave.
pub(crate) struct LiveScanBelow<'a> {
    pub(crate) scan: &'a TableScan,
    provider: Arc<dyn TableProvider>,
}

impl<'a> LiveScanBelow<'a> {
    /// The scan that gives the rows of `plan`.
    pub(crate) fn find(plan: &'a LogicalPlan) -> Option<Self> {
        match plan {
            LogicalPlan::Projection(projection) => Self::find(&projection.input),
            LogicalPlan::SubqueryAlias(alias) => Self::find(&alias.input),
            LogicalPlan::TableScan(scan) if scan.fetch.is_none() => {
                let provider = source_as_provider(&scan.source).ok()?;
                provider.is::<LiveTable>().then_some(Self { scan, provider })
            }
            _ => None,
        }
    }

    pub(crate) fn table(&self) -> Option<&LiveTable> {
        self.provider.downcast_ref()
    }
}

/// The expression over the rows of `plan`, in the columns of the table below it.
pub(crate) fn in_table_columns(expression: &Expr, plan: &LogicalPlan) -> Result<Option<Expr>> {
    let mut all_known = true;
    let replaced = expression.clone().transform_up(|expression| {
        let Expr::Column(column) = &expression else { return Ok(Transformed::no(expression)) };
        let below = match plan.schema().maybe_index_of_column(column) {
            Some(index) => of_column(plan, index)?,
            None => None,
        };
        all_known &= below.is_some();
        Ok(below.map_or_else(|| Transformed::no(expression), Transformed::yes))
    })?;
    Ok(all_known.then_some(replaced.data))
}

fn of_column(plan: &LogicalPlan, index: usize) -> Result<Option<Expr>> {
    Ok(match plan {
        LogicalPlan::TableScan(scan) => {
            let field = scan.projected_schema.fields().get(index);
            field.map(|field| Expr::Column(Column::new_unqualified(field.name())))
        }
        LogicalPlan::SubqueryAlias(alias) => of_column(&alias.input, index)?,
        LogicalPlan::Projection(projection) => match projection.expr.get(index) {
            Some(expression) => in_table_columns(unaliased(expression), &projection.input)?,
            None => None,
        },
        _ => None,
    })
}

fn unaliased(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
