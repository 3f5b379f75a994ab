//! Operators that give the rows of their only input, and do something else besides.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

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

    /// What it is about, for plans.
    fn subject(&self) -> Option<String> {
        None
    }

    /// Whether what is known of the order, the equals and the constants of its input's rows is told above.
    fn is_transparent(&self) -> bool {
        true
    }

    /// What it tells of how many rows there are, and of what is in them; nothing, unless it says so.
    fn statistics(&self, _input: &Arc<Statistics>) -> Option<Statistics> {
        None
    }

    /// Whether a limit above it is one for its input.
    fn passes_limits(&self) -> bool {
        false
    }

    /// Whether conditions above it are evaluated below it.
    fn passes_conditions(&self) -> bool {
        false
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

/// The rows of a partition of an input, whose errors are told in other words.
///
/// # Errors
/// That of the input, as `told` has it.
pub(crate) fn rows_with_errors(
    input: &Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    told: impl Fn(DataFusionError) -> DataFusionError + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let rows = input.execute(partition, context).map_err(&told)?;
    let rows = rows.map(move |batch| batch.map_err(&told));
    Ok(Box::pin(RecordBatchStreamAdapter::new(input.schema(), rows)))
}

/// The operator.
#[derive(Debug)]
pub(crate) struct PassThrough<P> {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    passing: P,
}

impl<P: Passing> PassThrough<P> {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, passing: P) -> Self {
        let properties = match passing.is_transparent() {
            true => Arc::clone(input.properties()),
            false => {
                let nothing = EquivalenceProperties::new(input.schema());
                Arc::new(input.properties().as_ref().clone().with_eq_properties(nothing))
            }
        };
        Self { input, properties, passing }
    }
}

impl<P: Passing> DisplayAs for PassThrough<P> {
    fn fmt_as(&self, _format: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.passing.subject() {
            Some(subject) => write!(formatter, "{}: {subject}", P::NAME),
            None => formatter.write_str(P::NAME),
        }
    }
}

impl<P: Passing> ExecutionPlan for PassThrough<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.passing.is_transparent()]
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

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let told = inputs.first().and_then(|input| self.passing.statistics(input));
        Ok(Arc::new(told.unwrap_or_else(|| Statistics::new_unknown(&self.input.schema()))))
    }

    fn supports_limit_pushdown(&self) -> bool {
        self.passing.passes_limits()
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        match self.passing.passes_conditions() {
            true => FilterDescription::from_children(parent_filters, &self.children()),
            false => Ok(FilterDescription::all_unsupported(&parent_filters, &self.children())),
        }
    }
}
