//! Parameters as clients bind them: one row of Arrow data, whose columns are `$1`, `$2`, ... in order.

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use datafusion::common::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::Status;

use super::status;

/// More parameters, or larger ones, than this are a table in disguise.
const MAX_PARAMETER_BYTES: usize = 4 << 20;

/// Takes the messages of a DoPut, all of them: an answer before the end of the stream can get lost.
pub(super) async fn receive(
    messages: impl futures::Stream<Item = Result<FlightData, Status>> + Unpin,
) -> Result<Vec<FlightData>, Status> {
    let mut received = Vec::new();
    let mut bytes = 0;
    let mut messages = messages;
    while let Some(message) = messages.try_next().await? {
        bytes += message.data_header.len() + message.data_body.len();
        if bytes > MAX_PARAMETER_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the parameters have more than {MAX_PARAMETER_BYTES} bytes"
            )));
        }
        received.push(FlightData { flight_descriptor: None, ..message });
    }
    Ok(received)
}

/// The values of the one row.
pub(super) async fn decode(messages: Vec<FlightData>) -> Result<Vec<ScalarValue>, Status> {
    for message in &messages {
        refuse_compressed(message)?;
    }
    let messages = stream::iter(messages.into_iter().map(Ok::<_, FlightError>));
    let batches: Vec<RecordBatch> = FlightRecordBatchStream::new_from_flight_data(messages.boxed())
        .try_collect()
        .await
        .map_err(status::of_client_data)?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (None, _) => Ok(vec![]),
        (Some(batch), None) if batch.num_rows() == 1 => batch.columns().iter().map(value).collect(),
        _ => Err(Status::unimplemented("parameters of several rows are not supported; bind one row at a time")),
    }
}

/// A compressed body can claim any length, and the decoder allocates it before it looks.
fn refuse_compressed(message: &FlightData) -> Result<(), Status> {
    if message.data_header.is_empty() {
        return Ok(());
    }
    let header = arrow_ipc::root_as_message(&message.data_header).map_err(status::of_client_data)?;
    let compressed = header.header_as_record_batch().is_some_and(|batch| batch.compression().is_some());
    let dictionary = header.header_as_dictionary_batch().is_some();
    if compressed || dictionary {
        return Err(Status::invalid_argument("parameters must be sent without compression and dictionaries"));
    }
    Ok(())
}

/// ADBC's and JDBC's drivers wrap parameters of unknown type in unions.
fn value(column: &std::sync::Arc<dyn Array>) -> Result<ScalarValue, Status> {
    let value = ScalarValue::try_from_array(column, 0).map_err(status::of_client_data)?;
    Ok(match value {
        ScalarValue::Union(Some((_, inner)), ..) => *inner,
        ScalarValue::Union(None, ..) => ScalarValue::Null,
        ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => ScalarValue::Utf8(text),
        ScalarValue::LargeBinary(bytes) | ScalarValue::BinaryView(bytes) => ScalarValue::Binary(bytes),
        other => other,
    })
}
