//! Reads rows with COPY through a connection of tokio-postgres: the way where there is TLS. Without it,
//! [`socket`](super::socket) is faster.

use std::future::poll_fn;
use std::pin::pin;

use futures::Stream;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::batch_sink::BatchSink;
use super::copy_format::CopyData;
use super::session::{Broken, RowReader};

/// A connection, and the runtime on which its thread drives it.
pub(super) struct CopyReader {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
}

impl RowReader for CopyReader {
    fn execute(&mut self, statements: &str) -> Result<(), Broken> {
        Ok(self.runtime.block_on(self.client.batch_execute(statements))?)
    }

    fn read(&mut self, query: &str, sink: &mut BatchSink<'_>) -> Result<(), Broken> {
        let statement = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        self.runtime.block_on(async {
            let mut messages = pin!(self.client.copy_out(&statement).await?);
            let mut data = CopyData::new(sink.width());
            while let Some(message) = poll_fn(|context| messages.as_mut().poll_next(context)).await {
                let message = message?;
                data.take(&message, 0..message.len(), sink)?;
                data.decode(&message, sink)?;
            }
            data.finish()
        })
    }
}
