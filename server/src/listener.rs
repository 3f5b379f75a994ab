//! Where the Flight service listens: a TCP port, with TLS or without, and a Unix domain socket for clients on the same
//! host. What comes through either is a [`Connection`] that knows its [`Peer`]. Refused here: connections beyond the
//! limit, handshakes that fail or take too long, clients that connect and say nothing. How clients are accepted is the same
//! for HTTP.

mod accept;
mod authority;
mod certificates;
mod connection;
mod door;
mod lingering;
mod open_files;
mod reload;
mod seldom;
mod tls;
mod unix_socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::settings::Listening;
pub use accept::{Accepted, Places, accepted};
pub use connection::{Connection, Peer};
use tls::Tls;
use unix_socket::UnixSocket;

/// What the Flight service listens on.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Tls>,
    unix: Option<UnixSocket>,
    places: Arc<Places>,
}

impl Listener {
    /// Listens. Clients may connect from now on, and are answered once somebody takes the connections.
    ///
    /// # Errors
    /// When an address, the path of the socket, or a certificate cannot be used.
    pub async fn bind(settings: &Listening) -> Result<Self, Failure> {
        let tls = settings.tls.clone().map(Tls::open).transpose()?;
        let address = settings.address;
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|error| Failure::work(format!("cannot listen on {address}: {error}")))?;
        let unix = match &settings.unix_socket {
            Some(path) => Some(UnixSocket::bind(path).await?),
            None => None,
        };
        let places = Arc::new(Places::new(open_files::most_connections(settings.max_connections)));
        Ok(Self { tcp, tls, unix, places })
    }

    /// The address for clients over the network, as `grpc://ADDRESS:PORT`, or `grpc+tls://` with TLS.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn url(&self) -> Result<String, Failure> {
        let address: SocketAddr = self.tcp.local_addr().map_err(|error| Failure::work(error.to_string()))?;
        Ok(format!("{}://{address}", if self.tls.is_some() { "grpc+tls" } else { "grpc" }))
    }

    /// The address for clients on the same host, as `grpc+unix:///PATH`; `None` when there is none.
    pub fn unix_url(&self) -> Option<String> {
        self.unix.as_ref().map(|socket| format!("grpc+unix://{}", socket.path().display()))
    }

    /// The connections as they come, each ready to be served. It never ends by itself; when it is dropped, nobody can
    /// connect any longer, and the socket's file is gone.
    pub fn connections(self) -> BoxStream<'static, io::Result<Connection>> {
        let tcp = accepted(self.tcp, Arc::clone(&self.places));
        let tcp = match self.tls {
            Some(tls) => tls.secured(tcp),
            None => tcp.map(Connection::over_tcp).boxed(),
        };
        let unix = self.unix.map(|socket| accepted(socket, self.places).map(Connection::over_unix_socket));
        let connections = match unix {
            Some(unix) => stream::select(tcp, unix).boxed(),
            None => tcp,
        };
        connections.map(Ok).boxed()
    }
}
