//! gRPC's C++ library, and with it pyarrow, sends the path of a Unix domain socket as the `:authority` of its requests,
//! with percent signs: `run%2Frail-forge.sock`. That is no authority (RFC 3986, 3.2), and h2 refuses the request before
//! anything of ours sees it. Nothing here depends on the authority, so the bytes that do not belong are replaced as they
//! are read. Each is replaced by one other byte: lengths, frames and the tables of HPACK stay as they are.
//!
//! Only Unix domain sockets need it; over TCP the authority is what the client connected to. Values in Huffman coding
//! are left alone: clients that write paths do not use it.
mod fields;
mod frames;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use frames::Frames;

/// What a client sends, in which requests have an authority that h2 takes.
pub(super) struct AuthorityReader<R> {
    reader: R,
    frames: Frames,
}

impl<R> AuthorityReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, frames: Frames::new() }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for AuthorityReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.reader).poll_read(context, buffer);
        if let Some(bytes) = buffer.filled_mut().get_mut(before..) {
            self.frames.take(bytes);
        }
        read
    }
}
