//! Messages as the body of an HTTP answer. hyper asks for the next piece when HTTP/2 has taken the one before, and keeps it
//! until there is room: a client that does not read has two messages waiting at most, and no more is computed for it. At
//! the deadline they are given up, though nobody asks.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::HeaderMap;
use http_body::{Body, Frame};
use prost::bytes::Bytes;
use tokio::task::AbortHandle;
use tonic::Status;

use super::super::reason::with_reason;
use super::message::Message;
use super::{Deadline, Rows};

/// A message that is not larger is not worth a clock: HTTP/2 takes it at once.
const UNWATCHED_BYTES: usize = 64 << 10;

/// The body. How the call has ended stands in its trailers.
pub(super) struct RowsBody {
    unsent: Arc<Mutex<Unsent>>,
    watch: Watch,
    has_ended: bool,
}

/// What the client has not taken.
struct Unsent {
    messages: BoxStream<'static, Result<Message, Status>>,
    /// Of the message that is being sent.
    pieces: VecDeque<Bytes>,
    /// Who waits for the next message.
    reader: Option<Waker>,
}

/// Sees to it that nothing is held at the deadline.
enum Watch {
    Off(Option<Deadline>),
    On(AbortHandle),
}

impl RowsBody {
    pub(super) fn new(mut rows: Rows) -> Self {
        let watch = Watch::Off(rows.deadline.take());
        Self { unsent: Arc::new(Mutex::new(Unsent::of(rows.messages()))), watch, has_ended: false }
    }

    /// The next piece, the end, or an error.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        let mut unsent = lock(&self.unsent);
        loop {
            if let Some(piece) = unsent.pieces.pop_front() {
                return Poll::Ready(Ok(Some(piece)));
            }
            let Poll::Ready(message) = unsent.messages.poll_next_unpin(context) else {
                unsent.reader = Some(context.waker().clone());
                return Poll::Pending;
            };
            let Some(message) = message else { return Poll::Ready(Ok(None)) };
            unsent.pieces = message?.framed()?;
            if unsent.pieces.iter().map(Bytes::len).sum::<usize>() > UNWATCHED_BYTES {
                self.watch.begin(&self.unsent);
            }
        }
    }
}

impl Unsent {
    fn of(messages: BoxStream<'static, Result<Message, Status>>) -> Self {
        Self { messages, pieces: VecDeque::new(), reader: None }
    }
}

impl Watch {
    fn begin(&mut self, unsent: &Arc<Mutex<Unsent>>) {
        if let Self::Off(deadline) = self
            && let Some(deadline) = deadline.take()
        {
            *self = Self::On(tokio::spawn(give_up(deadline, Arc::downgrade(unsent))).abort_handle());
        }
    }
}

/// Gives up at the deadline what is not sent by then.
async fn give_up(deadline: Deadline, unsent: Weak<Mutex<Unsent>>) {
    tokio::time::sleep_until(deadline.time.into()).await;
    let Some(unsent) = unsent.upgrade() else { return };
    let failed = Unsent::of(stream::iter([Err((deadline.passed)())]).boxed());
    let given_up = mem::replace(&mut *lock(&unsent), failed);
    if let Some(reader) = given_up.reader {
        reader.wake();
    }
}

/// Held by whoever reads while a message is made.
fn lock(unsent: &Mutex<Unsent>) -> MutexGuard<'_, Unsent> {
    unsent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for RowsBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let end = match ready!(self.poll_piece(context)) {
            Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
            Ok(None) => Status::ok(""),
            Err(status) => with_reason(status),
        };
        self.has_ended = true;
        // The query ends here, and not when the last of its rows are read.
        *lock(&self.unsent) = Unsent::of(stream::empty().boxed());
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(end.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}

impl Drop for RowsBody {
    fn drop(&mut self) {
        if let Watch::On(watch) = &self.watch {
            watch.abort();
        }
    }
}
