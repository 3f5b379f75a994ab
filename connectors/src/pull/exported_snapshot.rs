//! One PostgreSQL snapshot that all connections of a refresh to a database share: a transaction exports it
//! (`pg_export_snapshot`) and stays open while the others import it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use crate::as_of::{AsOf, Lsn};
use crate::catalogue::{self, TableDescription};
use crate::error::{Error, Result};
use crate::shard::Shard;
use crate::source::Source;
use crate::source_settings::SourceSettings;

/// The time and WAL position *before* the snapshot is taken, so that whoever has seen a commit at or below
/// that position finds it in the snapshot. A standby knows what it has replayed.
pub(crate) const POSITION: &str = "
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text";

/// Timeouts of the role or the database must not end a pull half way. Which there are depends on the version.
/// They hold for the transaction alone, because behind a pooler the session is somebody else's next.
const WITHOUT_TIMEOUTS: &str = "
    SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings
    WHERE name IN ('idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout')";

/// How values are printed that come as text, whatever the role's settings are: with all digits, and so that the
/// text of a value is always the same.
const TEXT_FORMS: &str = "
    SET LOCAL extra_float_digits = 1; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL intervalstyle = 'postgres';
    SET LOCAL bytea_output = 'hex'";

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Which history of which database this is: its system, and the timeline that a promotion or a restore has begun.
const HISTORY: &str = "
    SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system())::text || ' ' ||
           CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())::text
                ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END";

/// The end of the log, which a standby does not write, and whether it has been flushed up to a position. With
/// `synchronous_commit = off` what is committed need not be.
const LOG_END: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END";
const IS_FLUSHED: &str = "SELECT pg_current_wal_flush_lsn() >= ";
/// How often that is asked, and for how long: the WAL writer flushes what was committed within three times its
/// delay (<https://www.postgresql.org/docs/current/wal-async-commit.html>), 0.6 s with the default. What is still not
/// flushed then is no commit.
const FLUSH_POLL: Duration = Duration::from_millis(20);
const FLUSH_DELAYS: u32 = 3;
/// In milliseconds.
const FLUSH_DELAY: &str = "SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'wal_writer_delay'";

/// How long PostgreSQL may take to describe all tables. A hundred thousand take seconds; a host that has vanished
/// would never answer.
const CATALOGUE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long closing the connection may take; the snapshot ends with it in any case.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An exported snapshot and the transaction that holds it.
pub(super) struct ExportedSnapshot {
    connection: PgConnection,
    pub(super) id: String,
    pub(super) as_of: AsOf,
    /// What must be the same for anything that was read before to mean the same; empty where it is not told.
    pub(super) history: String,
}

impl ExportedSnapshot {
    /// Connects and exports a snapshot.
    ///
    /// # Errors
    /// [`Error::Source`] when the database cannot be reached or refuses the role.
    pub(super) async fn export(source: &Source, shard: &Shard) -> Result<Self> {
        let connected = shard.database.connect_catalogue().await;
        let mut connection = connected.map_err(|error| source.unreachable(shard, error))?;
        // A role may have been forbidden to ask.
        let history = sqlx::raw_sql(HISTORY).fetch_one(&mut connection).await.and_then(|row| row.try_get(0));
        let history = history.unwrap_or_default();
        let beginning = begin(&mut connection, source.settings().lock_timeout);
        let (as_of, id) = in_time(source, shard, beginning).await?;
        Ok(Self { connection, id, as_of, history })
    }

    /// The shard's tables as the snapshot sees them.
    pub(super) async fn describe(&mut self, source: &Source, shard: (usize, &Shard)) -> Result<Vec<TableDescription>> {
        in_time(source, shard.1, catalogue::describe(&mut self.connection, source, shard)).await
    }

    /// Waits until what the snapshot shows would outlive a crash of the database: what is read of it is built on
    /// later.
    pub(super) async fn outlives_crashes(&mut self, source: &Source, shard: &Shard) -> Result<()> {
        self.wait_for_flush().await.map_err(|cause| broken(source, shard, cause))
    }

    async fn wait_for_flush(&mut self) -> Result<(), sqlx::Error> {
        let end: Option<String> = sqlx::raw_sql(LOG_END).fetch_one(&mut self.connection).await?.try_get(0)?;
        let Some(end) = end else { return Ok(()) };
        let delay: i64 = sqlx::raw_sql(FLUSH_DELAY).fetch_one(&mut self.connection).await?.try_get(0)?;
        let limit = FLUSH_DELAYS * Duration::from_millis(delay.unsigned_abs());
        let query = format!("{IS_FLUSHED}'{end}'::pg_lsn");
        let asked_first = Instant::now();
        loop {
            let is_last = asked_first.elapsed() > limit;
            let asked = sqlx::raw_sql(sqlx::AssertSqlSafe(query.clone())).fetch_one(&mut self.connection).await?;
            if is_last || asked.try_get(0)? {
                return Ok(());
            }
            tokio::time::sleep(FLUSH_POLL).await;
        }
    }

