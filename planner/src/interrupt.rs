//! Ends work that does not give way: a function that computes for long over the rows of one batch, or the planning of a
//! statement, asks here whether its query has been stopped, and whether there is room for another constant or value.
//! Which query that is, the thread knows while it polls one of the query's tasks.

use std::any::Any;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::allocated::Mark;
use crate::constants_budget::ConstantsBudget;
use crate::error::Error;
use crate::interruptible::StopFlag;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::stop;
use crate::turn::{self, Turn};

thread_local! {
    static CURRENT: RefCell<CurrentQuery> = const { RefCell::new(CurrentQuery::NONE) };
}

/// PostgreSQL's code for a query that was cancelled.
const QUERY_CANCELED: &str = "57014";
/// Bytes that are read or made between two looks at the query, and at the clock, which costs as much as a row of a fast
/// function.
const BYTES_BETWEEN_LOOKS: usize = 64 << 10;
/// What a row counts in any case: there are 16 small ones between two looks.
const ROW_BYTES: usize = BYTES_BETWEEN_LOOKS / 16;

/// The query that a thread works for, if it works for one.
#[derive(Debug, Clone)]
pub(crate) struct CurrentQuery {
    stop: Option<StopFlag>,
    /// What the thread had made when it began to work on the query's task.
    before: Option<Mark>,
    /// While its statement is planned.
    constants: Option<ConstantsBudget>,
}

impl CurrentQuery {
    const NONE: Self = Self { stop: None, before: None, constants: None };

    /// That of this thread.
    pub(crate) fn get() -> Self {
        CURRENT.with_borrow(Clone::clone)
    }

    /// # Errors
    /// When the query has been stopped, or there is no memory for what this thread makes for it.
    pub(crate) fn check(&self) -> ValueResult<()> {
        self.check_room(0)
    }

    /// The same, before so many bytes more are made.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn check_room(&self, bytes: usize) -> ValueResult<()> {
        if self.stop.as_ref().is_some_and(StopFlag::is_set) {
            return Err(ValueError::new(QUERY_CANCELED, "the query was stopped"));
        }
        self.before.map_or(Ok(()), |before| before.check_room(bytes))
    }

    /// What its constants may take, while its statement is planned.
    pub(crate) fn constants(&self) -> Option<&ConstantsBudget> {
        self.constants.as_ref()
    }
}

/// # Errors
/// When the query that this thread works for has been stopped, or there is no memory for what is made for it; otherwise
/// others have their turn first.
pub(crate) fn check() -> ValueResult<()> {
    turn::give_way();
    CurrentQuery::get().check()
}

/// The same, before so many bytes more are made.
///
/// # Errors
/// As above.
pub(crate) fn check_room(bytes: usize) -> ValueResult<()> {
    CurrentQuery::get().check_room(bytes)
}

/// # Errors
/// When the query that this thread plans has been stopped, or its constants are too large together. What computes them
/// may have kept the error to itself.
pub(crate) fn check_planning() -> Result<(), Error> {
    turn::give_way();
    let query = CurrentQuery::get();
    query.check().map_err(Error::Value)?;
    query.constants().map_or(Ok(()), ConstantsBudget::check)
}

/// Asks for the rows of a batch whether the query may go on; if so, others have their turn first. The first row asks,
/// so that batches of few rows do, and each row with which enough has been read and made: one that is large alone
/// always does.
#[derive(Debug)]
pub(crate) struct RowByRow {
    query: CurrentQuery,
    /// What a row counts before its value is known.
    row: usize,
    since_look: usize,
    is_first: bool,
}

impl RowByRow {
    /// For rows of so many bytes.
    pub(crate) fn of(bytes: usize) -> Self {
        Self { query: CurrentQuery::get(), row: bytes.saturating_add(ROW_BYTES), since_look: 0, is_first: true }
    }

    /// Asks, if it is time to, before a row's value of so many bytes is kept.
    ///
    /// # Errors
    /// When the query has been stopped, or there is no room.
    #[inline]
    pub(crate) fn next(&mut self, bytes: usize) -> ValueResult<()> {
        self.since_look = self.since_look.saturating_add(self.row).saturating_add(bytes);
        if self.since_look < BYTES_BETWEEN_LOOKS && !self.is_first {
            return Ok(());
        }
        self.ask(bytes)
    }

