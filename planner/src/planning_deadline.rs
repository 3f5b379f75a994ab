//! Ends planning that takes too long or too much, or for which nobody waits any more. It does not give way, so nobody else can end
//! it: this rule stands between all the others and looks at the clock.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::error::Error;
use crate::interrupt;

/// Planning of what people write takes some milliseconds.
const LONGEST: Duration = Duration::from_secs(10);

/// The rule.
#[derive(Debug)]
struct PlanningDeadline;

/// The rules, with the deadline before each of them.
pub(crate) fn with_deadline(
    rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let deadline: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(PlanningDeadline);
    rules.into_iter().flat_map(|rule| [Arc::clone(&deadline), rule]).collect()
}

impl OptimizerRule for PlanningDeadline {
    fn name(&self) -> &str {
        "planning_deadline"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        interrupt::check_planning()?;
        let started = config.query_execution_start_time();
        let elapsed = started.and_then(|started| (chrono::Utc::now() - started).to_std().ok());
        if elapsed.is_some_and(|elapsed| elapsed > LONGEST) {
            let seconds = LONGEST.as_secs();
            return Err(
                Error::TooLarge(format!("the statement takes more than {seconds} s to plan; make it simpler")).into()
            );
        }
        Ok(Transformed::no(plan))
    }
}
