//! Asks a server to stop what it does for one of our connections.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::NoTls;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::Encryption;
use crate::error::Cause;

/// How long asking may take: it is one small message on a connection of its own.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is asked.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where a server listens.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Host(String, u16),
    /// The path of its socket.
    Socket(PathBuf),
}

/// Interrupts what runs on one connection, from anywhere.
#[derive(Clone)]
pub(crate) struct Canceller {
    token: Token,
    tls: MakeRustlsConnect,
}

#[derive(Clone)]
enum Token {
    Client { token: tokio_postgres::CancelToken, target: Target, encryption: Encryption },
    Pooled(postgres::CancelToken),
}

impl Canceller {
    pub(super) fn of_client(
        token: tokio_postgres::CancelToken,
        target: Target,
        encryption: Encryption,
        tls: MakeRustlsConnect,
    ) -> Self {
        Self { token: Token::Client { token, target, encryption }, tls }
    }

    pub(super) fn of_pooled(token: postgres::CancelToken, tls: MakeRustlsConnect) -> Self {
        Self { token: Token::Pooled(token), tls }
    }

    /// Asks the servers of all connections that `running` gives to stop, on a thread of its own, until it gives
    /// none: a request that comes between two queries of a connection stops neither. Nobody tells whether something
    /// was stopped; what waits for an answer sees.
    pub(crate) fn cancel_while(mut running: impl FnMut() -> Option<Vec<Self>> + Send + 'static) {
        let ask = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            while let Some(cancellers) = running() {
                for canceller in cancellers {
                    if let Err(error) = canceller.cancel(&runtime) {
                        tracing::debug!(error = &*error, "a server could not be asked to stop a query");
                    }
                }
                thread::sleep(ASK_AGAIN);
            }
        };
        if let Err(error) = thread::Builder::new().name("cancel".to_owned()).spawn(ask) {
            tracing::warn!(%error, "running queries of PostgreSQL could not be cancelled");
        }
    }

    fn cancel(self, runtime: &tokio::runtime::Runtime) -> Result<(), Cause> {
        let Self { token, mut tls } = self;
        match token {
            Token::Pooled(token) => Ok(token.cancel_query(tls)?),
            Token::Client { token, target, encryption } => runtime.block_on(async {
                tokio::time::timeout(CANCEL_TIMEOUT, async {
                    match target {
                        Target::Socket(path) => {
                            Ok(token.cancel_query_raw(UnixStream::connect(path).await?, NoTls).await?)
                        }
                        Target::Host(host, port) => {
                            let stream = TcpStream::connect((host.as_str(), port)).await?;
                            if encryption == Encryption::Never {
                                return Ok(token.cancel_query_raw(stream, NoTls).await?);
                            }
                            let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, &host)?;
                            Ok(token.cancel_query_raw(stream, tls).await?)
                        }
                    }
                })
                .await?
            }),
        }
    }
}
