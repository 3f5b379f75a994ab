//! Ends work that does not give way: a function that computes for long over the rows of one batch, or the planning of a
//! statement, asks here whether its query has been stopped. Which query that is, the thread knows while it polls one of
//! the query's tasks.

use std::any::Any;
use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::interruptible::StopFlag;
use crate::postgres::error::{ValueError, ValueResult};

thread_local! {
    static CURRENT: RefCell<Option<StopFlag>> = const { RefCell::new(None) };
}

/// PostgreSQL's code for a query that was cancelled.
const QUERY_CANCELED: &str = "57014";

/// The query that a thread works for, if it works for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentQuery(Option<StopFlag>);

impl CurrentQuery {
    /// That of this thread.
    pub(crate) fn get() -> Self {
        Self(CURRENT.with_borrow(Clone::clone))
    }

    /// # Errors
    /// When the query has been stopped.
    pub(crate) fn check(&self) -> ValueResult<()> {
        let is_stopped = self.0.as_ref().is_some_and(StopFlag::is_set);
        if is_stopped { Err(ValueError::new(QUERY_CANCELED, "the query was stopped")) } else { Ok(()) }
    }
}

/// # Errors
/// When the query that this thread works for has been stopped.
pub(crate) fn check() -> ValueResult<()> {
    CurrentQuery::get().check()
}

/// A future that works for a query.
pub(crate) struct Within<F> {
    query: StopFlag,
    work: F,
}

impl<F> Within<F> {
    pub(crate) fn new(query: StopFlag, work: F) -> Self {
        Self { query, work }
    }
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _current = Current::set(&self.query);
        self.work.poll_unpin(context)
    }
}

/// The query of this thread, until it is dropped.
struct Current(Option<StopFlag>);

impl Current {
    fn set(query: &StopFlag) -> Self {
        Self(CURRENT.replace(Some(query.clone())))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Has the tasks that DataFusion starts for a query work for it, too.
pub(crate) fn follow_tasks() {
    // Another engine of this process may have done so.
    let _ = set_join_set_tracer(&Followed);
}

struct Followed;

impl JoinSetTracer for Followed {
    fn trace_future(&self, work: BoxFuture<'static, Box<dyn Any + Send>>) -> BoxFuture<'static, Box<dyn Any + Send>> {
        match CURRENT.with_borrow(Clone::clone) {
            Some(query) => Box::pin(Within::new(query, work)),
            None => work,
        }
    }

    fn trace_block(
        &self,
        work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>,
    ) -> Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> {
        match CURRENT.with_borrow(Clone::clone) {
            Some(query) => Box::new(move || {
                let _current = Current::set(&query);
                work()
            }),
            None => work,
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
}
