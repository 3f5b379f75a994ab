//! Reads a table's rows from PostgreSQL into Arrow batches: ConnectorX's binary parser, driven cell by
//! cell on threads of ours, its cells going into our builders and its batches into a bounded channel.
//! ConnectorX's own Arrow iterator is not used: its queue has no bound, it cannot be cancelled and it
//! panics on errors (see `docs/decisions/0001-connectorx-as-a-source.md`).

mod builder;
mod exported_snapshot;
mod numeric;
mod partition;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use connectorx::sources::postgres::{BinaryProtocol, PostgresSourceError, PostgresSourcePartition, PostgresTypeSystem};
use connectorx::sources::{PartitionParser, SourcePartition};
use connectorx::sql::CXQuery;
use postgres::types::Type;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::builder::{CellError, ColumnBuilder, Parser};
pub(crate) use self::exported_snapshot::ExportedSnapshot;
pub(crate) use self::partition::PageRange;
use crate::TableName;
use crate::catalogue::TableDescription;
use crate::column_type::{self, ColumnPlan};
use crate::connection::PooledClient;
use crate::error::{Error, Result};
use crate::source::Source;

/// A batch goes out when it has this many rows: what a Parquet row group is made of, and what Arrow's
/// kernels work well on.
const BATCH_ROWS: usize = 65_536;
/// Or when its values have this many bytes, so that wide rows stay within memory and 32-bit offsets.
const BATCH_BYTES: usize = 16 << 20;
/// Batches that wait between the reader and the writer of a partition.
const QUEUED_BATCHES: usize = 2;
/// A reader's stack; it holds no more than a row's worth of frames.
const READER_STACK_BYTES: usize = 2 << 20;

/// A table that can be pulled: every column has an exact Arrow type.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) description: TableDescription,
    pub(crate) schema: SchemaRef,
    columns: Vec<ColumnPlan>,
}

impl TablePlan {
    /// # Errors
    /// [`Error::Table`] when the role may not read the table, or a column's type is not handled.
    pub(crate) fn new(description: TableDescription) -> Result<Self> {
        let name = &description.name;
        if !description.readable {
            return Err(Error::table(name, "the role of the connection may not read it; grant SELECT or exclude it"));
        }
        if description.columns.is_empty() {
            return Err(Error::table(name, "it has no columns; exclude it"));
        }
        let columns =
            description.columns.iter().map(|column| column_type::plan(name, column)).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = columns.iter().map(|column| column.field.clone()).collect();
        Ok(Self { description, schema: Arc::new(Schema::new(fields)), columns })
    }

    pub(crate) fn name(&self) -> &TableName {
        &self.description.name
    }

    /// The ranges that together hold the table's rows.
    pub(crate) fn partitions(&self) -> Vec<PageRange> {
        PageRange::split(self.description.pages)
    }

    fn query(&self, range: PageRange) -> String {
        let expressions: Vec<&str> = self.columns.iter().map(|column| column.expression.as_str()).collect();
        format!("SELECT {} FROM {}{range}", expressions.join(", "), self.name().quoted())
    }
}

/// One partition being read by a thread of its own.
pub(crate) struct PartitionReader {
    batches: Receiver<RecordBatch>,
    thread: thread::JoinHandle<Result<()>>,
    table: TableName,
}

impl PartitionReader {
    /// Starts to read `range` of the table, as the snapshot `snapshot_id` sees it. A reader that is dropped
    /// stops at its next batch.
    pub(crate) fn start(
        source: &Arc<Source>,
        snapshot_id: &str,
        plan: &Arc<TablePlan>,
        range: PageRange,
    ) -> Result<Self> {
        let (sender, batches) = sync_channel(QUEUED_BATCHES);
        let table = plan.name().clone();
        let pull =
            Pull { source: Arc::clone(source), snapshot_id: snapshot_id.to_owned(), plan: Arc::clone(plan), range };
        let thread = thread::Builder::new()
            .name("pull".to_owned())
            .stack_size(READER_STACK_BYTES)
            .spawn(move || pull.run(&sender))
            .map_err(|cause| Error::Table {
                table: Box::new(table.clone()),
                column: None,
                message: "no thread could be started to read it".to_owned(),
                cause: Some(cause.into()),
            })?;
        Ok(Self { batches, thread, table })
    }

    /// The next batch, or `None` after the last.
    pub(crate) fn next_batch(&self) -> Option<RecordBatch> {
        self.batches.recv().ok()
    }

