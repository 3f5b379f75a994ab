//! Keeps DataFusion from reading sums from the statistics of joins. A join has those of its sides, whatever it leaves out
//! or repeats of them, and a sum of one side's constants is exact there: DataFusion takes it for the sum of the rows
//! that are joined.
//!
//! ```text
//! before: AggregateExec: sum(b.one)                      after: the same
//!           HashJoinExec: a.id = b.key
//!             a
//!             ProjectionExec: 9 as key, 1 as one
//!               b
//!
//! DataFusion's: ProjectionExec: (rows of b) as sum
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::aggregate_statistics::AggregateStatistics;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

/// DataFusion's rule, for what is not above a join.
#[derive(Debug, Default)]
pub(crate) struct StatisticsOfJoins(AggregateStatistics);

impl PhysicalOptimizerRule for StatisticsOfJoins {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.exists(|node| Ok(is_join(node.as_ref())))? {
            return plan.map_children(|child| self.optimize(child, config).map(Transformed::yes)).data();
        }
        self.0.optimize(plan, config)
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn is_join(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>() || plan.is::<SortMergeJoinExec>()
}
