//! Messages as the body of an HTTP answer. hyper asks for the next piece when HTTP/2 has taken the one before, and keeps it
//! until there is room: a client that does not read has two messages waiting at most, and no more is computed for it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use http_body::{Body, Frame};
use prost::bytes::Bytes;
use tonic::Status;

use super::super::reason::with_reason;
use super::message::Message;

/// The body. How the call has ended stands in its trailers.
pub(super) struct RowsBody {
    messages: BoxStream<'static, Result<Message, Status>>,
    /// Of the message that is being sent.
    pieces: VecDeque<Bytes>,
    has_ended: bool,
}

impl RowsBody {
    pub(super) fn new(messages: BoxStream<'static, Result<Message, Status>>) -> Self {
        Self { messages, pieces: VecDeque::new(), has_ended: false }
    }
}

impl Body for RowsBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let end = loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match ready!(self.messages.poll_next_unpin(context)).map(|message| message.and_then(Message::framed)) {
                Some(Ok(pieces)) => self.pieces = pieces,
                Some(Err(status)) => break with_reason(status),
                None => break Status::ok(""),
            }
        };
        self.has_ended = true;
        // The query ends here, and not when the last of its rows are read.
        self.messages = futures::stream::empty().boxed();
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(end.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}
