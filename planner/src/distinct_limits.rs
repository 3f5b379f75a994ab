//! Takes from groupings the number of rows that are enough, where DataFusion 55 could not run them with it. Of a grouping
//! without aggregates it says that number while nothing is known of an order (`LimitedDistinctAggregation`); once the
//! groups turn out to be sorted, it takes the number for one of a largest or smallest group, and has no direction.
//!
//! ```text
//! before: GlobalLimitExec: fetch=2                     after: GlobalLimitExec: fetch=2
//!           AggregateExec: gby=[a, b], lim=[2]                  AggregateExec: gby=[a, b]
//!             sorted by a                                         sorted by a
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

/// The rule. It comes when orders are settled.
#[derive(Debug)]
pub(crate) struct DistinctLimits;

impl PhysicalOptimizerRule for DistinctLimits {
    fn name(&self) -> &str {
        "distinct_limits"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(match plan.downcast_ref::<AggregateExec>().filter(|aggregate| has_no_direction(aggregate)) {
                Some(aggregate) => Transformed::yes(Arc::new(aggregate.with_new_limit_options(None))),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether it is to stop at a number of groups, and cannot.
fn has_no_direction(aggregate: &AggregateExec) -> bool {
    let has_direction = aggregate.limit_options().map(|limit| limit.descending().is_some());
    has_direction == Some(false) && !aggregate.is_unordered_unfiltered_group_by_distinct()
}
