//! Batches of a size that travels well. A client's cost is that of each batch beside that of each byte, and what is
//! being received is in memory as a whole: 1 to 2 MiB moved twice as many rows as a sixth of that, and more gained
//! nothing. The first rows do not wait for others, and neither do those of a query that is slow.
//!
//! For clients that ask glibc for memory one batch is larger, once. What is received becomes one piece of memory, and
//! glibc gives free memory back to the system when it is more than twice the largest piece that it has had from there
//! and given back (`M_MMAP_THRESHOLD` in mallopt(3)). Between batches of 1.5 MiB it gave nearly all of it back, and the
//! system filled it with zeros again: half of the processor's time that pyarrow took to receive a gigabyte. Most of gRPC's
//! libraries refuse messages of more than 4 MiB unless they are told otherwise; Arrow's for C++ tells its own.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use futures::stream::{BoxStream, Fuse};
use futures::{Stream, StreamExt};
use tokio::time::{Sleep, sleep};
use tonic::Status;

/// Batches below it are joined.
pub(super) const LEAST_BYTES: usize = 1 << 20;
/// Batches above it are cut, unless they are one row.
pub(super) const MOST_BYTES: usize = 2 << 20;
/// Rows of a batch, however little they take: so many numbers of 8 bytes are `LEAST_BYTES`.
pub(super) const MOST_ROWS: usize = LEAST_BYTES / 8;
/// The larger batch has so much, and less than twice, where the query gives it in time and a row has 8 bytes. It comes when
/// as much has been sent, so that results that are not large neither wait for it nor have it in memory.
pub(super) const LARGE_BYTES: usize = 8 << 20;
/// How long rows wait for others. A client sees no difference, and a query that computes gives thousands in it.
const PATIENCE: Duration = Duration::from_millis(5);
/// The same of the larger batch: a query that computes 400 MB a second has it by then.
const LARGE_PATIENCE: Duration = Duration::from_millis(20);

/// Batches with rows that travel as one.
pub(super) type Group = Vec<RecordBatch>;

/// The batches of a result, as they are sent.
pub(super) struct Batches {
    input: Fuse<BoxStream<'static, Result<RecordBatch, Status>>>,
    /// Whether there were rows yet.
    has_begun: bool,
    /// Small ones, which wait for others, and what they take.
    waiting: Group,
    waiting_bytes: usize,
    waiting_rows: usize,
    patience: Option<Pin<Box<Sleep>>>,
    ready: VecDeque<Group>,
    /// The bytes to be sent before the larger batch, while there is to be one.
    before_large: Option<usize>,
}

impl Batches {
    pub(super) fn new(input: BoxStream<'static, Result<RecordBatch, Status>>) -> Self {
        Self {
            input: input.fuse(),
            has_begun: false,
            waiting: vec![],
            waiting_bytes: 0,
            waiting_rows: 0,
            patience: None,
            ready: VecDeque::new(),
            before_large: None,
        }
    }

    pub(super) fn with_large_batch(self, wanted: bool) -> Self {
        Self { before_large: wanted.then_some(LARGE_BYTES), ..self }
    }

    fn add(&mut self, batch: RecordBatch) {
        let (bytes, rows) = (bytes_of(&batch), batch.num_rows());
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let times = if self.is_large() { LARGE_BYTES / LEAST_BYTES } else { 1 };
        let is_enough = |bytes, rows| bytes >= times * LEAST_BYTES || rows >= times * MOST_ROWS;
        if is_first || is_enough(bytes, rows) {
            self.join();
            self.before_large = self.before_large.map(|before| before.saturating_sub(bytes));
            return cut(batch, &mut self.ready);
        }
        self.waiting.push(batch);
        self.waiting_bytes += bytes;
        self.waiting_rows += rows;
        if is_enough(self.waiting_bytes, self.waiting_rows) {
            self.join();
        }
    }

    /// Whether those that wait are to be the larger batch.
    fn is_large(&self) -> bool {
        self.before_large == Some(0)
    }

    /// Those that wait are sent as one.
    fn join(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let before_large = self.before_large.filter(|_| !self.is_large());
        self.before_large = before_large.map(|before| before.saturating_sub(self.waiting_bytes));
        (self.waiting_bytes, self.waiting_rows, self.patience) = (0, 0, None);
        self.ready.push_back(std::mem::take(&mut self.waiting));
    }
}

impl Stream for Batches {
    type Item = Result<Group, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(group) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(group)));
            }
            match self.input.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(batch))) if batch.num_rows() == 0 => {}
                Poll::Ready(Some(Ok(batch))) => self.add(batch),
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) if self.waiting.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => self.join(),
                Poll::Pending if self.waiting.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    let patience = if self.is_large() { LARGE_PATIENCE } else { PATIENCE };
                    let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(patience)));
                    ready!(patience.as_mut().poll(context));
                    self.join();
                }
            }
        }
    }
}

/// Cuts a batch that is too large. Rows are not all of one size, so that a part may be cut again.
fn cut(batch: RecordBatch, parts: &mut VecDeque<Group>) {
    let rows = batch.num_rows();
    let count = bytes_of(&batch).div_ceil(MOST_BYTES).max(rows.div_ceil(MOST_ROWS)).min(rows);
    if count <= 1 {
        return parts.push_back(vec![batch]);
    }
    let most = rows.div_ceil(count);
    for start in (0..rows).step_by(most) {
        cut(batch.slice(start, most.min(rows - start)), parts);
    }
}

/// What a batch takes on the wire.
pub(super) fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| bytes_of_column(column)).sum()
}

fn bytes_of_column(column: &dyn Array) -> usize {
    let validity = if column.nulls().is_some() { column.len().div_ceil(8) } else { 0 };
    match column.data_type() {
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let offsets = lists.value_offsets();
            let end = offsets.last().copied().unwrap_or(0);
            let start = offsets.first().copied().unwrap_or(0);
            let elements = lists.values().slice(index(start), index(end - start));
            validity + size_of_val(offsets) + bytes_of_column(&elements)
        }
        DataType::Struct(_) => {
            let fields = column.as_struct().columns().iter();
            validity + fields.map(|field| bytes_of_column(field)).sum::<usize>()
        }
        DataType::Utf8View => {
            validity
                + size_of_val(&**column.as_string_view().views())
                + column.as_string_view().total_buffer_bytes_used()
        }
        DataType::BinaryView => {
            validity
                + size_of_val(&**column.as_binary_view().views())
                + column.as_binary_view().total_buffer_bytes_used()
        }
        _ => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size()),
    }
}

/// An offset, which is never below zero.
fn index(offset: i32) -> usize {
    offset.unsigned_abs() as usize
}
