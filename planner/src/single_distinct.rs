//! Keeps DataFusion from changing the types of sums. It makes groups of what aggregates are DISTINCT in, and sums within
//! them before it sums these; a sum of decimals has more digits than they, and that of sums more again than what is
//! above it knows.
//!
//! ```text
//! Aggregate: sum(DISTINCT x), sum(x)    stays where x is a decimal, and is not
//!                                       Aggregate: sum(alias1), sum(alias2)
//!                                         Aggregate: groupBy=[x AS alias1], aggr=[sum(x) AS alias2]
//! ```

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// DataFusion's rule, for what has the same types afterwards.
#[derive(Debug, Default)]
pub(crate) struct SingleDistinct(SingleDistinctToGroupBy);

impl OptimizerRule for SingleDistinct {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::no(plan));
        }
        let rewritten = self.0.rewrite(plan.clone(), config)?;
        let types = |plan: &LogicalPlan| plan.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        let (before, after): (Vec<_>, Vec<_>) = (types(&plan), types(&rewritten.data));
        Ok(if before == after { rewritten } else { Transformed::no(plan) })
    }
}
