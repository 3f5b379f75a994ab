//! Plans that scan one table, filter its rows and compute columns of each. Most rules of the physical optimizer are about
//! what such a plan does not have: joins, groupings, orders and limits, and inputs that fewer threads read than could. To
//! find nothing, each walks through the plan and asks for its orders and statistics; by a profile, that was a seventh of
//! the time in which a point query is planned. Only where the rows are those of one batch do they find something to do: how
//! many a filter leaves is not known exactly, and DataFusion takes that for many.
//!
//! ```text
//! before: FilterExec: id = 7                   after: FilterExec: id = 7
//!           RepartitionExec: RoundRobin                 DataSourceExec: 1 group
//!             DataSourceExec: 1 group
//! ```

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::datasource::memory::DataSourceExec;
use datafusion::physical_optimizer::optimizer::ConfigOnlyContext;
use datafusion::physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The rules that change such plans, too: they bring conditions and columns to the scan, keep conditions from being
/// brought there, and let others have their turn. Of the conditions that operators make while they run, which
/// `FilterPushdown(Post)` brings to scans, there are none.
const CONCERNED: [&str; 4] = ["constants_barriers", "FilterPushdown", "ProjectionPushdown", "EnsureCooperative"];

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules, of which all but those concerned leave plans of one scan alone.
pub(crate) fn with_few_of_one_scan(rules: Vec<Rule>) -> Vec<Rule> {
    let wrapped = |rule: Rule| if CONCERNED.contains(&rule.name()) { rule } else { Arc::new(OfMore(rule)) as Rule };
    rules.into_iter().map(wrapped).collect()
}

/// A rule, for plans of more than one scan.
#[derive(Debug)]
struct OfMore(Rule);

impl PhysicalOptimizerRule for OfMore {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        self.optimize_with_context(plan, &ConfigOnlyContext::new(config))
    }

    fn optimize_with_context(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &dyn PhysicalOptimizerContext,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_done = is_one_scan(plan.as_ref(), context.config_options())?;
        if is_done { Ok(plan) } else { self.0.optimize_with_context(plan, context) }
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether rows come from one scan, which as many threads read as there are or as are worth it.
fn is_one_scan(plan: &dyn ExecutionPlan, config: &ConfigOptions) -> Result<bool> {
    let mut node = plan;
    while node.is::<ProjectionExec>() || node.is::<FilterExec>() || node.is::<CooperativeExec>() {
        let [input] = node.children()[..] else { return Ok(false) };
        node = input.as_ref();
    }
    if !node.is::<DataSourceExec>() {
        return Ok(false);
    }
    if node.output_partitioning().partition_count() >= config.execution.target_partitions {
        return Ok(true);
    }
    // Of one batch, a second thread has nothing.
    let known = StatisticsContext::new().compute(node, &StatisticsArgs::new())?;
    Ok(known.num_rows.get_value().is_some_and(|&rows| rows <= config.execution.batch_size.get()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use arrow::compute::SortOptions;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{binary, col, lit};
    use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
    use datafusion::physical_plan::displayable;
    use datafusion::physical_plan::limit::GlobalLimitExec;
    use datafusion::physical_plan::sorts::sort::SortExec;
    use datafusion::physical_plan::union::UnionExec;

    use super::*;
    use crate::session::physical_rules;

    const THREADS: usize = 2;

    fn config() -> ConfigOptions {
        let mut config = ConfigOptions::new();
        config.execution.target_partitions = THREADS;
        config
    }

    fn scan(partitions: usize, rows: i32) -> Arc<dyn ExecutionPlan> {
        let values = || Arc::new((0..rows).collect::<Int32Array>()) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("a", values()), ("b", values())]).unwrap();
        let batches = vec![vec![batch.clone()]; partitions];
        MemorySourceConfig::try_new_exec(&batches, batch.schema(), None).unwrap()
    }

    fn compared(input: &Arc<dyn ExecutionPlan>, column: &str, operator: Operator, value: i32) -> Arc<dyn PhysicalExpr> {
        let schema = input.schema();
        binary(col(column, &schema).unwrap(), operator, lit(value), &schema).unwrap()
    }

    fn filter(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let condition = compared(&input, "a", Operator::Eq, 7);
        Arc::new(FilterExec::try_new(condition, input).unwrap())
    }

    fn projection(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let sum = compared(&input, "b", Operator::Plus, 1);
        let columns = [(sum, "sum".to_owned()), (col("a", &input.schema()).unwrap(), "a".to_owned())];
        Arc::new(ProjectionExec::try_new(columns, input).unwrap())
    }

    fn optimized(plan: &Arc<dyn ExecutionPlan>, rules: Vec<Rule>) -> String {
        let config = config();
        let context = ConfigOnlyContext::new(&config);
        let apply = |plan, rule: Rule| rule.optimize_with_context(plan, &context).unwrap();
        let plan = rules.into_iter().fold(Arc::clone(plan), apply);
        displayable(plan.as_ref()).indent(true).to_string()
    }

    #[test]
    fn the_others_would_change_nothing() {
        let plans = [(THREADS, 10), (THREADS, 100_000), (2 * THREADS, 10), (1, 10)].map(|(partitions, rows)| {
            let scan = || scan(partitions, rows);
            [scan(), filter(scan()), projection(scan()), filter(projection(scan()))]
        });
        let wide = projection(filter(scan(THREADS, 100_000)));
        for plan in plans.iter().flatten().chain([&wide]) {
            assert!(is_one_scan(plan.as_ref(), &config()).unwrap());
            assert_eq!(optimized(plan, with_few_of_one_scan(physical_rules())), optimized(plan, physical_rules()));
        }
    }

    #[test]
    fn the_rules_concerned_are_known() {
        let rules = physical_rules();
        for name in CONCERNED {
            assert!(rules.iter().any(|rule| rule.name() == name), "{name}");
        }
    }

    #[test]
    fn other_plans_get_all_rules() {
        let many = || scan(1, 100_000);
        let order =
            LexOrdering::from([PhysicalSortExpr::new(col("a", &many().schema()).unwrap(), SortOptions::default())]);
        let plans: [Arc<dyn ExecutionPlan>; 4] = [
            filter(many()),
            Arc::new(SortExec::new(order, many())),
            Arc::new(GlobalLimitExec::new(filter(scan(THREADS, 10)), 0, Some(1))),
            UnionExec::try_new(vec![many(), many()]).unwrap(),
        ];
        for plan in plans {
            assert!(!is_one_scan(plan.as_ref(), &config()).unwrap());
            assert_eq!(optimized(&plan, with_few_of_one_scan(physical_rules())), optimized(&plan, physical_rules()));
        }
    }
}
