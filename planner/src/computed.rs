//! The way from a query to its reader: batches that the engine computes on its own threads wait in a short queue for
//! whoever serves the client. A query ends with its reader, and at its deadline though nobody reads: all that it holds is
//! given back then, what waits in the queue included, and a reader that comes later is told why.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep_until};

use crate::admission::{Admission, Class, Place};
use crate::error::{Error, Result};
use crate::interrupt::Within;
use crate::interruptible::StopFlag;

/// What waits for a reader that is slower than the query, unless two batches take more: with those in flight on either
/// side, what a stalled client costs in memory.
const QUEUED_BYTES: u32 = 4 << 20;
/// So much has to be free before a query that has found no room goes on. One that was woken for each batch that is read
/// would be as long on its way to a core as at work.
const FREE_BYTES: u32 = QUEUED_BYTES / 2;

/// Batches as they are computed.
#[derive(Debug)]
pub(crate) struct Computed {
    queue: Arc<Queue>,
    query: Running,
    until: Until,
    /// Ends when the deadline has come.
    deadline: JoinHandle<()>,
    /// Whether the end has been told, or the deadline.
    ended: bool,
}

/// A batch on its way, or the end, with the room that it takes until it is read; one that is kept in any case takes
/// none.
type Message = (Result<Option<RecordBatch>>, Option<OwnedSemaphorePermit>);

/// What waits to be read, until the deadline.
#[derive(Debug)]
struct Queue(Mutex<Option<mpsc::UnboundedReceiver<Message>>>);

impl Queue {
    /// Held only to take something out, so that nobody waits for it.
    fn lock(&self) -> MutexGuard<'_, Option<mpsc::UnboundedReceiver<Message>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a query's time.
#[derive(Debug, Clone)]
pub(crate) struct Until {
    deadline: Instant,
    timeout: Duration,
    /// The threads of whoever asks, by whose clock it is: those of queries look at none while all of them are busy.
    clock: Handle,
}

impl Until {
    /// For a query that begins now, on the threads of whoever asks for it.
    pub(crate) fn from_now(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, timeout, clock: Handle::current() }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is said at the deadline.
    pub(crate) fn passed(&self) -> Error {
        Error::Deadline { seconds: self.timeout.as_secs() }
    }
}

/// A query that runs.
#[derive(Debug, Clone)]
struct Running {
    task: AbortHandle,
    stop: StopFlag,
}

impl Running {
    /// Ends the query where it gives way next, or where it looks at the flag.
    fn end(&self) {
        self.stop.stop();
        self.task.abort();
    }
}

/// A query's place among those that run.
pub(crate) struct Places {
    pub(crate) admission: Arc<Admission>,
    pub(crate) class: Class,
    pub(crate) own: Option<Place>,
}

/// Where batches go.
pub(crate) struct Outlet {
    batches: mpsc::UnboundedSender<Message>,
    room: Arc<Semaphore>,
    places: Places,
}

impl Outlet {
    /// Sends a batch that nobody keeps when there is room for it, which takes so many bytes. Until then, another query
    /// may run in this one's place.
    pub(crate) async fn send(&mut self, batch: RecordBatch, bytes: usize) -> Result<()> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, FREE_BYTES);
        let room = match Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            Ok(room) => Some(room),
            Err(_) => {
                self.places.own = None;
                let free = Arc::clone(&self.room).acquire_many_owned(FREE_BYTES).await;
                self.places.own = Some(self.places.admission.enter_again(self.places.class).await?);
                // It is never closed.
                free.map_err(|closed| Error::Internal(Box::new(closed)))?.split(wanted as usize)
            }
        };
        put(&self.batches, (Ok(Some(batch)), room));
        Ok(())
    }

    /// Sends a batch that is kept in any case.
    pub(crate) fn send_kept(&self, batch: RecordBatch) {
        put(&self.batches, (Ok(Some(batch)), None));
    }
}

/// A reader that has gone away misses nothing: it ends the query.
fn put(batches: &mpsc::UnboundedSender<Message>, message: Message) {
    let _ = batches.send(message);
}

impl Computed {
    /// Starts a query on the runtime; `run` is given where its batches go.
    pub(crate) fn start<Run: Future<Output = Result<()>> + Send + 'static>(
        runtime: &Handle,
        places: Places,
        until: Until,
        stop: StopFlag,
        run: impl FnOnce(Outlet) -> Run,
    ) -> Self {
        let (sender, batches) = mpsc::unbounded_channel();
        let outlet = Outlet { batches: sender.clone(), room: Arc::new(Semaphore::new(QUEUED_BYTES as usize)), places };
        let run = AssertUnwindSafe(run(outlet)).catch_unwind();
        let work = async move {
            let end = match run.await {
                Ok(end) => end.map(|()| None),
                Err(_) => Err(Error::Internal("the query panicked".into())),
            };
            put(&sender, (end, None));
        };
        let task = runtime.spawn(Within::new(stop.clone(), Box::pin(work))).abort_handle();
        let (queue, query) = (Arc::new(Queue(Mutex::new(Some(batches)))), Running { task, stop });
        let deadline = until.clock.spawn(end_at(until.deadline, Arc::clone(&queue), query.clone()));
        Self { queue, query, until, deadline, ended: false }
    }

    /// The next batch.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.poll_queue(context));
        self.ended = !matches!(next, Ok(Some(_)));
        Poll::Ready(next.transpose())
    }

    fn poll_queue(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<RecordBatch>>> {
        let next = self.queue.lock().as_mut().map(|batches| batches.poll_recv(context));
        match next {
            Some(Poll::Ready(Some((batch, _room)))) => Poll::Ready(batch),
            // It would look like a result that is whole.
            Some(Poll::Ready(None)) => {
                Poll::Ready(Err(Error::Internal("the query was ended before its result was whole".into())))
            }
            Some(Poll::Pending) => self.deadline.poll_unpin(context).map(|_| Err(self.until.passed())),
            None => Poll::Ready(Err(self.until.passed())),
        }
    }
}

