//! The queries that run at this moment, so that they can be cancelled by who has their tickets. A query is here from
//! when its ticket is read until its stream is dropped; what a client has cancelled before it was read is remembered
//! for a while. Locks are held for moments: never while rows are computed or dropped.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use futures::Stream;
use tokio::sync::Notify;
use tonic::{Code, Status};

use super::random_id::RandomId;
use super::reason::{Reason, Told};

/// For how long, and for how many, a cancelled ticket is refused. Beyond, it runs like any other.
const REMEMBERED_FOR: Duration = Duration::from_secs(60 * 60);
const MOST_REMEMBERED: usize = 10_000;

type Rows = Pin<Box<dyn Stream<Item = Result<RecordBatch, Status>> + Send>>;

/// The queries of this server, by the ids in their tickets.
#[derive(Debug, Default)]
pub(super) struct Running {
    queries: Mutex<Queries>,
}

#[derive(Debug, Default)]
struct Queries {
    /// A ticket may be read by several at a time.
    running: HashMap<RandomId, Vec<Arc<Reading>>>,
    cancelled: HashSet<RandomId>,
    /// The same, from the one that was cancelled first.
    order: VecDeque<(Instant, RandomId)>,
}

impl Queries {
    fn forget_old(&mut self, now: Instant) {
        while let Some((cancelled_at, id)) = self.order.front() {
            let is_old = now.saturating_duration_since(*cancelled_at) > REMEMBERED_FOR;
            if !is_old && self.order.len() <= MOST_REMEMBERED {
                return;
            }
            self.cancelled.remove(id);
            self.order.pop_front();
        }
    }
}

/// A ticket that somebody reads.
#[derive(Debug, Default)]
struct Reading {
    stage: Mutex<Stage>,
    stopped: Notify,
}

#[derive(Default)]
enum Stage {
    #[default]
    Planned,
    /// Between two batches. The reader is the one that waits for the next, if one does.
    Flowing {
        rows: Rows,
        reader: Option<Waker>,
    },
    /// The reader has taken the rows to ask for the next batch.
    Asked,
    Ended,
    Cancelled,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Planned => "Planned",
            Self::Flowing { .. } => "Flowing",
            Self::Asked => "Asked",
            Self::Ended => "Ended",
            Self::Cancelled => "Cancelled",
        })
    }
}

impl Reading {
    /// Ends the query, however slowly its rows are read. Whether nothing of it is left; planning, and a batch that is
    /// asked for, end soon after.
    fn cancel(&self) -> bool {
        let before = mem::replace(&mut *lock(&self.stage), Stage::Cancelled);
        match before {
            Stage::Planned => {
                self.stopped.notify_one();
                false
            }
            Stage::Flowing { rows, reader } => {
                drop(rows);
                if let Some(reader) = reader {
                    reader.wake();
                }
                true
            }
            Stage::Asked => false,
            Stage::Ended | Stage::Cancelled => true,
        }
    }
}

impl Running {
    /// A query that begins. Without an id it cannot be cancelled.
    ///
    /// # Errors
    /// When it was cancelled before.
    pub(super) fn begin(self: &Arc<Self>, id: Option<RandomId>) -> Result<Cancellable, Status> {
        let reading = Arc::new(Reading::default());
        if let Some(id) = id {
            let mut queries = lock(&self.queries);
            queries.forget_old(Instant::now());
            if queries.cancelled.contains(&id) {
                return Err(cancelled());
            }
            queries.running.entry(id).or_default().push(Arc::clone(&reading));
        }
        Ok(Cancellable { running: Arc::clone(self), id, reading })
    }

    /// Cancels the query of an id, whether it runs or was not begun yet; whether nothing of it is left.
    pub(super) fn cancel(&self, id: RandomId) -> bool {
        let readings = {
            let mut queries = lock(&self.queries);
            let now = Instant::now();
            if queries.cancelled.insert(id) {
                queries.order.push_back((now, id));
            }
            queries.forget_old(now);
            queries.running.get(&id).cloned().unwrap_or_default()
        };
        // All of them, whatever becomes of the first.
        readings.iter().map(|reading| reading.cancel()).filter(|is_over| !is_over).count() == 0
    }
}

/// A query that can be cancelled, until it is dropped.
#[derive(Debug)]
pub(super) struct Cancellable {
    running: Arc<Running>,
    id: Option<RandomId>,
    reading: Arc<Reading>,
}

impl Cancellable {
    /// What the work gives, unless the query is cancelled before.
    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Status> {
        tokio::select! {
            biased;
            () = self.reading.stopped.notified() => Err(cancelled()),
            result = work => Ok(result),
        }
    }

    /// The rows, until the query is cancelled.
    pub(super) fn flow(
        self,
        rows: impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static,
    ) -> impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static {
        let mut stage = lock(&self.reading.stage);
        if matches!(*stage, Stage::Planned) {
            *stage = Stage::Flowing { rows: Box::pin(rows), reader: None };
        }
        drop(stage);
        CancellableRows(self)
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut queries = lock(&self.running.queries);
        if let Some(readings) = queries.running.get_mut(&id) {
            readings.retain(|reading| !Arc::ptr_eq(reading, &self.reading));
            if readings.is_empty() {
                queries.running.remove(&id);
            }
        }
    }
}

struct CancellableRows(Cancellable);

