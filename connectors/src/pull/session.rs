//! A connection that takes part in a snapshot and reads one query after the other. After an error
//! it is of no use any more: its transaction has failed, or rows that nobody wants are still coming.

use std::sync::Arc;

use super::batch_sink::{BatchSink, Output};
use super::connectorx::ConnectorXReader;
use super::copy::CopyReader;
use super::socket::{ServerError, SocketReader};
use super::{PullFailure, Selection, exported_snapshot};
use crate::TableName;
use crate::catalogue::MAY_NOT_READ;
use crate::connection::{Canceller, Connected, Link};
use crate::error::{Cause, Error};
use crate::shard::{Shard, in_shard};
use crate::source::Source;
use crate::source_settings::Reader;

/// Something that reads rows in PostgreSQL's binary format.
pub(super) trait RowReader: Send {
    /// Runs statements that give no rows, or whose rows do not matter.
    fn execute(&mut self, statements: &str) -> Result<(), Broken>;

    /// Hands every row of the query to the sink, cell by cell.
    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken>;
}

/// Why a query ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The database said so, or the connection was lost; through tokio-postgres.
    Database(tokio_postgres::Error),
    /// The database said so.
    Server(ServerError),
    /// The connection was lost.
    Lost(Cause),
    /// What came is not PostgreSQL's format.
    Malformed,
    Other(Cause),
    /// The rows were refused, or are not wanted any more.
    Rows(PullFailure),
}

impl From<tokio_postgres::Error> for Broken {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Rows(error.into())
    }
}

impl From<PullFailure> for Broken {
    fn from(failure: PullFailure) -> Self {
        Self::Rows(failure)
    }
}

/// The SQLSTATE of `query_canceled`.
const CANCELLED: &str = "57014";

/// What a session reads for, which decides on what to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Refresh,
    /// A query reads a table with it.
    Query,
    /// PostgreSQL answers a query as a whole.
    WholeQuery,
}

/// A connection to a database of a source as a snapshot sees it.
pub(crate) struct Session {
    source: Arc<Source>,
    /// The number of the shard.
    shard: usize,
    purpose: Purpose,
    reader: Box<dyn RowReader>,
    canceller: Canceller,
}

impl Session {
    /// Connects, on a thread that may block.
    ///
    /// # Errors
    /// [`Error::Source`] when no connection can be had, or the snapshot has gone.
    pub(crate) fn open(source: &Arc<Source>, shard: usize, snapshot_id: &str) -> crate::Result<Self> {
        let mut session = Self::connect(source, shard, Purpose::Refresh)?;
        session.execute(&exported_snapshot::import_statements(snapshot_id, source.settings().lock_timeout))?;
        Ok(session)
    }

    /// Connects, on a thread that may block, and begins no transaction.
    ///
    /// # Errors
    /// [`Error::Source`] when no connection can be had.
    pub(crate) fn connect(source: &Arc<Source>, shard: usize, purpose: Purpose) -> crate::Result<Self> {
        let of = &source.shards()[shard];
        let unreachable = |error| source.unreachable(of, error);
        let (reader, canceller): (Box<dyn RowReader>, _) = match source.settings().reader {
            Reader::Auto | Reader::Copy => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|cause| lost(source, of, Broken::Other(cause.into()), None, purpose))?;
                let Connected { link, canceller } = runtime.block_on(of.database.connect()).map_err(unreachable)?;
                let reader: Box<dyn RowReader> = match link {
                    Link::Socket(socket) => Box::new(SocketReader::new(socket)),
                    Link::Client(client) => Box::new(CopyReader { runtime, client }),
                };
                (reader, canceller)
            }
            Reader::ConnectorX => {
                let pool = of.database.connect_pooled().map_err(unreachable)?;
                let canceller = pool.canceller.clone();
                (Box::new(ConnectorXReader { pool }), canceller)
            }
        };
        Ok(Self { source: Arc::clone(source), shard, purpose, reader, canceller })
    }

    /// Runs statements that give no rows. After an error the session must be dropped.
    ///
    /// # Errors
    /// [`Error::Source`].
    pub(crate) fn execute(&mut self, statements: &str) -> crate::Result<()> {
        self.reader.execute(statements).map_err(|broken| self.lost(broken, None))
    }

    /// The number of the shard that it is connected to.
    pub(crate) fn shard(&self) -> usize {
        self.shard
    }

    /// Locks a table against changes of what it is, and not of its rows.
    ///
    /// # Errors
    /// [`Error::Table`] when it is not there, or somebody changes it for longer than `lock_timeout`.
    pub(crate) fn lock(&mut self, table: &TableName) -> crate::Result<()> {
        let statement = format!("LOCK TABLE {} IN ACCESS SHARE MODE", table.quoted());
        self.reader.execute(&statement).map_err(|broken| self.lost(broken, Some(table)))
    }

    /// Ends its transaction and the connection, so that the server has nothing to complain of. Blocks.
    pub(crate) fn close(mut self) {
        if let Err(error) = self.execute("COMMIT") {
            tracing::debug!(%error, "a connection was not closed in order");
        }
    }

    /// What stops a query that it runs.
    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Reads a query whose columns are the selection's. After an error the session must be dropped.
    ///
    /// # Errors
    /// [`Error::Table`] when this table cannot be read but others can, [`Error::Source`] when nothing can.
    pub(crate) fn read(
        &mut self,
        selection: &Selection,
        query: &str,
        output: Output<'_>,
    ) -> Result<usize, PullFailure> {
        let mut sink = BatchSink::new(selection, self.source.settings().unrepresentable, output);
        match self.reader.read(query, &mut sink) {
            Ok(()) => sink.finish().map_err(|failure| self.located(failure)),
            Err(Broken::Rows(failure)) => Err(self.located(failure)),
            Err(broken) => Err(self.lost(broken, Some(&selection.table)).into()),
        }
    }

    /// A failure of the rows' table, with the shard that the rows are of.
    fn located(&self, failure: PullFailure) -> PullFailure {
        match failure {
            PullFailure::Error(Error::Table { table, column, message, cause }) => {
                let message = in_shard(&self.source.shards()[self.shard].name, message);
                Error::Table { table, column, message, cause }.into()
            }
            other => other,
        }
    }

    fn lost(&self, broken: Broken, table: Option<&TableName>) -> Error {
        lost(&self.source, &self.source.shards()[self.shard], broken, table, self.purpose)
    }
}