    fn ask(&mut self, bytes: usize) -> ValueResult<()> {
        self.is_first = false;
        if self.since_look >= BYTES_BETWEEN_LOOKS {
            turn::give_way();
            self.since_look = 0;
        }
        self.query.check_room(bytes)
    }
}

/// A future that works for a query.
pub(crate) struct Within<F> {
    query: CurrentQuery,
    work: F,
}

impl<F> Within<F> {
    pub(crate) fn new(stop: StopFlag, work: F) -> Self {
        Self { query: CurrentQuery { stop: Some(stop), ..CurrentQuery::NONE }, work }
    }

    /// A future that plans a statement.
    pub(crate) fn planning(stop: StopFlag, work: F) -> Self {
        Self {
            query: CurrentQuery { stop: Some(stop), constants: Some(ConstantsBudget::default()), ..CurrentQuery::NONE },
            work,
        }
    }
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let (_current, _turn) = (Current::set(&self.query), Turn::begin());
        self.work.poll_unpin(context)
    }
}

/// The query of this thread, until it is dropped.
struct Current(CurrentQuery);

impl Current {
    fn set(query: &CurrentQuery) -> Self {
        let query = CurrentQuery { before: Some(Mark::now()), ..query.clone() };
        Self(CURRENT.replace(query))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(std::mem::replace(&mut self.0, CurrentQuery::NONE));
    }
}

/// Has the tasks that DataFusion starts for a query work for it, too, and functions of values ask for it.
pub(crate) fn follow_tasks() {
    stop::ask_by(check);
    // Another engine of this process may have done so.
    let _ = set_join_set_tracer(&Followed);
}

struct Followed;

impl JoinSetTracer for Followed {
    fn trace_future(&self, work: BoxFuture<'static, Box<dyn Any + Send>>) -> BoxFuture<'static, Box<dyn Any + Send>> {
        match CurrentQuery::get() {
            CurrentQuery { stop: None, .. } => work,
            query => Box::pin(Within { query, work }),
        }
    }

    fn trace_block(
        &self,
        work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>,
    ) -> Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> {
        match CurrentQuery::get() {
            CurrentQuery { stop: None, .. } => work,
            query => Box::new(move || {
                let _current = Current::set(&query);
                work()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_work_of_a_stopped_query_ends() {
        let (one, other) = (StopFlag::default(), StopFlag::default());
        one.stop();
        assert!(Within::new(one, Box::pin(async { check() })).await.is_err());
        assert!(Within::new(other, Box::pin(async { check() })).await.is_ok());
        assert!(check().is_ok());
    }

    #[test]
    fn few_rows_of_large_values_let_others_have_their_turn() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (answer, answered) = std::sync::mpsc::channel();
        let computing = runtime.spawn(Within::new(
            StopFlag::default(),
            Box::pin(async move {
                tokio::spawn(async move { answer.send(()) });
                while answered.try_recv().is_err() {
                    // A batch of two rows, which read a large value or make one.
                    for (read, made) in [(BYTES_BETWEEN_LOOKS, 0), (0, BYTES_BETWEEN_LOOKS)] {
                        RowByRow::of(read).next(made).unwrap();
                    }
                }
            }),
        ));
        runtime.block_on(computing).unwrap();
    }

    #[tokio::test]
    async fn rows_of_a_stopped_query_are_refused_soon() {
        let stop = StopFlag::default();
        let stopping = stop.clone();
        let rows = async move {
            let [mut small, mut large] = [RowByRow::of(0), RowByRow::of(0)];
            assert!(small.next(0).is_ok() && large.next(0).is_ok());
            stopping.stop();
            // The first row, a large one, and one of each few small ones.
            assert!(RowByRow::of(0).next(0).is_err());
            assert!(large.next(BYTES_BETWEEN_LOOKS).is_err());
            assert!((1..BYTES_BETWEEN_LOOKS / ROW_BYTES).any(|_| small.next(0).is_err()));
        };
        Within::new(stop, Box::pin(rows)).await;
    }

    #[tokio::test]
    async fn constants_are_counted_while_a_statement_is_planned() {
        let large = || async {
            let _kept_to_itself = CurrentQuery::get().constants().map(|constants| constants.add(usize::MAX));
            check_planning()
        };
        assert!(matches!(
            Within::planning(StopFlag::default(), Box::pin(large())).await,
            Err(Error::TooLarge(message)) if message.contains("at most")
        ));
        assert!(Within::new(StopFlag::default(), Box::pin(large())).await.is_ok());
    }
}
