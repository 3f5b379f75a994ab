//! Makes plans stop when they are told to. DataFusion's operators give way between batches, but a join can
//! turn one input batch into thousands of batches, or compare it with a whole table, before it gives way
//! once; such a query would hold its thread past its deadline and before all others.
//!
//! ```text
//! before: FilterExec: a.x + b.x = 7          after: FilterExec: a.x + b.x = 7
//!           CrossJoinExec                             CooperativeExec
//!                                                       CrossJoinExec
//!
//! before: NestedLoopJoinExec: filter=a.x + b.x = 7
//! after:  CooperativeExec
//!           NestedLoopJoinExec: filter=unless_stopped(a.x + b.x = 7)
//!             RunOnce                          (on the left; see run_once.rs)
//! ```

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, PartitionMode, SortMergeJoinExec,
};

use crate::every_partition::EveryPartition;
use crate::pass_through::PassThrough;
use crate::run_once::RunOnce;
use crate::turn;

/// Whether a query shall go on; shared by the query and by whoever waits for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The same plan, whose joins look at the flag.
pub(crate) fn interruptible(plan: Arc<dyn ExecutionPlan>, stop: &StopFlag) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|plan| {
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            let join: Arc<dyn ExecutionPlan> = Arc::new(with_guarded_filter(join, stop)?);
            return Ok(Transformed::yes(cooperative(join)));
        }
        if plan.downcast_ref::<HashJoinExec>().is_some_and(|join| *join.partition_mode() == PartitionMode::CollectLeft)
        {
            return Ok(Transformed::yes(cooperative(Arc::new(PassThrough::new(
                plan,
                EveryPartition::new(stop.clone()),
            )))));
        }
        let multiplies = plan.is::<CrossJoinExec>() || plan.is::<HashJoinExec>() || plan.is::<SortMergeJoinExec>();
        Ok(if multiplies { Transformed::yes(cooperative(plan)) } else { Transformed::no(plan) })
    })
    .data()
}

fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(CooperativeExec::new(plan))
}

fn with_guarded_filter(join: &NestedLoopJoinExec, stop: &StopFlag) -> Result<NestedLoopJoinExec> {
    let guarded = join.filter().map(|filter| {
        let guard = UnlessStopped { inner: Arc::clone(filter.expression()), stop: stop.clone() };
        JoinFilter::new(Arc::new(guard), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    });
    let left = Arc::new(PassThrough::new(Arc::clone(join.left()), RunOnce::default()));
    NestedLoopJoinExecBuilder::new(left, Arc::clone(join.right()), *join.join_type())
        .with_projection_ref(join.projection().clone())
        .with_filter(guarded)
        .build()
}

/// An expression that fails once its query has been stopped.
#[derive(Debug)]
struct UnlessStopped {
    inner: Arc<dyn PhysicalExpr>,
    stop: StopFlag,
}

impl PhysicalExpr for UnlessStopped {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        turn::give_way();
        if self.stop.is_set() {
            return exec_err!("the query was stopped");
        }
        self.inner.evaluate(batch)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self { inner, stop: self.stop.clone() }))
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(formatter)
    }
}

impl fmt::Display for UnlessStopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "unless_stopped({})", self.inner)
    }
}

impl PartialEq for UnlessStopped {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && Arc::ptr_eq(&self.stop.0, &other.stop.0)
    }
}

impl Eq for UnlessStopped {}

impl Hash for UnlessStopped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}
