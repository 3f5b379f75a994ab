//! The answer of a call on its way: it keeps the call counted until its last byte has been taken, gives the reason to a
//! status that ends it, and ends it when the server does.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::{Code, Status};

use super::awaited::Counted;
use super::calls::{CallRecord, shut_down};
use crate::drain::Drain;

/// The body of a call's answer.
pub(super) struct CallBody {
    body: Body,
    record: CallRecord,
    /// Comes when the server ends.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Who is told that a ticket was handed out, if one is.
    tickets: Option<Drain>,
    has_ended: bool,
    /// The last field: whoever sees that the call has ended finds it recorded.
    _counted: Option<Counted>,
}

impl CallBody {
    pub(super) fn new(
        body: Body,
        record: CallRecord,
        over: Pin<Box<dyn Future<Output = ()> + Send>>,
        counted: Option<Counted>,
        tickets: Option<Drain>,
    ) -> Self {
        Self { body, record, over, tickets, has_ended: false, _counted: counted }
    }

    /// The trailers with which an answer ends.
    fn end(&mut self, trailers: &mut HeaderMap) {
        self.has_ended = true;
        if self.record.end_with(trailers) == Some(Code::Ok)
            && let Some(drain) = self.tickets.take()
        {
            drain.give_ticket();
        }
    }
}

impl HttpBody for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        // First, because a stream that always has something would never come to it.
        if this.over.as_mut().poll(context).is_ready() {
            this.has_ended = true;
            let mut trailers = HeaderMap::new();
            return match shut_down().add_header(&mut trailers) {
                Ok(()) => {
                    this.end(&mut trailers);
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                Err(status) => Poll::Ready(Some(Err(status))),
            };
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match frame {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.record.sent(data.len());
                }
                if let Some(trailers) = frame.trailers_mut() {
                    this.end(trailers);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(status))) => {
                this.has_ended = true;
                this.record.end(&status);
                Poll::Ready(Some(Err(status)))
            }
            Poll::Ready(None) => {
                this.has_ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
