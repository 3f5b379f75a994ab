//! Frames of an answer that are there together, as one. HTTP/2 writes each frame by itself and wakes the task of the
//! connection for it: for a result whose columns lie in many pieces, ten thousand times for each gigabyte. The pieces stay
//! where they are, and the system is given all of them at once.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use prost::bytes::{Buf, Bytes};

/// No more is joined to so much: what has been joined waits in HTTP/2 for a client that does not read.
const ENOUGH_BYTES: usize = 512 << 10;

/// A body whose frames are joined.
pub(super) struct JoinedBody<B: Body> {
    body: B,
    /// What came behind the frames that have been joined.
    next: Option<Result<HeaderMap, B::Error>>,
    has_ended: bool,
}

/// Pieces of memory, one after another.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pieces: VecDeque<Bytes>,
    remaining: usize,
}

impl<B: Body> JoinedBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, next: None, has_ended: false }
    }
}

impl<B: Body<Data = Bytes, Error: Unpin> + Unpin> Body for JoinedBody<B> {
    type Data = Joined;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Joined>, B::Error>>> {
        let mut joined = Joined::default();
        while self.next.is_none() && !self.has_ended && joined.remaining < ENOUGH_BYTES {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => joined.push(piece),
                    Err(other) => self.next = other.into_trailers().ok().map(Ok),
                },
                Poll::Ready(Some(Err(error))) => self.next = Some(Err(error)),
                Poll::Ready(None) => self.has_ended = true,
                Poll::Pending if joined.has_remaining() => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        if joined.has_remaining() {
            return Poll::Ready(Some(Ok(Frame::data(joined))));
        }
        Poll::Ready(self.next.take().map(|next| next.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none() && (self.has_ended || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Joined {
    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.remaining += piece.len();
            self.pieces.push_back(piece);
        }
    }
}

impl Buf for Joined {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], Bytes::as_ref)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| *slice = IoSlice::new(piece));
        filled.count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "there are {} bytes, and not {count}", self.remaining);
        self.remaining -= count;
        while let Some(piece) = self.pieces.front_mut().filter(|_| count > 0) {
            let taken = piece.len().min(count);
            count -= taken;
            if taken == piece.len() {
                self.pieces.pop_front();
            } else {
                piece.advance(taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{BodyExt, StreamBody};
    use tonic::Status;

    use super::*;

    const LETTERS: &[u8] = b"some letters that are cut anywhere";

    fn joined(cuts: &[usize]) -> Joined {
        let mut joined = Joined::default();
        let mut rest = Bytes::from_static(LETTERS);
        for cut in cuts {
            joined.push(rest.split_to(*cut));
        }
        joined.push(rest);
        joined
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, Status> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[test]
    fn pieces_are_read_as_one_wherever_they_are_cut() {
        for seed in 0..200 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut joined = joined(&[chance.usize(0..10), 0, chance.usize(0..10), chance.usize(0..10)]);
            let mut read = vec![];
            while joined.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let count = joined.chunks_vectored(&mut slices);
                let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
                assert_eq!(joined.chunk(), &slices[0][..]);
                let taken = chance.usize(..=seen.len());
                read.extend_from_slice(&seen[..taken]);
                joined.advance(taken);
                assert_eq!(joined.remaining(), LETTERS.len() - read.len());
            }
            assert_eq!(read, LETTERS, "seed {seed}");
        }
    }

    #[tokio::test]
    async fn what_is_there_together_is_one_frame_and_the_end_stands_behind_it() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", 0.into());
        let frames = [data("a"), data("b"), Ok(Frame::trailers(trailers.clone()))];
        let mut body = JoinedBody::new(StreamBody::new(stream::iter(frames)));
        let mut both = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(both.copy_to_bytes(both.remaining()), "ab");
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn an_error_comes_behind_what_came_before_it() {
        let frames = [data("a"), Err(Status::internal("no"))];
        let mut body = JoinedBody::new(StreamBody::new(stream::iter(frames)));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().remaining(), 1);
        assert_eq!(body.frame().await.unwrap().unwrap_err().message(), "no");
    }

    #[tokio::test]
    async fn what_is_there_does_not_wait_for_more() {
        let frames = futures::StreamExt::chain(stream::iter([data("a")]), stream::pending());
        let mut body = JoinedBody::new(StreamBody::new(frames));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().remaining(), 1);
    }
}
