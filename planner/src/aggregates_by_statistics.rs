//! Keeps DataFusion from reading aggregates from the wrong statistics. A join has those of its sides, whatever it leaves
//! out or repeats of them, and a sum of one side's constants is exact there: DataFusion takes it for the sum of the rows
//! that are joined. And below an aggregate with FILTER it looks for one without, which is another query's.
//!
//! ```text
//! AggregateExec: sum(b.one)                    stays, and is not
//!   HashJoinExec: a.id = b.key                 ProjectionExec: (rows of b) as sum(b.one)
//!     a
//!     ProjectionExec: 9 as key, 1 as one
//!       b
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

/// DataFusion's rule, for what has neither below.
#[derive(Debug, Default)]
pub(crate) struct AggregatesByStatistics(AggregateStatistics);

impl PhysicalOptimizerRule for AggregatesByStatistics {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.exists(|node| Ok(misleads(node.as_ref())))? {
            return plan.map_children(|child| self.optimize(child, config).map(Transformed::yes)).data();
        }
        self.0.optimize(plan, config)
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn misleads(plan: &dyn ExecutionPlan) -> bool {
    let filters = |aggregate: &AggregateExec| aggregate.filter_expr().iter().any(Option::is_some);
    plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.downcast_ref::<AggregateExec>().is_some_and(filters)
}
