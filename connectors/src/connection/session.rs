//! A connection of tokio-postgres with what it takes to interrupt it.

use std::time::Duration;

use tokio_postgres::{CancelToken, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long asking the server to stop may take: it is one small message on a connection of its own.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection. It is closed when the client is dropped.
#[expect(dead_code, reason = "for readers that can be interrupted")]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) canceller: Canceller,
}

/// Interrupts what runs on one connection, from anywhere.
#[derive(Clone)]
pub(crate) struct Canceller {
    token: CancelToken,
    tls: MakeRustlsConnect,
}

impl Session {
    /// Connects, and leaves the connection's own work to a task of the runtime that this runs on.
    pub(super) async fn connect(config: &Config, tls: MakeRustlsConnect) -> Result<Self, Error> {
        let (client, connection) = config.connect(tls.clone()).await?;
        tokio::spawn(async move {
            // Whoever waits for an answer gets an error too.
            if let Err(error) = connection.await {
                tracing::debug!("a connection to PostgreSQL has ended: {error}");
            }
        });
        let canceller = Canceller { token: client.cancel_token(), tls };
        Ok(Self { client, canceller })
    }
}

impl Canceller {
    /// Asks the server to stop what runs. It is not told whether something did: what waits for the answer sees.
    #[expect(dead_code, reason = "for readers that can be interrupted")]
    pub(crate) async fn cancel(&self) {
        let cancelled = self.token.cancel_query(self.tls.clone());
        match tokio::time::timeout(CANCEL_TIMEOUT, cancelled).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("the server could not be asked to stop a query: {error}"),
            Err(_) => tracing::debug!("the server did not take the request to stop a query in time"),
        }
    }
}
