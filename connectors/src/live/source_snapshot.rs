//! What one query has of one source: connections, and the snapshot that all of them see. A query of one statement
//! has one connection, whose transaction is the snapshot. For more, a leading connection exports its snapshot and
//! waits, and the others import it.
//!
//! Statements that are read at the same time wait for each other when the engine wants rows of one while another's
//! are not taken. Where there are fewer connections than statements, each is therefore read to its end, into memory
//! that is accounted for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::Reserved;
use super::entry::LiveEntry;
use super::query::Need;
use super::scan::{Of, Request};
use super::unchanged;
use crate::TableName;
use crate::as_of::AsOf;
use crate::column_type::{Cell, ColumnPlan};
use crate::error::{Error, Result};
use crate::pull::{POSITION, Purpose, Selection, Session, moment, query_statements, reading_statements};
use crate::shard::ONLY_SHARD;
use crate::source::Source;
use crate::source_settings::Unrepresentable;

/// One query's connections to one source.
pub(super) struct SourceSnapshot {
    source: Arc<Source>,
    pub(super) as_of: AsOf,
    /// Under which others can import the snapshot; none where one connection reads all there is.
    exported: Option<String>,
    /// Whether there are fewer connections than statements.
    pub(super) drains: bool,
    /// Those that are as they are until the end, where the role may lock them.
    tables: HashSet<TableName>,
    /// As many statements as may be read at a time.
    slots: Arc<Semaphore>,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    /// Holds the snapshot.
    leading: Option<Session>,
    /// Have read something, and can read more.
    idle: Vec<Session>,
    /// The tables that are what they were described as.
    checked: HashSet<TableName>,
    /// Their places among those of the source.
    reserved: Option<Reserved>,
}

/// A connection, and the right to read with it.
pub(super) struct Lease {
    snapshot: Arc<SourceSnapshot>,
    session: Option<Session>,
    _slot: OwnedSemaphorePermit,
}

impl SourceSnapshot {
    /// Connects for what a query needs.
    ///
    /// # Errors
    /// [`Error::Source`] when there is no connection, [`Error::Table`] when a table is not there any more.
    pub(super) async fn open(source: &Arc<Source>, need: &Need) -> Result<Self> {
        let settings = source.settings();
        let statements = need.statements;
        let alone = statements == 1 && !need.repeated;
        let wanted = if alone { 1 } else { (statements + 1).min(source.live_connections().limit()) };
        let reserved = source.live_connections().reserve(source.name(), wanted, settings.connect_timeout).await?;
        let connecting = Arc::clone(source);
        let tables: Vec<Arc<Request>> = need.tables.values().cloned().collect();
        let known = need.tables.keys().cloned().collect();
        // It blocks. A query that ends meanwhile leaves it to itself.
        let purpose = if need.whole { Purpose::WholeQuery } else { Purpose::Query };
        let led = tokio::task::spawn_blocking(move || Led::new(&connecting, purpose, &tables, !alone)).await;
        let mut led = led.unwrap_or(Err(Error::Cancelled))?;
        let (as_of, exported, session) = (led.as_of, led.exported.take(), led.session.take());
        let readers = if alone { 1 } else { wanted.saturating_sub(1).max(1) };
        let mut connections = Connections { reserved: Some(reserved), ..Connections::default() };
        if alone {
            connections.idle.extend(session);
        } else {
            connections.leading = session;
        }
        Ok(Self {
            source: Arc::clone(source),
            as_of,
            exported,
            drains: readers < statements,
            slots: Arc::new(Semaphore::new(readers)),
            tables: known,
            connections: Mutex::new(connections),
        })
    }

    /// Waits until a statement more may be read.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Error::Cancelled)?;
        let session = self.lock().idle.pop();
        Ok(Lease { snapshot: Arc::clone(self), session, _slot: slot })
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The connection, in the snapshot. Blocks.
    ///
    /// # Errors
    /// [`Error::Source`] when there is none, [`Error::Table`] when a table is not what it was described as.
    pub(super) fn session(&mut self, request: &Request) -> Result<Session> {
        match &request.of {
            Of::Table(entry) => self.session_for_table(request.table(), entry),
            Of::Query { settings } => {
                let mut session = self.connected()?;
                session.execute(settings)?;
                Ok(session)
            }
        }
    }

    fn session_for_table(&mut self, table: &TableName, entry: &LiveEntry) -> Result<Session> {
        let snapshot = Arc::clone(&self.snapshot);
        let nulls = snapshot.source.settings().unrepresentable == Unrepresentable::Null;
        if !snapshot.tables.contains(table) {
            return Err(Error::table(table, "it was not known to be part of the query; ask again, and report this"));
        }
        if nulls != entry.nulls_unrepresentable {
            return Err(Error::table(table, "the setting unrepresentable has changed; refresh the table"));
        }
        let mut session = self.connected()?;
        if !snapshot.lock().checked.contains(table) {
            unchanged::check(&mut session, table, entry)?;
            snapshot.lock().checked.insert(table.clone());
        }
        Ok(session)
    }

