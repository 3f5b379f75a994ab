//! Rows on their way to a client: batches of a size that travels well (`batches.rs`), as messages of Flight whose bodies
//! are the memory of Arrow's arrays (`message.rs`), as the body of an HTTP answer (`body.rs`). tonic encodes a message as
//! one piece of memory, which takes two copies of every row; therefore rows are handed past it (`past_tonic.rs`).
//!
//! Next to nothing is computed ahead: a batch is taken from the engine when HTTP/2 has taken what was before it.

mod batches;
mod body;
mod compression;
mod gathered;
mod message;
mod own_texts;
mod past_tonic;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_ipc::CompressionType;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, future, stream};
use prost::bytes::Bytes;
use tonic::{Response, Status};

use self::batches::Batches;
pub(super) use self::compression::compression;
use self::message::{Message, MessageEncoder};
pub(super) use self::past_tonic::PastTonic;

/// What arrow-flight's Flight SQL service answers DoGet with.
pub(super) type DataStream = BoxStream<'static, Result<FlightData, Status>>;

/// The rows that a call answers.
pub(super) struct Rows {
    schema: SchemaRef,
    /// What the first message says about them.
    metadata: Bytes,
    batches: BoxStream<'static, Result<RecordBatch, Status>>,
    compression: Option<CompressionType>,
    has_large_batch: bool,
    deadline: Option<Deadline>,
}

/// When what has not been sent is given up, and what is said then.
struct Deadline {
    time: Instant,
    passed: Box<dyn FnOnce() -> Status + Send>,
}

/// Rows among the extensions of an answer, for whoever takes them first.
#[derive(Clone)]
struct Handed(Arc<Mutex<Option<Rows>>>);

impl Rows {
    /// Rows with these columns, which all of the batches have.
    pub(super) fn new(
        schema: SchemaRef,
        batches: impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static,
    ) -> Self {
        let batches = batches.boxed();
        Self { schema, metadata: Bytes::new(), batches, compression: None, has_large_batch: false, deadline: None }
    }

    pub(super) fn with_metadata(self, metadata: impl Into<Bytes>) -> Self {
        Self { metadata: metadata.into(), ..self }
    }

    /// Bodies are compressed; without it, as they lie in memory.
    pub(super) fn with_compression(self, compression: Option<CompressionType>) -> Self {
        Self { compression, ..self }
    }

    /// One of the batches is a large one, if there are rows enough.
    pub(super) fn with_large_batch(self, wanted: bool) -> Self {
        Self { has_large_batch: wanted, ..self }
    }

    /// Nothing of the rows is held for longer, whether the client reads or not.
    pub(super) fn with_deadline(self, time: Instant, passed: impl FnOnce() -> Status + Send + 'static) -> Self {
        Self { deadline: Some(Deadline { time, passed: Box::new(passed) }), ..self }
    }

    /// The answer, whose rows [`PastTonic`] takes out. Where that does not stand before tonic, the answer's stream has
    /// the same messages.
    pub(super) fn answer(self) -> Response<DataStream> {
        let handed = Handed(Arc::new(Mutex::new(Some(self))));
        let later = handed.clone();
        let messages = stream::once(future::lazy(move |_| later.take()))
            .flat_map(|rows| rows.map_or_else(|| stream::empty().boxed(), Self::messages));
        let mut answer = Response::new(messages.map_ok(FlightData::from).boxed());
        answer.extensions_mut().insert(handed);
        answer
    }

    /// The messages: the columns, then the batches.
    fn messages(self) -> BoxStream<'static, Result<Message, Status>> {
        let Self { schema, metadata, batches, compression, has_large_batch, .. } = self;
        let (mut encoder, first) = match MessageEncoder::new(&schema, compression) {
            Ok((encoder, columns)) => (encoder, columns.with_metadata(metadata)),
            Err(error) => return stream::iter([Err(failed(error))]).boxed(),
        };
        let batches = Batches::new(batches)
            .with_large_batch(has_large_batch)
            .map(move |group| encoder.encode(&group?).map_err(failed));
        let messages = batches.map_ok(|messages| stream::iter(messages.into_iter().map(Ok::<_, Status>))).try_flatten();
        stream::iter([Ok(first)]).chain(messages).boxed()
    }
}

impl Handed {
    fn take(&self) -> Option<Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn failed(error: ArrowError) -> Status {
    Status::internal(format!("the rows cannot be encoded: {error}"))
}
