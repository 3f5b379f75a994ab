//! What clients come in through: one trait for the kinds of sockets that accept.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream};

/// A socket that accepts.
pub trait Door: Send + Sync + 'static {
    /// What it gives.
    type Stream: Send + 'static;

    /// The next client, and where it is, if it is anywhere else than on this host.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>>;
}

impl Door for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Option<SocketAddr>)>> {
        TcpListener::poll_accept(self, context).map_ok(|(stream, address)| (stream, Some(address)))
    }
}