    /// Waits for the reader and says how it ended. No batch counts until this has said `Ok`.
    pub(crate) fn finish(self) -> Result<()> {
        drop(self.batches);
        self.thread.join().unwrap_or_else(|_| {
            Err(Error::table(&self.table, "its reader stopped on a value that it does not know; exclude the table"))
        })
    }
}

/// What a reader thread needs.
struct Pull {
    source: Arc<Source>,
    snapshot_id: String,
    plan: Arc<TablePlan>,
    range: PageRange,
}

impl Pull {
    fn run(&self, sender: &SyncSender<RecordBatch>) -> Result<()> {
        let types: Vec<Type> = self.plan.columns.iter().map(|column| column.cell.read_as()).collect();
        let schema: Vec<PostgresTypeSystem> = types.iter().map(PostgresTypeSystem::from).collect();
        let query = CXQuery::naked(self.plan.query(self.range));
        let connection = self.connect()?;
        let mut partition =
            PostgresSourcePartition::<BinaryProtocol, MakeRustlsConnect>::new(connection, &query, &schema, &types);
        let mut parser = partition.parser().map_err(|error| self.broken(error))?;
        self.read(&mut parser, sender)
    }

    /// A connection that sees the exported snapshot, in the wrapping that ConnectorX takes.
    fn connect(&self) -> Result<PooledClient> {
        let mut connection = self.source.database().connect_pooled().map_err(|error| self.source.unreachable(error))?;
        for statement in exported_snapshot::import_statements(&self.snapshot_id) {
            connection.batch_execute(&statement).map_err(|error| self.broken(error.into()))?;
        }
        Ok(connection)
    }

    fn read(&self, parser: &mut Parser<'_>, sender: &SyncSender<RecordBatch>) -> Result<()> {
        let mut columns: Vec<ColumnBuilder> =
            self.plan.columns.iter().map(|plan| ColumnBuilder::new(plan, BATCH_ROWS)).collect();
        let (mut rows, mut bytes, mut rows_sent) = (0, 0, 0);
        loop {
            let (fetched, last) = parser.fetch_next().map_err(|error| self.broken(error))?;
            for _ in 0..fetched {
                for (index, column) in columns.iter_mut().enumerate() {
                    bytes += column.append(parser).map_err(|error| self.refused(error, index, rows_sent + rows))?;
                }
                rows += 1;
                if rows == BATCH_ROWS || bytes >= BATCH_BYTES {
                    self.send(&mut columns, sender)?;
                    rows_sent += rows;
                    (rows, bytes) = (0, 0);
                }
            }
            if last {
                break;
            }
        }
        if rows > 0 { self.send(&mut columns, sender) } else { Ok(()) }
    }

    fn send(&self, columns: &mut [ColumnBuilder], sender: &SyncSender<RecordBatch>) -> Result<()> {
        let arrays = columns.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.schema), arrays).map_err(|cause| Error::Table {
            table: Box::new(self.plan.name().clone()),
            column: None,
            message: "its rows do not have the columns that the catalogue describes".to_owned(),
            cause: Some(cause.into()),
        })?;
        sender.send(batch).map_err(|_| Error::Cancelled)
    }

    /// An error of the connection or of the database.
    fn broken(&self, error: PostgresSourceError) -> Error {
        let message = match &error {
            PostgresSourceError::PostgresError(error) => match error.code() {
                Some(code) => format!("PostgreSQL stopped the pull (SQLSTATE {})", code.code()),
                None => "the connection to PostgreSQL was lost".to_owned(),
            },
            _ => "PostgreSQL could not be read".to_owned(),
        };
        Error::Source {
            source_name: self.source.name().to_owned(),
            message: format!("while reading {}: {message}", self.plan.name()),
            cause: Some(Box::new(error)),
        }
    }

    /// An error of one cell; `row` counts from 0 within the partition.
    fn refused(&self, error: CellError, column: usize, row: usize) -> Error {
        let (message, cause) = match error {
            CellError::Value(message) => (message, None),
            CellError::Parser(error) => (
                "the value cannot be read (an array of several dimensions, or text that is not UTF-8)".to_owned(),
                Some(error),
            ),
        };
        let place = match self.range.to_string() {
            range if range.is_empty() => format!("row {}", row + 1),
            range => format!("row {} of those{}", row + 1, range.to_lowercase()),
        };
        Error::Table {
            table: Box::new(self.plan.name().clone()),
            column: Some(self.plan.columns[column].field.name().clone()),
            message: format!("{place}: {message}"),
            cause: cause.map(Into::into),
        }
    }
}
