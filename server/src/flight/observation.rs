//! A query as operators count it: who has answered it, how it has ended, how long that took and how many rows it had.
//! It is told when the observation is dropped, so that none is lost, however it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use futures::Stream;
use rail_forge_planner::AnsweredBy;
use tonic::{Code, Status};

use super::reason;
use crate::metrics::{Metrics, Outcome};

/// A query that ends before anybody has answered it.
const NOBODY: &str = "none";

/// A query under way.
#[derive(Debug)]
pub(super) struct Observation {
    metrics: Arc<Metrics>,
    started: Instant,
    engine: &'static str,
    rows: u64,
    /// `None` until it has ended: one that is dropped before was cancelled.
    ended: Option<Ended>,
}

#[derive(Debug)]
enum Ended {
    Done,
    Failed {
        code: Code,
        reason: String,
    },
    /// It was only planned.
    Uncounted,
}

impl Observation {
    pub(super) fn begin(metrics: &Arc<Metrics>) -> Self {
        Self { metrics: Arc::clone(metrics), started: Instant::now(), engine: NOBODY, rows: 0, ended: None }
    }

    /// Notes a failure. What is well goes on.
    pub(super) fn note<T>(&mut self, step: Result<T, Status>) -> Result<T, Status> {
        if let Err(status) = &step {
            self.fail(status);
        }
        step
    }

    /// Whoever plans a query and does not run it has it counted where it fails.
    pub(super) fn planned<T>(mut self, step: Result<T, Status>) -> Result<T, Status> {
        let step = self.note(step);
        self.ended.get_or_insert(Ended::Uncounted);
        step
    }

    /// Follows the result to its end.
    pub(super) fn follow<S>(mut self, engine: AnsweredBy, batches: S) -> Observed<S> {
        self.engine = engine.name();
        Observed { batches, observation: self }
    }

    fn fail(&mut self, status: &Status) {
        let reason = reason::name_of(status).unwrap_or_default();
        self.ended.get_or_insert(Ended::Failed { code: status.code(), reason });
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let (outcome, reason) = match self.ended.take() {
            Some(Ended::Done) => (Outcome::Done, String::new()),
            Some(Ended::Failed { code: Code::Cancelled, reason }) => (Outcome::Cancelled, reason),
            Some(Ended::Failed { reason, .. }) => (Outcome::Failed, reason),
            Some(Ended::Uncounted) => return,
            None => (Outcome::Cancelled, String::new()),
        };
        self.metrics.query_ended(self.engine, outcome, reason, self.started.elapsed(), self.rows);
    }
}

/// The batches of an observed query.
pub(super) struct Observed<S> {
    batches: S,
    observation: Observation,
}

impl<S: Stream<Item = Result<RecordBatch, Status>> + Unpin> Stream for Observed<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.batches).poll_next(context);
        match &next {
            Poll::Ready(Some(Ok(batch))) => self.observation.rows += batch.num_rows() as u64,
            Poll::Ready(Some(Err(status))) => self.observation.fail(status),
            Poll::Ready(None) => {
                self.observation.ended.get_or_insert(Ended::Done);
            }
            Poll::Pending => {}
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use futures::StreamExt;
    use futures::stream::iter;

    use super::super::reason::{Reason, Told};
    use super::*;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap()
    }

    fn busy() -> Status {
        Told::new(Code::Unavailable, Reason::Busy).status("busy")
    }

    #[tokio::test]
    async fn each_end_is_told() {
        let metrics = Arc::default();
        let observed = |batches: Vec<Result<RecordBatch, Status>>| {
            Observation::begin(&metrics).follow(AnsweredBy::DataFusion, iter(batches))
        };
        assert_eq!(observed(vec![Ok(batch()), Ok(batch())]).count().await, 2);
        assert_eq!(observed(vec![Ok(batch()), Err(busy())]).count().await, 2);
        // One whose client goes away after the first batch.
        let mut left = observed(vec![Ok(batch()), Ok(batch())]);
        assert!(left.next().await.is_some());
        drop(left);
        let refused = Observation::begin(&metrics).planned::<()>(Err(busy()));
        assert!(refused.is_err() && Observation::begin(&metrics).planned(Ok(())).is_ok());
        let count = |engine, outcome, reason| metrics.queries_ended(engine, outcome, reason);
        assert_eq!(count("datafusion", Outcome::Done, ""), 1);
        assert_eq!(count("datafusion", Outcome::Failed, "BUSY"), 1);
        assert_eq!(count("datafusion", Outcome::Cancelled, ""), 1);
        assert_eq!(count(NOBODY, Outcome::Failed, "BUSY"), 1);
        assert_eq!(count(NOBODY, Outcome::Done, ""), 0);
    }
}
