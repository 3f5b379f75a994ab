//! A connection of tokio-postgres with what it takes to interrupt it.

use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::canceller::Canceller;

/// A connection. It is closed when the client is dropped.
pub(crate) struct Connected {
    pub(crate) client: Client,
    pub(crate) canceller: Canceller,
}

impl Connected {
    /// Connects, and leaves the connection's own work to a task of the runtime that this runs on.
    pub(super) async fn connect(config: &Config, tls: MakeRustlsConnect) -> Result<Self, Error> {
        let (client, connection) = config.connect(tls.clone()).await?;
        tokio::spawn(async move {
            // Whoever waits for an answer gets an error too.
            if let Err(error) = connection.await {
                tracing::debug!("a connection to PostgreSQL has ended: {error}");
            }
        });
        let canceller = Canceller::of_client(client.cancel_token(), tls);
        Ok(Self { client, canceller })
    }
}