/// What an error means for the table that was being read, or for the whole refresh.
fn lost(source: &Source, shard: &Shard, broken: Broken, table: Option<&TableName>, purpose: Purpose) -> Error {
    let broken = match broken {
        Broken::Server(error) if purpose == Purpose::WholeQuery && concerns_query(&error.code) => {
            return query_failed(source, &error.code.clone(), &error.message.clone(), error.into());
        }
        Broken::Database(error) if purpose == Purpose::WholeQuery => match error.as_db_error() {
            Some(said) if concerns_query(said.code().code()) => {
                let (code, message) = (said.code().code().to_owned(), said.message().to_owned());
                return query_failed(source, &code, &message, error.into());
            }
            _ => Broken::Database(error),
        },
        other => other,
    };
    let (message, concerns_table, cause): (String, bool, Option<Cause>) = match broken {
        Broken::Rows(PullFailure::Error(error)) => return error,
        Broken::Rows(PullFailure::NeedsText { .. } | PullFailure::Unreadable(_)) | Broken::Malformed => {
            ("what PostgreSQL sent is not its binary format".to_owned(), false, None)
        }
        Broken::Lost(cause) => ("the connection to PostgreSQL was lost".to_owned(), false, Some(cause)),
        Broken::Server(error) => {
            let (message, concerns_table) = explain(Some(&error.code), purpose);
            (message, concerns_table, Some(Box::new(error)))
        }
        Broken::Other(cause) => ("PostgreSQL could not be read".to_owned(), false, Some(cause)),
        Broken::Database(error) => {
            let code = error.code().map(|code| code.code().to_owned());
            let (message, concerns_table) = explain(code.as_deref(), purpose);
            (message, concerns_table, Some(Box::new(error)))
        }
    };
    match table {
        Some(table) if concerns_table => {
            let message = in_shard(&shard.name, message);
            Error::Table { table: Box::new(table.clone()), column: None, message, cause }
        }
        table => {
            let place = table.map(|table| format!("while reading {table}: ")).unwrap_or_default();
            let source_name = source.name().to_owned();
            Error::Source { source_name, message: format!("{}{place}{message}", shard.heading()), cause }
        }
    }
}

/// Whether an error is of the query itself, and not of the database or the connection to it.
fn concerns_query(code: &str) -> bool {
    !matches!(code.get(..2), Some("08" | "28" | "53" | "57" | "58") | None) || code == CANCELLED
}

/// Whether a query's data are the reason of an error: data exception, cardinality violation.
fn is_of_values(code: &str) -> bool {
    matches!(code.get(..2), Some("21" | "22"))
}

/// That PostgreSQL has not answered a query. What it says of the values that the query has computed is for whoever
/// has asked; what else it says may name what is not theirs to know.
pub(crate) fn query_failed(source: &Source, code: &str, message: &str, cause: Cause) -> Error {
    let message = match code {
        CANCELLED => "it took longer than statement_timeout, or an operator cancelled it",
        "42501" => "the role of the connection may not read something that it needs",
        "55P03" => "somebody holds a lock on a table; ask again, or raise lock_timeout",
        "25006" => "it would change something",
        _ if is_of_values(code) => message,
        _ => "it was refused",
    };
    let (source_name, message) = (source.name().to_owned(), format!("{message} (SQLSTATE {code})"));
    Error::WholeQuery { source_name, message, is_of_values: is_of_values(code), cause }
}

/// What a SQLSTATE says, in words of ours, and whether it concerns one table alone
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn explain(code: Option<&str>, purpose: Purpose) -> (String, bool) {
    let Some(code) = code else { return ("the connection to PostgreSQL was lost".to_owned(), false) };
    let message = match (code, purpose) {
        ("42501", _) => MAY_NOT_READ,
        ("42P01" | "42703" | "3F000", Purpose::Refresh) => "it was dropped or changed while it was read",
        ("42P01" | "42703" | "3F000" | "42809", Purpose::Query | Purpose::WholeQuery) => {
            "it was dropped or changed; refresh it"
        }
        ("55P03", Purpose::Refresh) => "somebody holds a lock on it; it is read again at the next refresh",
        ("55P03", Purpose::Query | Purpose::WholeQuery) => {
            "somebody holds a lock on it; ask again, or raise lock_timeout"
        }
        (CANCELLED, Purpose::Refresh) => "its reading was cancelled by an operator",
        (CANCELLED, Purpose::Query | Purpose::WholeQuery) => {
            "reading it took longer than statement_timeout, or an operator cancelled it"
        }
        ("57P01" | "57P02" | "57P03" | "57P05", _) => return ("PostgreSQL is shutting down".to_owned(), false),
        _ => {
            let concerns_source = code == "08P01" || matches!(&code[..code.len().min(2)], "25" | "28" | "53" | "58");
            let what = match purpose {
                Purpose::Refresh => "the pull",
                Purpose::Query | Purpose::WholeQuery => "reading it",
            };
            return (format!("PostgreSQL stopped {what} (SQLSTATE {code})"), !concerns_source);
        }
    };
    (message.to_owned(), true)
}
