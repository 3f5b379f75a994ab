//! Connections to PostgreSQL. The one place that decides host, port, role, password, database, TLS and timeouts,
//! as libpq understands a connection URL, for all three kinds of connections: sqlx's for the catalogue,
//! tokio-postgres's, and the one that ConnectorX takes. No text from here holds a password.

mod address;
mod canceller;
mod certificates;
mod error;
mod link;
mod password;
mod pooled;
#[cfg(test)]
mod tests;
mod tls;
mod tunnel;
mod url;
mod verifier;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use self::address::Address;
pub(crate) use self::canceller::Canceller;
use self::canceller::Target;
use self::error::Attempt;
pub(crate) use self::error::ConnectionError;
pub(crate) use self::link::{Connected, Link, Socket};
use self::password::Password;
pub(crate) use self::pooled::OnePool;
use self::tls::{Encryption, Tls};
use self::tunnel::Tunnel;
use self::url::Parameters;

/// What the server shows as the name of our connections.
const CATALOGUE_NAME: &str = "rail-forge catalogue";
const PULL_NAME: &str = "rail-forge pull";

/// What connections need beside the URL.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    /// A file that holds the password and nothing else.
    pub(crate) password_file: Option<PathBuf>,
    /// How long connecting may take altogether; `connect_timeout` of the URL goes first. Not zero.
    pub(crate) connect_timeout: Duration,
}

/// One database, and how to connect to it. Its `Debug` is its location.
#[derive(Clone)]
pub(crate) struct Database {
    address: Address,
    tls: Tls,
    password_file: Option<PathBuf>,
    connect_timeout: Duration,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.location())
    }
}

impl Database {
    /// Reads a URL. The error says what is wrong with it, without the source's name and without secrets.
    pub(crate) fn new(url: &str, settings: ConnectionSettings) -> Result<Self, String> {
        let parameters = Parameters::read(url, &variable)?;
        let address = Address::new(&parameters, &variable)?;
        let tls = Tls::new(&parameters, password::home(&variable))?;
        let tls = if address.network_host().is_some() { tls } else { tls.for_socket() };
        let connect_timeout = address.connect_timeout.unwrap_or(settings.connect_timeout);
        Ok(Self { address, tls, password_file: settings.password_file, connect_timeout })
    }

    /// Host, port and database, without user and password.
    pub(crate) fn location(&self) -> String {
        self.address.location()
    }

    /// A connection for the catalogue.
    pub(crate) async fn connect_catalogue(&self) -> Result<PgConnection, ConnectionError> {
        self.in_time(self.each_way(|encryption| self.connect_catalogue_once(encryption))).await
    }

    /// A connection of tokio-postgres, whose work is done by the runtime that this is called on.
    pub(crate) async fn connect(&self) -> Result<Connected, ConnectionError> {
        self.in_time(self.each_way(|encryption| self.connect_once(encryption))).await
    }

    /// A connection as ConnectorX takes it. It blocks, and must not be called on a runtime's thread.
    pub(crate) fn connect_pooled(&self) -> Result<OnePool, ConnectionError> {
        let deadline = Instant::now() + self.connect_timeout;
        let (encryption, otherwise) = self.tls.ways();
        match (self.connect_pooled_once(encryption, deadline), otherwise) {
            (Err(first), Some(encryption)) if first.depends_on_encryption() => {
                self.connect_pooled_once(encryption, deadline).map_err(|second| first.or(second))
            }
            (connected, _) => connected,
        }
    }

    /// Tries to connect as `sslmode` has it: with TLS and then without, or the other way round.
    async fn each_way<T, F>(&self, connect: impl Fn(Encryption) -> F) -> Result<T, ConnectionError>
    where
        F: Future<Output = Result<T, ConnectionError>>,
    {
        let (encryption, otherwise) = self.tls.ways();
        match (connect(encryption).await, otherwise) {
            (Err(first), Some(encryption)) if first.depends_on_encryption() => {
                connect(encryption).await.map_err(|second| first.or(second))
            }
            (connected, _) => connected,
        }
    }

    async fn in_time<T>(
        &self,
        connecting: impl Future<Output = Result<T, ConnectionError>>,
    ) -> Result<T, ConnectionError> {
        let silent = |_| Err(ConnectionError::silent(self.connect_timeout));
        tokio::time::timeout(self.connect_timeout, connecting).await.unwrap_or_else(silent)
    }

