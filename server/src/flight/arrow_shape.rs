//! What Arrow's decoder takes for granted of the metadata that come with data: it panics where they say what cannot
//! be, and allocates what they claim. Nothing of a client's reaches it before it was looked at here. Refused are
//! compression, dictionaries, types that no parameter has, metadata that say more than the body has, and those whose
//! parts refer to each other so often that they stand for more than their bytes.

mod buffers;
mod types;
mod values;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::{Message, MessageHeader};
use flatbuffers::VerifierOptions;
use tonic::Status;

use super::status;

/// Tables of one message: two of its own, and two for each of the 65,535 parameters that a statement may have.
const MAX_TABLES: usize = 1 << 17;
/// Bytes of one message, those that are referred to several times counted each time.
const MAX_APPARENT_BYTES: usize = 16 << 20;
/// Types within types.
const MAX_DEPTH: usize = 64;

/// Looks at the messages of a stream, in their order.
///
/// # Errors
/// What a client can mend.
pub(super) fn check(messages: &[FlightData]) -> Result<(), Status> {
    let mut schema: Option<Schema> = None;
    for message in messages {
        let header = root(&message.data_header)?;
        match (header.header_type(), &schema) {
            (MessageHeader::Schema, _) => {
                let announced = header.header_as_schema().ok_or_else(|| unreadable("a schema is missing"))?;
                types::check(&announced)?;
                schema = Some(fb_to_schema(announced));
            }
            (MessageHeader::RecordBatch, Some(schema)) => {
                let batch = header.header_as_record_batch().ok_or_else(|| unreadable("a batch is missing"))?;
                buffers::check(&batch, header.version(), schema, message.data_body.len())?;
            }
            (MessageHeader::RecordBatch, None) => return Err(unreadable("a batch comes before the schema")),
            (MessageHeader::DictionaryBatch, _) => return Err(encoded()),
            _ => return Err(unreadable("a message is neither a schema nor a batch")),
        }
    }
    Ok(())
}

/// Looks at what the decoder has made of them.
///
/// # Errors
/// As those of `check`.
pub(super) fn check_values(batch: &RecordBatch) -> Result<(), Status> {
    batch.columns().iter().try_for_each(|column| values::check(column))
}

fn root(header: &[u8]) -> Result<Message<'_>, Status> {
    let limits = VerifierOptions {
        max_depth: MAX_DEPTH,
        max_tables: MAX_TABLES,
        max_apparent_size: MAX_APPARENT_BYTES,
        ..VerifierOptions::default()
    };
    arrow_ipc::root_as_message_with_opts(&limits, header).map_err(status::of_client_data)
}

fn unreadable(why: &str) -> Status {
    status::of_client_data(why)
}

/// A compressed body can claim any length, and the decoder allocates it before it looks.
fn encoded() -> Status {
    Status::invalid_argument("parameters must be sent without compression and dictionaries")
}