impl Stream for CancellableRows {
    type Item = Result<RecordBatch, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = &self.0.reading;
        let mut stage = lock(&reading.stage);
        let mut rows = match mem::replace(&mut *stage, Stage::Ended) {
            Stage::Flowing { rows, .. } => rows,
            Stage::Cancelled => return Poll::Ready(Some(Err(cancelled()))),
            Stage::Planned | Stage::Asked | Stage::Ended => return Poll::Ready(None),
        };
        *stage = Stage::Asked;
        drop(stage);
        let next = rows.as_mut().poll_next(context);
        let mut stage = lock(&reading.stage);
        if matches!(*stage, Stage::Cancelled) {
            *stage = Stage::Ended;
            return Poll::Ready(Some(Err(cancelled())));
        }
        *stage = match &next {
            Poll::Pending => Stage::Flowing { rows, reader: Some(context.waker().clone()) },
            Poll::Ready(Some(Ok(_))) => Stage::Flowing { rows, reader: None },
            Poll::Ready(Some(Err(_)) | None) => Stage::Ended,
        };
        next
    }
}

fn cancelled() -> Status {
    Told::new(Code::Cancelled, Reason::Cancelled).status("the query was cancelled")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use arrow::datatypes::Schema;
    use futures::StreamExt;

    use super::*;

    fn row() -> Result<RecordBatch, Status> {
        Ok(RecordBatch::new_empty(Arc::new(Schema::empty())))
    }

    /// Rows that never come, and whether somebody still waits for them.
    fn endless() -> (impl Stream<Item = Result<RecordBatch, Status>> + Send + 'static, Weak<()>) {
        let held = Arc::new(());
        let weak = Arc::downgrade(&held);
        let rows = futures::stream::once(async { row() }).chain(futures::stream::once(async move {
            futures::future::pending::<()>().await;
            drop(held);
            row()
        }));
        (rows, weak)
    }

    #[tokio::test]
    async fn rows_that_flow_end_at_once_even_if_nobody_reads_them() {
        let (running, id) = (Arc::new(Running::default()), RandomId::new().unwrap());
        let (rows, held) = endless();
        let mut flowing = Box::pin(running.begin(Some(id)).unwrap().flow(rows));
        assert!(flowing.next().await.unwrap().is_ok());
        assert!(running.cancel(RandomId::new().unwrap()));
        assert!(held.upgrade().is_some());
        assert!(running.cancel(id));
        assert!(held.upgrade().is_none());
        assert_eq!(flowing.next().await.unwrap().unwrap_err().code(), Code::Cancelled);
        assert!(flowing.next().await.is_none());
        assert_eq!(running.begin(Some(id)).unwrap_err().code(), Code::Cancelled);
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_told() {
        let (running, id) = (Arc::new(Running::default()), RandomId::new().unwrap());
        let mut flowing = Box::pin(running.begin(Some(id)).unwrap().flow(futures::stream::pending()));
        let reader = tokio::spawn(async move { flowing.next().await });
        tokio::task::yield_now().await;
        assert!(running.cancel(id));
        assert_eq!(reader.await.unwrap().unwrap().unwrap_err().code(), Code::Cancelled);
    }

    #[tokio::test]
    async fn whoever_cancels_does_not_wait_for_a_batch_that_is_asked_for() {
        let (running, id) = (Arc::new(Running::default()), RandomId::new().unwrap());
        let canceller = Arc::clone(&running);
        let rows = futures::stream::poll_fn(move |_| {
            assert!(!canceller.cancel(id));
            Poll::Ready(Some(row()))
        });
        let mut flowing = Box::pin(running.begin(Some(id)).unwrap().flow(rows));
        assert_eq!(flowing.next().await.unwrap().unwrap_err().code(), Code::Cancelled);
        assert!(flowing.next().await.is_none());
    }

    #[tokio::test]
    async fn planning_ends_soon() {
        let (running, id) = (Arc::new(Running::default()), RandomId::new().unwrap());
        let query = running.begin(Some(id)).unwrap();
        assert!(!running.cancel(id));
        let ended = query.unless_cancelled(futures::future::pending::<()>()).await;
        assert_eq!(ended.unwrap_err().code(), Code::Cancelled);
        let rows: Vec<_> = query.flow(futures::stream::iter([row()])).collect().await;
        assert_eq!(rows.len(), 1);
        assert!(rows[0].is_err());
    }

    #[tokio::test]
    async fn what_has_ended_is_not_there_any_more() {
        let (running, id) = (Arc::new(Running::default()), RandomId::new().unwrap());
        let query = running.begin(Some(id)).unwrap();
        let rows: Vec<_> = query.flow(futures::stream::iter([row(), row()])).collect().await;
        assert!(rows.len() == 2 && rows.iter().all(Result::is_ok));
        assert!(lock(&running.queries).running.is_empty());
        assert!(running.begin(None).is_ok());
    }

    #[test]
    fn only_so_many_are_remembered() {
        let running = Running::default();
        let ids: Vec<RandomId> = (0..=MOST_REMEMBERED).map(|_| RandomId::new().unwrap()).collect();
        for id in &ids {
            running.cancel(*id);
        }
        let mut queries = lock(&running.queries);
        assert_eq!((queries.cancelled.len(), queries.order.len()), (MOST_REMEMBERED, MOST_REMEMBERED));
        assert!(!queries.cancelled.contains(&ids[0]) && queries.cancelled.contains(&ids[1]));
        queries.forget_old(Instant::now() + REMEMBERED_FOR + Duration::from_secs(1));
        assert!(queries.cancelled.is_empty() && queries.order.is_empty());
    }
}
