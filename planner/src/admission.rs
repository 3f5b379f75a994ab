//! How many queries run at a time. The others wait in the order in which they came, and not for ever. Those that say
//! that they are a batch job have only some of the places, so that they do not keep out those that somebody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rail_forge_connectors::Waiting;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// Of so many places, batch jobs have one.
const BATCH_SHARE: usize = 2;

/// Who waits for a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// Somebody at a screen.
    #[default]
    Interactive,
    /// A job that can wait.
    Batch,
}

/// The places in which queries run.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    batch_places: Arc<Semaphore>,
    count: usize,
    patience: Duration,
    waiting: AtomicUsize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    _batch_place: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// So many places, for which a query waits so long.
    pub(crate) fn new(count: usize, patience: Duration) -> Self {
        let count = count.max(1);
        Self {
            places: Arc::new(Semaphore::new(count)),
            batch_places: Arc::new(Semaphore::new((count / BATCH_SHARE).max(1))),
            count,
            patience,
            waiting: AtomicUsize::new(0),
        }
    }

    /// How many queries may run.
    pub(crate) fn places(&self) -> usize {
        self.count
    }

    /// How many do.
    pub(crate) fn running(&self) -> usize {
        self.count - self.places.available_permits().min(self.count)
    }

    /// How many wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Error::Busy`] when none became free in time.
    pub(crate) async fn enter(&self, class: Class) -> Result<Place> {
        let _waiting = Waiting::new(&self.waiting);
        match timeout(self.patience, self.place(class)).await {
            Ok(place) => place,
            Err(_) => Err(Error::Busy {
                running: self.running(),
                // Those beside this one.
                waiting: self.waiting().saturating_sub(1),
                seconds: self.patience.as_secs_f64(),
            }),
        }
    }

    /// Waits for a place for a query that had one before, and has sent some of its rows. Its own deadline ends it.
    ///
    /// # Errors
    /// None but those of a server that stops.
    pub(crate) async fn enter_again(&self, class: Class) -> Result<Place> {
        let _waiting = Waiting::new(&self.waiting);
        self.place(class).await
    }

    async fn place(&self, class: Class) -> Result<Place> {
        let batch_place = match class {
            Class::Interactive => None,
            Class::Batch => Some(one_of(&self.batch_places).await?),
        };
        Ok(Place { _place: one_of(&self.places).await?, _batch_place: batch_place })
    }
}

async fn one_of(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    // It is never closed.
    Arc::clone(places).acquire_owned().await.map_err(|closed| Error::Internal(Box::new(closed)))
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, poll};

    use super::*;

    #[tokio::test]
    async fn who_came_first_is_first() {
        let admission = Admission::new(1, Duration::from_secs(60));
        let first = admission.enter(Class::Interactive).await.unwrap();
        let (mut second, mut third) =
            (Box::pin(admission.enter(Class::Interactive)), Box::pin(admission.enter(Class::Interactive)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(first);
        assert!(poll!(&mut third).is_pending());
        let place = second.now_or_never().unwrap().unwrap();
        drop(place);
        assert!(third.now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn batch_jobs_leave_places() {
        let admission = Admission::new(4, Duration::from_secs(60));
        let _jobs = [admission.enter(Class::Batch).await.unwrap(), admission.enter(Class::Batch).await.unwrap()];
        assert!(admission.enter(Class::Batch).now_or_never().is_none());
        assert!(admission.enter(Class::Interactive).now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn those_who_run_and_wait_are_counted() {
        let admission = Admission::new(2, Duration::from_secs(60));
        let place = admission.enter(Class::Interactive).await.unwrap();
        assert_eq!((admission.places(), admission.running(), admission.waiting()), (2, 1, 0));
        let _other = admission.enter(Class::Interactive).await.unwrap();
        let mut third = Box::pin(admission.enter(Class::Interactive));
        assert!(poll!(&mut third).is_pending());
        assert_eq!((admission.running(), admission.waiting()), (2, 1));
        drop((third, place));
        assert_eq!((admission.running(), admission.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let admission = Admission::new(1, Duration::ZERO);
        let _place = admission.enter(Class::Interactive).await.unwrap();
        let error = admission.enter(Class::Interactive).await.unwrap_err();
        assert!(matches!(error, Error::Busy { running: 1, waiting: 0, .. }), "{error}");
    }
}