    /// Ends the transaction. An error changes nothing: the rows have been read.
    pub(super) async fn close(self) {
        if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, self.connection.close()).await, Ok(Ok(()))) {
            tracing::debug!("the connection that held the snapshot was not closed in order");
        }
    }
}

/// Statements with which a connection takes part in the snapshot. Scans go from the first page to the last, by
/// one process, so that rows come in the order of their places.
pub(super) fn import_statements(snapshot_id: &str, lock_timeout: Duration) -> String {
    format!(
        "{BEGIN}; SET TRANSACTION SNAPSHOT '{}'; SET LOCAL lock_timeout = {}; SET LOCAL synchronize_seqscans = off; \
         SET LOCAL max_parallel_workers_per_gather = 0; \
         {TEXT_FORMS}; \
         {WITHOUT_TIMEOUTS}",
        snapshot_id.replace('\'', "''"),
        lock_timeout.as_millis(),
    )
}

/// Statements with which a connection begins to read for a query, with a snapshot of its own or in one that
/// another has exported. None of them takes a snapshot; [`reading_statements`] come next.
pub(crate) fn query_statements(snapshot_id: Option<&str>, settings: &SourceSettings) -> String {
    let import = snapshot_id.map(|id| format!("SET TRANSACTION SNAPSHOT '{}'; ", id.replace('\'', "''")));
    format!(
        "{BEGIN}; {}SET LOCAL lock_timeout = {}; {}",
        import.unwrap_or_default(),
        settings.lock_timeout.as_millis(),
        statement_timeout(settings),
    )
}

/// Statements before the first read of a query; they take its snapshot. Unlike a refresh, a query may be stopped, and
/// may scan with several processes.
pub(crate) fn reading_statements(settings: &SourceSettings) -> String {
    format!("{TEXT_FORMS}; {WITHOUT_TIMEOUTS}; {}", statement_timeout(settings))
}

fn statement_timeout(settings: &SourceSettings) -> String {
    format!("SET LOCAL statement_timeout = {}", settings.statement_timeout.as_millis())
}

/// What [`POSITION`] has answered.
pub(crate) fn moment(micros: i64, lsn: Option<&str>) -> AsOf {
    let time = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    AsOf { time, lsn: lsn.and_then(|lsn| lsn.parse().ok()).unwrap_or(Lsn::UNKNOWN) }
}

async fn begin(connection: &mut PgConnection, lock_timeout: Duration) -> Result<(AsOf, String), sqlx::Error> {
    // Not as a prepared statement: outside of a transaction, a pooler may give its two halves to two servers.
    let position = sqlx::raw_sql(POSITION).fetch_one(&mut *connection).await?;
    let (micros, lsn): (i64, Option<String>) = (position.try_get(0)?, position.try_get(1)?);
    sqlx::raw_sql(BEGIN).execute(&mut *connection).await?;
    sqlx::raw_sql(WITHOUT_TIMEOUTS).execute(&mut *connection).await?;
    let wait = format!("SET LOCAL lock_timeout = {}", lock_timeout.as_millis());
    sqlx::raw_sql(sqlx::AssertSqlSafe(wait)).execute(&mut *connection).await?;
    let (id,): (String,) = sqlx::query_as("SELECT pg_export_snapshot()").fetch_one(&mut *connection).await?;
    Ok((moment(micros, lsn.as_deref()), id))
}

/// What reads the catalogue, for as long as that may take.
async fn in_time<T>(source: &Source, shard: &Shard, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
    match tokio::time::timeout(CATALOGUE_TIMEOUT, work).await {
        Ok(done) => done.map_err(|cause| broken(source, shard, cause)),
        Err(_) => Err(Error::Source {
            source_name: source.name().to_owned(),
            message: format!(
                "{} has not described its tables within {} s",
                shard.database.location(),
                CATALOGUE_TIMEOUT.as_secs()
            ),
            cause: None,
        }),
    }
}

fn broken(source: &Source, shard: &Shard, cause: sqlx::Error) -> Error {
    let location = shard.database.location();
    let message = match cause.as_database_error().and_then(|error| error.code()) {
        Some(code) => format!("{location} could not read the catalogue (SQLSTATE {code})"),
        None => format!("the connection to {location} was lost"),
    };
    Error::Source { source_name: source.name().to_owned(), message, cause: Some(Box::new(cause)) }
}
