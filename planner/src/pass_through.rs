//! Operators that give the rows of their only input, and do something else besides.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// What such an operator does.
pub(crate) trait Passing: fmt::Debug + Send + Sync + 'static {
    /// The operator's name in plans.
    const NAME: &'static str;

    /// The same for another input, of which nothing has run.
    fn anew(&self) -> Self;

    /// The expressions that it evaluates.
    fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        &[]
    }

    /// What it has measured, if it measures.
    fn metrics(&self) -> Option<MetricsSet> {
        None
    }

    /// The rows of a partition of the input.
    ///
    /// # Errors
    /// Those of the input, and what the operator refuses.
    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;
}

/// The operator, with all that is known of its input's rows.
#[derive(Debug)]
pub(crate) struct PassThrough<P> {
    input: Arc<dyn ExecutionPlan>,
    passing: P,
}

impl<P: Passing> PassThrough<P> {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, passing: P) -> Self {
        Self { input, passing }
    }
}

impl<P: Passing> DisplayAs for PassThrough<P> {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(P::NAME)
    }
}

impl<P: Passing> ExecutionPlan for PassThrough<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expression in self.passing.expressions() {
            if visit(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) => Ok(Arc::new(Self::new(input, self.passing.anew()))),
            None => internal_err!("{} has one input", P::NAME),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.passing.rows(&self.input, partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.passing.metrics()
    }
}
