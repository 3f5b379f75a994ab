//! EXPLAIN: how a query is answered. Its first lines say by which engine and on what: the version of the snapshot, and
//! for each table its own version, its moment and its files. Then comes the plan, whose scans say which files were left
//! out, and which SQL PostgreSQL is sent for live tables. EXPLAIN ANALYZE runs the query and adds what each step has
//! measured.

mod options;

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use rail_forge_connectors::{Manifest, POSTGRES_TYPE};
use serde_json::{Map, Value, json};

pub(crate) use self::options::{ExplainOptions, take_explain};
use crate::error::{Error, Result};
use crate::query::{TableTruth, Truth};

/// The only column, as PostgreSQL calls it.
const COLUMN: &str = "QUERY PLAN";

/// The columns of an explanation.
pub(crate) fn schema(options: ExplainOptions) -> SchemaRef {
    let field = Field::new(COLUMN, DataType::Utf8, false);
    let field = match options.json {
        true => field.with_metadata([(POSTGRES_TYPE.to_owned(), "json".to_owned())].into()),
        false => field,
    };
    Arc::new(Schema::new(vec![field]))
}

/// How a query was run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) rows: usize,
    pub(crate) elapsed: Duration,
}

/// What there is to say of a query.
pub(crate) struct Explanation<'a> {
    pub(crate) options: ExplainOptions,
    pub(crate) truth: &'a Truth,
    pub(crate) manifest: &'a Manifest,
    pub(crate) plan: &'a Arc<dyn ExecutionPlan>,
    /// How long it has taken to make the plan, from the text on.
    pub(crate) planning: Duration,
    /// None where it was not run.
    pub(crate) measured: Option<Measured>,
}

impl Explanation<'_> {
    /// The result of the statement.
    pub(crate) fn batch(&self) -> Result<RecordBatch> {
        let lines = if self.options.json { vec![self.json()?] } else { self.lines() };
        let column: ArrayRef = Arc::new(StringArray::from(lines));
        RecordBatch::try_new(schema(self.options), vec![column]).map_err(|error| Error::Internal(error.into()))
    }

    fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("Engine: {}", self.truth.engine.name()), format!("Snapshot: version {}", self.truth.version)];
        lines.extend(self.truth.tables.iter().map(|table| self.table_line(table)));
        let displayable = match self.measured {
            Some(_) => DisplayableExecutionPlan::with_metrics(self.plan.as_ref()),
            None => DisplayableExecutionPlan::new(self.plan.as_ref()),
        };
        lines.extend(displayable.indent(self.options.verbose).to_string().lines().map(str::to_owned));
        lines.extend(self.measured.map(|measured| format!("Rows: {}", measured.rows)));
        lines.extend(self.times().map(|(name, time)| format!("{name}: {time:.3} ms")));
        lines
    }

    /// In milliseconds, by PostgreSQL's names.
    fn times(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let running = self.measured.map(|measured| ("Execution Time", measured.elapsed));
        let told = self.options.tells_times();
        let times = [("Planning Time", self.planning)].into_iter().chain(running).filter(move |_| told);
        times.map(|(name, time)| (name, time.as_secs_f64() * 1e3))
    }

    fn table_line(&self, table: &TableTruth) -> String {
        let TableTruth { name, as_of, live } = table;
        match self.manifest.table(name).filter(|_| !live) {
            Some(known) => format!(
                "Table {name}: version {}, as of {} at {}, {} files, {} rows",
                known.version,
                as_of.time.to_rfc3339(),
                as_of.lsn,
                known.files.len(),
                known.rows(),
            ),
            None => format!("Table {name}: live, read from PostgreSQL"),
        }
    }

    fn json(&self) -> Result<String> {
        let mut explained = json!({
            "Engine": self.truth.engine.name(),
            "Snapshot": self.truth.version,
            "Tables": self.truth.tables.iter().map(|table| self.table_json(table)).collect::<Vec<_>>(),
            "Plan": self.node_json(self.plan),
        });
        if let Some(measured) = self.measured {
            explained["Rows"] = measured.rows.into();
        }
        for (name, time) in self.times() {
            explained[name] = time.into();
        }
        serde_json::to_string_pretty(&json!([explained])).map_err(|error| Error::Internal(error.into()))
    }

    fn table_json(&self, table: &TableTruth) -> Value {
        let TableTruth { name, as_of, live } = table;
        let mut told = json!({ "Name": name.to_string(), "Live": live });
        if let Some(known) = self.manifest.table(name).filter(|_| !live) {
            told["Version"] = known.version.into();
            told["As Of"] = as_of.time.to_rfc3339().into();
            told["LSN"] = as_of.lsn.to_string().into();
            told["Files"] = known.files.len().into();
            told["Rows"] = known.rows().into();
        }
        told
    }

    fn node_json(&self, node: &Arc<dyn ExecutionPlan>) -> Value {
        let mut told = json!({ "Node Type": node.name(), "Details": one_line(node.as_ref()) });
        if let Some(metrics) = node.metrics().filter(|_| self.measured.is_some()) {
            let metrics = metrics.aggregate_by_name();
            let values =
                metrics.iter().map(|metric| (metric.value().name().to_owned(), metric.value().as_usize().into()));
            told["Metrics"] = Value::Object(values.collect::<Map<_, _>>());
        }
        let inputs: Vec<Value> = node.children().into_iter().map(|input| self.node_json(input)).collect();
        if !inputs.is_empty() {
            told["Plans"] = inputs.into();
        }
        told
    }
}

/// A step as it is shown in text.
fn one_line(node: &dyn ExecutionPlan) -> String {
    struct Shown<'a>(&'a dyn ExecutionPlan);
    impl std::fmt::Display for Shown<'_> {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            DisplayAs::fmt_as(self.0, DisplayFormatType::Default, formatter)
        }
    }
    Shown(node).to_string()
}