impl Drop for Computed {
    fn drop(&mut self) {
        self.deadline.abort();
        self.query.end();
    }
}

/// Ends a query at its deadline, whether somebody reads its batches or not.
async fn end_at(deadline: Instant, queue: Arc<Queue>, query: Running) {
    sleep_until(deadline).await;
    // First the queue: its reader would take the end of the query for a defect.
    let unread = queue.lock().take();
    query.end();
    drop(unread);
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};

    use arrow::datatypes::Schema;
    use tokio::sync::oneshot;

    use super::*;

    /// No test waits for so long.
    const LONG: Duration = Duration::from_secs(60);

    fn batch() -> RecordBatch {
        RecordBatch::new_empty(Arc::new(Schema::empty()))
    }

    /// A query with a place, the only one that there is.
    async fn start<Run: Future<Output = Result<()>> + Send + 'static>(
        timeout: Duration,
        run: impl FnOnce(Outlet) -> Run,
    ) -> (Computed, Arc<Admission>) {
        let (admission, class) = (Arc::new(Admission::new(1, LONG)), Class::Interactive);
        let own = Some(admission.enter(class).await.unwrap());
        let places = Places { admission: Arc::clone(&admission), class, own };
        let until = Until::from_now(timeout);
        (Computed::start(&Handle::current(), places, until, StopFlag::default(), run), admission)
    }

    async fn endless(mut outlet: Outlet, held: oneshot::Sender<()>) -> Result<()> {
        let _held = held;
        outlet.send(batch(), 0).await?;
        pending().await
    }

    /// Sizes of batches, which take twice as much as there is room for.
    const SIZES: [usize; 6] = [0, FREE_BYTES as usize / 2, FREE_BYTES as usize, usize::MAX, 1, usize::MAX];

    async fn longer_than_the_queue(mut outlet: Outlet) -> Result<()> {
        for bytes in SIZES {
            outlet.send(batch(), bytes).await?;
        }
        outlet.send_kept(batch());
        Ok(())
    }

    async fn defect(_outlet: Outlet) -> Result<()> {
        panic!("a defect")
    }

    async fn next(computed: &mut Computed) -> Option<Result<RecordBatch>> {
        poll_fn(|context| computed.poll_next(context)).await
    }

    #[tokio::test]
    async fn a_query_that_nobody_reads_gives_back_what_it_holds_at_its_deadline() {
        let (held, given_back) = oneshot::channel();
        let (mut computed, admission) = start(Duration::ZERO, |outlet| endless(outlet, held)).await;
        assert_eq!(admission.running(), 1);
        assert!(given_back.await.is_err());
        assert_eq!(admission.running(), 0);
        assert!(computed.queue.lock().is_none());
        assert!(matches!(next(&mut computed).await, Some(Err(Error::Deadline { seconds: 0 }))));
        assert!(next(&mut computed).await.is_none());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_told_of_the_deadline() {
        let (mut computed, _) = start(Duration::ZERO, |_outlet| pending()).await;
        assert!(matches!(next(&mut computed).await, Some(Err(Error::Deadline { .. }))));
        assert!(next(&mut computed).await.is_none());
    }

    #[tokio::test]
    async fn a_query_ends_with_its_reader() {
        let (held, given_back) = oneshot::channel();
        let (computed, _) = start(LONG, |outlet| endless(outlet, held)).await;
        drop(computed);
        assert!(given_back.await.is_err());
    }

    #[tokio::test]
    async fn a_result_that_is_read_in_time_is_whole() {
        let (mut computed, admission) = start(LONG, longer_than_the_queue).await;
        for _ in 0..=SIZES.len() {
            assert_eq!(next(&mut computed).await.unwrap().unwrap(), batch());
        }
        assert!(next(&mut computed).await.is_none());
        assert_eq!(admission.running(), 0);
    }

    #[tokio::test]
    async fn a_query_that_panics_has_failed() {
        let (mut computed, _) = start(LONG, defect).await;
        assert!(matches!(next(&mut computed).await, Some(Err(Error::Internal(_)))));
        assert!(next(&mut computed).await.is_none());
    }
}
