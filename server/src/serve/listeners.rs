//! The listeners of a server, each on a task of its own. None of them ends before it is told to: one that does leaves a
//! server that lives and does not hear, which is of no use to anybody.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use crate::failure::{Failure, first_cause};

type Cause = Box<dyn Error + Send + Sync>;

/// The listeners that have not ended.
#[derive(Default)]
pub(super) struct Listeners(FuturesUnordered<BoxFuture<'static, Ended>>);

/// A listener that has ended.
struct Ended {
    name: &'static str,
    how: Result<(), Cause>,
}

impl Listeners {
    /// Starts one, under the name that operators know it by.
    pub(super) fn start<E: Into<Cause> + Send + 'static>(
        &self,
        name: &'static str,
        serving: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let task = tokio::spawn(serving);
        let ended = async move {
            let how: Result<(), Cause> = match task.await {
                Ok(served) => served.map_err(Into::into),
                Err(panicked) => Err(panicked.into()),
            };
            Ended { name, how }
        };
        self.0.push(ended.boxed());
    }

    /// Waits for one that ends although nobody has told it to.
    pub(super) async fn failed(&mut self) -> Failure {
        let Some(Ended { name, how }) = self.0.next().await else { return pending().await };
        let cause = match how {
            Ok(()) => "it has ended by itself".to_owned(),
            Err(cause) => first_cause(&*cause),
        };
        Failure::work(format!("the listener of {name} has failed: {cause}"))
    }

    /// Waits until they have closed their connections, for as long as that may take.
    pub(super) async fn close(mut self, most: Duration) {
        let closed = async {
            while let Some(Ended { name, how }) = self.0.next().await {
                if let Err(error) = how {
                    tracing::warn!(listener = name, %error, "a listener ended with an error");
                }
            }
        };
        if timeout(most, closed).await.is_err() {
            tracing::debug!("some clients have not closed their connections");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn deaf() -> io::Result<()> {
        Err(io::Error::other("the socket is gone"))
    }

    async fn defect() -> io::Result<()> {
        panic!("a defect")
    }

    async fn failure(serving: impl Future<Output = io::Result<()>> + Send + 'static) -> String {
        let mut listeners = Listeners::default();
        listeners.start("one", pending::<io::Result<()>>());
        listeners.start("another", serving);
        listeners.failed().await.to_string()
    }

    #[tokio::test]
    async fn one_that_ends_is_named_however_it_ends() {
        assert_eq!(failure(deaf()).await, "the listener of another has failed: the socket is gone");
        assert_eq!(failure(async { Ok(()) }).await, "the listener of another has failed: it has ended by itself");
        let panicked = failure(defect()).await;
        assert!(panicked.starts_with("the listener of another has failed: ") && panicked.contains("a defect"));
    }

    #[tokio::test]
    async fn those_that_are_told_to_end_are_waited_for() {
        let (listeners, (stop, stopped)) = (Listeners::default(), oneshot::channel::<()>());
        listeners.start("one", stopped);
        listeners.start("another", deaf());
        let closing = tokio::spawn(listeners.close(LONG));
        stop.send(()).unwrap();
        closing.await.unwrap();
    }

    #[tokio::test]
    async fn those_that_do_not_end_are_not_waited_for_for_ever() {
        let listeners = Listeners::default();
        listeners.start("one", pending::<io::Result<()>>());
        listeners.close(Duration::ZERO).await;
    }
}
