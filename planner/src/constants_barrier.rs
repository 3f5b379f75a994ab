//! Keeps DataFusion from taking columns for constant that are not, and leaving them out of an order or a grouping:
//! where a join adds NULLs for rows that it has not found, where a grouping set has NULLs for keys that it does not
//! group by, and where the parts of a union have constants of their own. Keeps it from sorting the right side of a join by
//! constants of which the join knows nothing: it sorts nothing there, and misses the order above. Keeps it from putting
//! what a condition says to be equal in each other's place where one is a part of the other, as in `x - y = y`: its
//! rules do not agree then on what rows are sorted by. And keeps it from moving conditions below a projection with two
//! columns of one name, of which it takes the wrong one, or with an inlining barrier.
//!
//! ```text
//! before: SortExec: [b.kind, a.id]             after: SortExec: [b.kind, a.id]
//!           HashJoinExec: Left                          ConstantsBarrier
//!             a                                           HashJoinExec: Left
//!             FilterExec: b.kind = 1                        a
//!                                                           FilterExec: b.kind = 1
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::equivalence::EquivalenceClass;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::inlining_barrier::has_barrier;
use crate::pass_through::{PassThrough, Passing};

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
            let misleads = has_parts_of_equals(plan.as_ref()) || forgets_constants(plan.as_ref());
            if varies || !passes_conditions || misleads {
                return Ok(Transformed::yes(Arc::new(PassThrough::new(plan, ConstantsBarrier { passes_conditions }))));
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

/// Whether a join keeps the order of its right side, and not all of that side's constants: DataFusion 55 takes those over
/// that it knows to be equal to a literal.
fn forgets_constants(plan: &dyn ExecutionPlan) -> bool {
    let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return false };
    if !matches!(join.join_type(), JoinType::Inner | JoinType::Right) {
        return false;
    }
    let right = join.right().equivalence_properties();
    right.eq_group().iter().any(|class| {
        let is_constant = class.canonical_expr().is_some_and(|one| right.is_expr_constant(one).is_some());
        is_constant && !class.iter().any(|one| one.is::<Literal>())
    })
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
    passes_conditions: bool,
}

impl Passing for ConstantsBarrier {
    const NAME: &'static str = "ConstantsBarrier";

    fn anew(&self) -> Self {
        Self { passes_conditions: self.passes_conditions }
    }

    fn is_transparent(&self) -> bool {
        false
    }

    fn statistics(&self, input: &Arc<Statistics>) -> Option<Statistics> {
        Some(input.as_ref().clone())
    }

    fn passes_limits(&self) -> bool {
        true
    }

    fn passes_conditions(&self) -> bool {
        self.passes_conditions
    }

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        input.execute(partition, context)
    }
}
