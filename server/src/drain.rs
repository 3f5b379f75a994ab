//! The end of a server, in order. From the signal on, new calls are refused, and those that run may finish; when none
//! runs any more, or the time is over, everything that is left ends. Nothing is torn down before, so that a client hears
//! why it is refused. Who holds a ticket that was just handed out may fetch its result: for a moment, the server waits
//! for that as well. Which calls are counted, whoever counts them decides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long a server that is to stop waits for a client that was given a ticket and has not come with it. Clients come
/// at once, or never.
const TICKET_GRACE: Duration = Duration::from_secs(1);

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The signal has been given.
    Draining,
    /// Whatever still runs ends now.
    Over,
}

/// What there is to wait for.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    running: usize,
    /// Tickets that were handed out and not fetched. Some clients never do, and some fetch twice: it is no promise.
    tickets: usize,
    last_ticket: Option<Instant>,
}

impl Calls {
    fn give_ticket(&mut self, now: Instant) {
        if self.awaited_until(now).is_none() {
            self.tickets = 0;
        }
        self.tickets += 1;
        self.last_ticket = Some(now);
    }

    fn take_ticket(&mut self) {
        self.tickets = self.tickets.saturating_sub(1);
    }

    /// Until when somebody may come with a ticket.
    fn awaited_until(&self, now: Instant) -> Option<Instant> {
        let last = self.last_ticket.filter(|_| self.tickets > 0)?;
        Some(last + TICKET_GRACE).filter(|until| *until > now)
    }
}

/// Knows the calls that run, and how far the end has come. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain {
    phase: Arc<watch::Sender<Phase>>,
    calls: Arc<watch::Sender<Calls>>,
}

impl Drain {
    pub fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Serving)), calls: Arc::default() }
    }

    /// No new calls from now on.
    pub fn begin(&self) {
        self.phase.send_if_modified(|phase| {
            let has_begun = *phase != Phase::Serving;
            if !has_begun {
                *phase = Phase::Draining;
            }
            !has_begun
        });
    }

    /// Ends whatever still runs.
    pub fn finish(&self) {
        self.phase.send_replace(Phase::Over);
    }

    /// Whether the server is to stop.
    pub fn has_begun(&self) -> bool {
        *self.phase.borrow() != Phase::Serving
    }

    /// Waits for the signal.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        reached(self.phase.subscribe(), |phase| phase != Phase::Serving)
    }

    /// Waits for the end.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        reached(self.phase.subscribe(), |phase| phase == Phase::Over)
    }

    /// Counts a call, until what it gives is dropped.
    pub fn enter(&self) -> Running {
        self.calls.send_modify(|calls| calls.running += 1);
        Running { drain: self.clone() }
    }

    /// How many calls run.
    pub fn running(&self) -> usize {
        self.calls.borrow().running
    }

    /// A client has been given a ticket.
    pub fn give_ticket(&self) {
        self.calls.send_modify(|calls| calls.give_ticket(Instant::now()));
    }

    /// A client has come with a ticket.
    pub fn take_ticket(&self) {
        self.calls.send_modify(Calls::take_ticket);
    }

    /// Waits until no call runs, and nobody is expected with a ticket.
    pub async fn idle(&self) {
        let mut calls = self.calls.subscribe();
        loop {
            let now = *calls.borrow_and_update();
            let has_changed = match now.awaited_until(Instant::now()) {
                _ if now.running > 0 => calls.changed().await,
                Some(until) => timeout_at(until, calls.changed()).await.unwrap_or(Ok(())),
                None => return,
            };
            // The sender is this one's own.
            if has_changed.is_err() {
                return;
            }
        }
    }
}

/// A sender that is gone means the end as well.
async fn reached(mut phase: watch::Receiver<Phase>, wanted: fn(Phase) -> bool) {
    let _ = phase.wait_for(|phase| wanted(*phase)).await;
}

/// A call that runs, until it is dropped.
#[derive(Debug)]
pub struct Running {
    drain: Drain,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drain.calls.send_modify(|calls| calls.running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, poll};

    use super::*;

    #[tokio::test]
    async fn it_is_idle_when_the_last_call_has_ended() {
        let drain = Drain::new();
        assert!(drain.idle().now_or_never().is_some());
        let (first, second) = (drain.enter(), drain.enter());
        let mut idle = Box::pin(drain.idle());
        assert!(poll!(&mut idle).is_pending());
        drop(first);
        assert!(poll!(&mut idle).is_pending());
        assert_eq!(drain.running(), 1);
        drop(second);
        idle.await;
    }

    #[tokio::test]
    async fn a_ticket_is_waited_for_until_it_is_fetched() {
        let drain = Drain::new();
        drain.give_ticket();
        let mut idle = Box::pin(drain.idle());
        assert!(poll!(&mut idle).is_pending());
        drain.take_ticket();
        idle.await;
        // Twice is once too often, and no harm.
        drain.take_ticket();
        assert!(drain.idle().now_or_never().is_some());
    }

    #[test]
    fn a_ticket_is_not_waited_for_for_long() {
        let (mut calls, now) = (Calls::default(), Instant::now());
        assert_eq!(calls.awaited_until(now), None);
        calls.give_ticket(now);
        assert_eq!(calls.awaited_until(now), Some(now + TICKET_GRACE));
        let later = now + TICKET_GRACE;
        assert_eq!(calls.awaited_until(later), None);
        // One that was never fetched is forgotten.
        calls.give_ticket(later);
        calls.take_ticket();
        assert_eq!(calls.awaited_until(later), None);
    }

    #[tokio::test]
    async fn phases_follow_each_other() {
        let drain = Drain::new();
        let (mut begun, mut over) = (Box::pin(drain.begun()), Box::pin(drain.over()));
        assert!(!drain.has_begun() && poll!(&mut begun).is_pending());
        drain.begin();
        begun.await;
        assert!(drain.has_begun() && poll!(&mut over).is_pending());
        drain.finish();
        over.await;
        // A signal that comes late does not begin again.
        drain.begin();
        assert!(drain.over().now_or_never().is_some());
    }
}
