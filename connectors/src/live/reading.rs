//! One statement on its way: a thread that reads and decodes, and the stream of what it has decoded. Whoever drops
//! the stream ends the thread, and PostgreSQL's work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::Stream;
use tokio::sync::{Semaphore, mpsc};

use super::cancellation::Cancellation;
use super::query::LiveQuery;
use super::scan::Request;
use super::source_snapshot::Lease;
use crate::error::Error;

/// Batches that wait for the engine.
const QUEUED_BATCHES: usize = 2;

/// The batches of a statement.
pub(super) struct Reading {
    batches: mpsc::Receiver<Result<Accounted>>,
    cancellation: Arc<Cancellation>,
}

/// A batch, and the memory that it takes until the engine has it.
struct Accounted {
    batch: RecordBatch,
    _memory: MemoryReservation,
}

impl Reading {
    /// Starts to read, as soon as there is a connection for it.
    pub(super) async fn start(
        query: &LiveQuery,
        request: Arc<Request>,
        statement: String,
        pool: &Arc<dyn MemoryPool>,
    ) -> Result<Self> {
        let snapshot = query.opened(&request).await.map_err(external)?;
        let lease = snapshot.lease().await.map_err(external)?;
        let capacity = if snapshot.drains { Semaphore::MAX_PERMITS } else { QUEUED_BATCHES };
        let (sender, batches) = mpsc::channel(capacity);
        let cancellation = Arc::new(Cancellation::default());
        let work = Work {
            request,
            statement,
            sender,
            memory: MemoryConsumer::new("LiveScan").register(pool),
            cancellation: Arc::clone(&cancellation),
        };
        thread::Builder::new().name("live".to_owned()).spawn(move || work.run(lease))?;
        Ok(Self { batches, cancellation })
    }
}

impl Stream for Reading {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_recv(context).map(|next| next.map(|batch| batch.map(|accounted| accounted.batch)))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.cancellation.cancel();
    }
}

/// What the thread does.
struct Work {
    request: Arc<Request>,
    statement: String,
    sender: mpsc::Sender<Result<Accounted>>,
    memory: MemoryReservation,
    cancellation: Arc<Cancellation>,
}

impl Work {
    fn run(self, mut lease: Lease) {
        let read = catch_unwind(AssertUnwindSafe(|| self.read(&mut lease)));
        self.cancellation.finish();
        let error = match read {
            Ok(Ok(())) | Ok(Err(Failure::Unwanted)) => return,
            Ok(Err(Failure::Memory(error))) => error,
            Ok(Err(Failure::Error(error))) => external(error),
            Err(_) => DataFusionError::Internal("the reading of a live table panicked".to_owned()),
        };
        // Nobody may be there to hear it.
        let _ = self.sender.blocking_send(Err(error));
    }

    fn read(&self, lease: &mut Lease) -> Result<(), Failure> {
        let Request { selection, schema, .. } = self.request.as_ref();
        let mut session = lease.session(&self.request)?;
        if !self.cancellation.run(session.canceller()) {
            // PostgreSQL was not told to stop.
            lease.give_back(session);
            return Err(Failure::Unwanted);
        }
        let mut stopped = None;
        let read = session.read(selection, &self.statement, &mut |pulled| match self.send(&pulled.batch, schema) {
            Ok(()) => Ok(()),
            Err(failure) => {
                stopped = Some(failure);
                Err(Error::Cancelled)
            }
        });
        match (read, stopped) {
            (_, Some(failure)) => Err(failure),
            (Ok(_), None) => {
                if self.cancellation.finish() {
                    lease.give_back(session);
                }
                Ok(())
            }
            (Err(failure), None) => Err(Failure::Error(failure.into_error(selection))),
        }
    }

    fn send(&self, pulled: &RecordBatch, schema: &SchemaRef) -> Result<(), Failure> {
        let batch = in_memory(pulled, schema).map_err(|error| Failure::Memory(error.into()))?;
        let memory = self.memory.new_empty();
        memory.try_grow(batch.get_array_memory_size()).map_err(Failure::Memory)?;
        self.sender.blocking_send(Ok(Accounted { batch, _memory: memory })).map_err(|_| Failure::Unwanted)
    }
}

/// Why a reading ended early.
enum Failure {
    Error(Error),
    /// The engine's own limits.
    Memory(DataFusionError),
    Unwanted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The batch as plans see it. Without columns, its rows are what is left of it.
fn in_memory(pulled: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .zip(pulled.columns())
        .map(|(field, column)| cast(column, field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(pulled.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
