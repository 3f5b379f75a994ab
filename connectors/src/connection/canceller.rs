//! Asks a server to stop what it does for one of our connections.

use std::thread;
use std::time::Duration;

use tokio_postgres_rustls::MakeRustlsConnect;

/// How long asking may take: it is one small message on a connection of its own.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);

/// Interrupts what runs on one connection, from anywhere.
#[derive(Clone)]
pub(crate) struct Canceller {
    token: Token,
    tls: MakeRustlsConnect,
}

#[derive(Clone)]
enum Token {
    Client(tokio_postgres::CancelToken),
    Pooled(postgres::CancelToken),
}

impl Canceller {
    pub(super) fn of_client(token: tokio_postgres::CancelToken, tls: MakeRustlsConnect) -> Self {
        Self { token: Token::Client(token), tls }
    }

    pub(super) fn of_pooled(token: postgres::CancelToken, tls: MakeRustlsConnect) -> Self {
        Self { token: Token::Pooled(token), tls }
    }

    /// Asks the servers of all these connections to stop, and does not wait for it. Nobody tells whether
    /// something was stopped: what waits for an answer sees.
    pub(crate) fn cancel_all(cancellers: Vec<Self>) {
        let ask = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            for Self { token, tls } in cancellers {
                let asked = match token {
                    Token::Client(token) => {
                        runtime.block_on(async { tokio::time::timeout(CANCEL_TIMEOUT, token.cancel_query(tls)).await })
                    }
                    Token::Pooled(token) => Ok(token.cancel_query(tls)),
                };
                match asked {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!("the server could not be asked to stop a query: {error}"),
                    Err(_) => tracing::debug!("the server did not take the request to stop a query in time"),
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("cancel".to_owned()).spawn(ask) {
            tracing::warn!(%error, "running queries of PostgreSQL could not be cancelled");
        }
    }
}
