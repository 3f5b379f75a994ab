//! Reads rows through ConnectorX's binary parser. Every column is read as the bytes that PostgreSQL sent
//! (`bytea`), because ConnectorX's own types would lose some of them, and panic at others; see
//! `docs/decisions/0001-connectorx-as-a-source.md`.

use connectorx::sources::postgres::{BinaryProtocol, PostgresSourceError, PostgresSourcePartition, PostgresTypeSystem};
use connectorx::sources::{PartitionParser, Produce, SourcePartition};
use connectorx::sql::CXQuery;
use postgres::types::Type;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::batch_sink::BatchSink;
use super::row_cells::{Cell, NULL, RowCells};
use super::session::{Broken, RowReader};
use crate::connection::OnePool;

/// A connection in the wrapping that ConnectorX takes, to which each query gives it back.
pub(super) struct ConnectorXReader {
    pub(super) pool: OnePool,
}

impl RowReader for ConnectorXReader {
    fn execute(&mut self, statements: &str) -> Result<(), Broken> {
        Ok(self.pool.client()?.batch_execute(statements)?)
    }

    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        let types = vec![Type::BYTEA; sink.width()];
        let schema: Vec<PostgresTypeSystem> = types.iter().map(PostgresTypeSystem::from).collect();
        let query = CXQuery::naked(query);
        let mut partition = PostgresSourcePartition::<BinaryProtocol, MakeRustlsConnect>::new(
            self.pool.client()?,
            &query,
            &schema,
            &types,
        );
        let mut parser = partition.parser()?;
        let (mut cells, mut buffer) = (RowCells::new(types.len()), vec![]);
        loop {
            let (rows, is_last) = parser.fetch_next()?;
            for _ in 0..rows {
                let start = buffer.len();
                for cell in cells.add_row() {
                    let value: Option<Vec<u8>> = parser.produce()?;
                    let length = value.as_ref().map_or(Ok(NULL), |value| value.len().try_into());
                    *cell = Cell::new(buffer.len(), length.map_err(|_| Broken::Malformed)?);
                    buffer.extend(value.into_iter().flatten());
                }
                cells.end_row(buffer.len() - start);
                if cells.is_full() {
                    take(&mut buffer, &mut cells, sink)?;
                }
            }
            take(&mut buffer, &mut cells, sink)?;
            if is_last {
                return Ok(());
            }
        }
    }
}

fn take(buffer: &mut Vec<u8>, cells: &mut RowCells, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
    sink.take(buffer, cells)?;
    buffer.clear();
    cells.clear();
    Ok(())
}

impl From<PostgresSourceError> for Broken {
    fn from(error: PostgresSourceError) -> Self {
        match error {
            PostgresSourceError::PostgresError(error) => Self::Database(error),
            PostgresSourceError::PostgresPoolError(error) => Self::from(error),
            other => Self::Other(Box::new(other)),
        }
    }
}

impl From<r2d2::Error> for Broken {
    fn from(error: r2d2::Error) -> Self {
        Self::Other(Box::new(error))
    }
}