    fn connected(&mut self) -> Result<Session> {
        let snapshot = &self.snapshot;
        match (self.session.take(), &snapshot.exported) {
            (Some(session), _) => Ok(session),
            (None, Some(exported)) => {
                let mut session = Session::connect(&snapshot.source, ONLY_SHARD, Purpose::Query)?;
                session.execute(&query_statements(Some(exported), snapshot.source.settings()))?;
                session.execute(&reading_statements(snapshot.source.settings()))?;
                Ok(session)
            }
            (None, None) => Err(Error::Source {
                source_name: snapshot.source.name().to_owned(),
                message: "the connection that held the query's snapshot is gone; ask again".to_owned(),
                cause: None,
            }),
        }
    }

    /// Gives back the connection, with which all has gone well.
    pub(super) fn give_back(&mut self, session: Session) {
        self.session = Some(session);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.snapshot.lock().idle.push(session);
        }
    }
}

impl Drop for SourceSnapshot {
    /// May run where blocking is not allowed.
    fn drop(&mut self) {
        let Connections { leading, idle, reserved, .. } = std::mem::take(&mut *self.lock());
        close(leading.into_iter().chain(idle).collect(), reserved);
    }
}

/// Ends transactions and connections on a thread of its own, and then gives up their places.
fn close(sessions: Vec<Session>, reserved: Option<Reserved>) {
    let work = move || {
        for session in sessions {
            session.close();
        }
        drop(reserved);
    };
    if let Err(error) = thread::Builder::new().name("close".to_owned()).spawn(work) {
        tracing::warn!(%error, "connections of a query were not closed in order");
    }
}

/// A connection that holds a snapshot.
struct Led {
    session: Option<Session>,
    as_of: AsOf,
    exported: Option<String>,
}

impl Led {
    /// Locks the tables before the snapshot is taken: one that is rewritten or replaced while somebody waits for it
    /// would show an older snapshot no rows, or another table's.
    fn new(source: &Arc<Source>, purpose: Purpose, tables: &[Arc<Request>], export: bool) -> Result<Self> {
        let mut session = Session::connect(source, ONLY_SHARD, purpose)?;
        let as_of = position(&mut session, source)?;
        session.execute(&query_statements(None, source.settings()))?;
        for table in tables.iter().filter_map(|request| request.lockable()) {
            session.lock(table)?;
        }
        session.execute(&reading_statements(source.settings()))?;
        let exported = if export { Some(self::export(&mut session, source)?) } else { None };
        Ok(Self { session: Some(session), as_of, exported })
    }
}

impl Drop for Led {
    /// Where nobody has waited for it.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            close(vec![session], None);
        }
    }
}

/// Where PostgreSQL is, just before the snapshot.
fn position(session: &mut Session, source: &Source) -> Result<AsOf> {
    let columns = vec![
        ColumnPlan::of_expression("micros", DataType::Int64, Cell::Int64, ""),
        ColumnPlan::of_expression("lsn", DataType::Utf8, Cell::Text, "").nullable(),
    ];
    let mut as_of = moment(0, None);
    ask(session, source, columns, POSITION, |batch| {
        let (micros, lsn) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_string::<i32>());
        if !micros.is_empty() {
            as_of = moment(micros.value(0), lsn.is_valid(0).then(|| lsn.value(0)));
        }
    })?;
    Ok(as_of)
}

fn export(session: &mut Session, source: &Source) -> Result<String> {
    let columns = vec![ColumnPlan::of_expression("id", DataType::Utf8, Cell::Text, "")];
    let mut id = String::new();
    ask(session, source, columns, "SELECT pg_catalog.pg_export_snapshot()", |batch| {
        if let Some(Some(text)) = batch.column(0).as_string::<i32>().iter().next() {
            text.clone_into(&mut id);
        }
    })?;
    Ok(id)
}

/// Asks what has one row, and concerns no table.
fn ask(
    session: &mut Session,
    source: &Source,
    columns: Vec<ColumnPlan>,
    query: &str,
    mut take: impl FnMut(&arrow::record_batch::RecordBatch),
) -> Result<()> {
    let nothing = TableName {
        catalog: source.name().to_owned(),
        schema: "pg_catalog".to_owned(),
        table: "pg_snapshot".to_owned(),
    };
    let selection = Selection::of_query(&nothing, columns, 1);
    let read = session.read(&selection, query, &mut |pulled| {
        take(&pulled.batch);
        Ok(())
    });
    match read.map_err(|failure| failure.into_error(&selection)) {
        Ok(_) => Ok(()),
        Err(Error::Table { message, cause, .. }) => {
            Err(Error::Source { source_name: source.name().to_owned(), message, cause })
        }
        Err(error) => Err(error),
    }
}