    async fn connect_catalogue_once(&self, encryption: Encryption) -> Result<PgConnection, ConnectionError> {
        let password = self.password()?;
        let attempt = self.attempt(password.as_ref());
        let options = self.catalogue_options(password.as_ref()).ssl_mode(match encryption {
            Encryption::Never => PgSslMode::Disable,
            Encryption::IfOffered => PgSslMode::Prefer,
            Encryption::Always => PgSslMode::Require,
        });
        let Some(host) =
            self.address.network_host().filter(|_| encryption != Encryption::Never && self.tls.identifies())
        else {
            return options.connect().await.map_err(|cause| ConnectionError::new(cause, &attempt));
        };
        let stream = tunnel::connect(host, self.address.port, self.tls.connector(encryption)?).await;
        let tunnel = Tunnel::new(stream.map_err(|cause| ConnectionError::new(cause, &attempt))?)?;
        let options = options.socket(tunnel.directory()).port(tunnel::PORT).ssl_mode(PgSslMode::Disable);
        match options.connect().await {
            Ok(connection) => {
                tunnel.keep();
                Ok(connection)
            }
            // sqlx sees that the stream has ended, and the tunnel why.
            Err(sqlx::Error::Io(end)) => Err(ConnectionError::new(tunnel.end().await.unwrap_or(end), &attempt)),
            Err(cause) => Err(ConnectionError::new(cause, &attempt)),
        }
    }

    async fn connect_once(&self, encryption: Encryption) -> Result<Connected, ConnectionError> {
        let password = self.password()?;
        let config = self.pull_config(encryption, password.as_ref());
        let connected = link::connect(&self.target(), &config, encryption, self.tls.connector(encryption)?).await;
        connected.map_err(|cause| ConnectionError::new(cause, &self.attempt(password.as_ref())))
    }

    fn target(&self) -> Target {
        let port = self.address.port;
        match (self.address.network_host(), self.address.socket_directory()) {
            (Some(host), _) => Target::Host(host.to_owned(), port),
            (None, directory) => Target::Socket(directory.unwrap_or_default().join(format!(".s.PGSQL.{port}"))),
        }
    }

    fn connect_pooled_once(&self, encryption: Encryption, deadline: Instant) -> Result<OnePool, ConnectionError> {
        let silent = || ConnectionError::silent(self.connect_timeout);
        let password = self.password()?;
        let config = self.pull_config(encryption, password.as_ref());
        let tls = self.tls.connector(encryption)?;
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or_else(silent)?;
        pooled::connect(config, tls, left).map_err(|cause| match cause {
            Some(cause) => ConnectionError::new(cause, &self.attempt(password.as_ref())),
            None => silent(),
        })
    }

    fn password(&self) -> Result<Option<Password>, ConnectionError> {
        password::find(&self.address, self.password_file.as_deref(), &variable)
    }

    fn attempt<'a>(&self, password: Option<&'a Password>) -> Attempt<'a> {
        Attempt { password_origin: password.map(Password::origin), timeout: self.connect_timeout }
    }

    /// What sqlx is told. Whatever libpq's variables could say to it is said here.
    fn catalogue_options(&self, password: Option<&Password>) -> PgConnectOptions {
        let Address { port, user, database, application_name, options, .. } = &self.address;
        let connection = PgConnectOptions::new_without_pgpass()
            .host(self.address.network_host().unwrap_or_default())
            .port(*port)
            .username(user)
            .database(database)
            .application_name(application_name.as_deref().unwrap_or(CATALOGUE_NAME))
            .statement_cache_capacity(0)
            // PgBouncer refuses it. Every version that we know sends floating-point numbers in full without it.
            .extra_float_digits(None);
        let connection = match self.address.socket_directory() {
            Some(directory) => connection.socket(directory),
            None => connection,
        };
        // PgBouncer refuses options too, even empty ones.
        let connection = match options.as_slice() {
            [] => connection,
            options => connection.options(options.iter().map(|(name, value)| (name, value))),
        };
        match password {
            Some(password) => connection.password(password.reveal()),
            None => connection,
        }
    }

    /// What tokio-postgres is told, and ConnectorX's client, which wraps it.
    fn pull_config(&self, encryption: Encryption, password: Option<&Password>) -> tokio_postgres::Config {
        let Address { port, user, database, application_name, all_options, .. } = &self.address;
        let mut config = tokio_postgres::Config::new();
        config
            .port(*port)
            .user(user)
            .dbname(database)
            .application_name(application_name.as_deref().unwrap_or(PULL_NAME))
            .connect_timeout(self.connect_timeout)
            .keepalives_idle(link::KEEPALIVE_IDLE)
            .keepalives_interval(link::KEEPALIVE_INTERVAL)
            .keepalives_retries(link::KEEPALIVE_RETRIES)
            .ssl_mode(match encryption {
                Encryption::Never => tokio_postgres::config::SslMode::Disable,
                Encryption::IfOffered => tokio_postgres::config::SslMode::Prefer,
                Encryption::Always => tokio_postgres::config::SslMode::Require,
            });
        if let Some(host) = self.address.network_host() {
            config.host(host);
        }
        if let Some(directory) = self.address.socket_directory() {
            config.host_path(directory);
        }
        if let Some(options) = all_options {
            config.options(options);
        }
        if let Some(password) = password {
            config.password(password.reveal());
        }
        config
    }
}

/// A variable of the process's environment; see [`url::Environment`].
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
