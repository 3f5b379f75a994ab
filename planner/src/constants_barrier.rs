//! Keeps DataFusion from taking columns for constant that are not, and leaving them out of an order or a grouping:
//! where a join adds NULLs for rows that it has not found, where a grouping set has NULLs for keys that it does not
//! group by, and where the parts of a union have constants of their own. Keeps it from putting what a condition says to
//! be equal in each other's place where one is a part of the other, as in `x - y = y`: its rules do not agree then on
//! what rows are sorted by. And keeps it from moving conditions below a projection with two columns of one name, of
//! which it takes the wrong one, or with an inlining barrier.
//!
//! ```text
//! before: SortExec: [b.kind, a.id]             after: SortExec: [b.kind, a.id]
//!           HashJoinExec: Left                          ConstantsBarrier
//!             a                                           HashJoinExec: Left
//!             FilterExec: b.kind = 1                        a
//!                                                           FilterExec: b.kind = 1
//! ```

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::equivalence::EquivalenceClass;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};

use crate::inlining_barrier::has_barrier;

/// The rule. It comes when the sides of joins are settled, and before orders are relied on.
#[derive(Debug)]
pub(crate) struct ConstantsBarriers;

impl PhysicalOptimizerRule for ConstantsBarriers {
    fn name(&self) -> &str {
        "constants_barriers"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let passes_conditions = !has_two_of_one_name(plan.as_ref()) && !holds_back(plan.as_ref())?;
            let varies = makes_constants_vary(plan.as_ref()) || has_parts_with_constants(plan.as_ref());
            if varies || !passes_conditions || has_parts_of_equals(plan.as_ref()) {
                return Ok(Transformed::yes(Arc::new(ConstantsBarrier::new(plan, passes_conditions))));
            }
            Ok(Transformed::no(plan))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn has_constants(plan: &dyn ExecutionPlan) -> bool {
    !plan.equivalence_properties().constants().is_empty()
}

/// Whether some rows of a union have columns that are constant among them.
fn has_parts_with_constants(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<UnionExec>() && plan.children().into_iter().any(|part| has_constants(part.as_ref()))
}

fn makes_constants_vary(plan: &dyn ExecutionPlan) -> bool {
    if !has_constants(plan) {
        return false;
    }
    let join_type = plan
        .downcast_ref::<HashJoinExec>()
        .map(|join| *join.join_type())
        .or_else(|| plan.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()))
        .or_else(|| plan.downcast_ref::<SortMergeJoinExec>().map(SortMergeJoinExec::join_type));
    match join_type {
        Some(join_type) => matches!(join_type, JoinType::Left | JoinType::Right | JoinType::Full),
        None => match plan.downcast_ref::<AggregateExec>() {
            Some(aggregate) => aggregate.group_expr().has_grouping_set(),
            None => false,
        },
    }
}

/// Whether what stands for its equals has parts that others stand for.
fn has_parts_of_equals(plan: &dyn ExecutionPlan) -> bool {
    let equals = plan.equivalence_properties().eq_group();
    let canonical = equals.iter().filter_map(EquivalenceClass::canonical_expr);
    canonical.into_iter().any(|one| equals.normalize_expr(Arc::clone(one)).as_ref() != one.as_ref())
}

fn has_two_of_one_name(plan: &dyn ExecutionPlan) -> bool {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return false };
    let schema = projection.schema();
    let mut names = HashSet::with_capacity(schema.fields().len());
    schema.fields().iter().any(|field| !names.insert(field.name()))
}

fn holds_back(plan: &dyn ExecutionPlan) -> Result<bool> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(false) };
    for column in projection.expr() {
        if has_barrier(&column.expr)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The operator. It gives the rows of its input, of which nothing is believed: whoever wants them in an order sorts
/// them.
#[derive(Debug)]
struct ConstantsBarrier {
    input: Arc<dyn ExecutionPlan>,
    passes_conditions: bool,
    properties: Arc<PlanProperties>,
}

impl ConstantsBarrier {
    fn new(input: Arc<dyn ExecutionPlan>, passes_conditions: bool) -> Self {
        let nothing = EquivalenceProperties::new(input.schema());
        let properties = input.properties().as_ref().clone().with_eq_properties(nothing);
        Self { input, passes_conditions, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ConstantsBarrier {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConstantsBarrier")
    }
}

impl ExecutionPlan for ConstantsBarrier {
    fn name(&self) -> &str {
        "ConstantsBarrier"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Arc::new(Self::new(input, self.passes_conditions))),
            None => internal_err!("a barrier has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("a barrier has one input"),
        }
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        match self.passes_conditions {
            true => FilterDescription::from_children(parent_filters, &self.children()),
            false => Ok(FilterDescription::all_unsupported(&parent_filters, &self.children())),
        }
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(child_pushdown_result))
    }
}
