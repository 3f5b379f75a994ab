//! Rows as a message of Flight, without a copy of them: arrow-ipc gives the buffers of arrays as they are, and
//! copies only what a slice makes necessary (offsets that do not begin at zero, bitmaps that do not begin with a byte).
//!
//! `FlightData` is written by hand here, because what generates code for protobuf wants its body in one piece. Of it:
//!
//! ```text
//! 0                      not compressed by gRPC, which nobody asks for
//! ........               the length of what follows, 4 bytes
//! 12 .. data_header      the description of the batch, with zeros behind it
//! 1a .. app_metadata     where there is some
//! c2 3e .. data_body     the buffers, each padded to 64 bytes
//! ```
//!
//! gRPC's libraries put what follows the length at an address that is a multiple of 16, and clients read the buffers where
//! they lie. Zeros are what makes them lie right.

use std::collections::VecDeque;

use arrow::buffer::Buffer;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use prost::bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};
use tonic::{Code, Status};

use super::super::reason::{Reason, Told};
use super::gathered::gathered;
use super::own_texts::with_own_texts;

/// What no type of Arrow wants more of: a decimal's.
pub(super) const ALIGNMENT: usize = 16;
/// Pieces below it are copied into one. That is faster than to send each by itself.
const COPIED_BYTES: usize = 16 << 10;
/// Before the length of a message, gRPC says whether it is compressed.
const NOT_COMPRESSED: u8 = 0;
/// A marker, and the length of the description.
const PREFIX_BYTES: usize = 8;

/// The numbers of the fields of `FlightData`, with their wire type, as protobuf writes them.
const DATA_HEADER: &[u8] = &[0x12];
const APP_METADATA: &[u8] = &[0x1a];
const DATA_BODY: &[u8] = &[0xc2, 0x3e];

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    header: Bytes,
    metadata: Bytes,
    /// The body in pieces, as they lie in memory.
    body: Vec<Bytes>,
}

/// Makes messages of batches.
pub(super) struct MessageEncoder {
    schema: SchemaRef,
    compresses: bool,
    encoder: StreamEncoder,
}

/// Arrow's memory, for as long as it is being sent.
struct Sent(Buffer);

/// The memory itself, and no copy of it.
pub(super) fn sent(buffer: Buffer) -> Bytes {
    Bytes::from_owner(Sent(buffer))
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl MessageEncoder {
    /// An encoder of batches with these columns, and the message that describes them.
    ///
    /// # Errors
    /// When the format does not have a type of a column.
    pub(super) fn new(schema: &SchemaRef, compression: Option<CompressionType>) -> Result<(Self, Message), ArrowError> {
        let options = IpcWriteOptions::default().try_with_compression(compression)?;
        let mut encoder = StreamEncoder::try_new_with_options(schema, options)?;
        // The columns are described before the first batch, which may as well be none.
        let first = encoder.encode(&RecordBatch::new_empty(SchemaRef::clone(schema)))?;
        let columns = Pieces::new(first).message()?.ok_or_else(too_short)?;
        Ok((Self { schema: SchemaRef::clone(schema), compresses: compression.is_some(), encoder }, columns))
    }

    /// The message of batches that are sent as one.
    ///
    /// # Errors
    /// When together they are too much for one array.
    pub(super) fn encode(&mut self, group: &[RecordBatch]) -> Result<Vec<Message>, ArrowError> {
        if let [alone] = group {
            return self.encode_one(alone.clone());
        }
        if !self.compresses
            && let Some(message) = gathered(&self.schema, group)
        {
            return Ok(vec![message]);
        }
        self.encode_one(concat_batches(&self.schema, group)?)
    }

    /// The message of a batch, behind those of its dictionaries.
    fn encode_one(&mut self, batch: RecordBatch) -> Result<Vec<Message>, ArrowError> {
        let batch = &with_own_texts(batch);
        let mut pieces = Pieces::new(self.encoder.encode(batch)?);
        std::iter::from_fn(|| pieces.message().transpose()).collect()
    }
}

impl Message {
    pub(super) fn new(header: Bytes, body: Vec<Bytes>) -> Self {
        Self { header, metadata: Bytes::new(), body }
    }

    pub(super) fn with_metadata(self, metadata: Bytes) -> Self {
        Self { metadata, ..self }
    }

    /// The message as gRPC sends it, in pieces.
    ///
    /// # Errors
    /// When it is larger than gRPC allows.
    pub(super) fn framed(self) -> Result<VecDeque<Bytes>, Status> {
        let Self { header, metadata, body } = self;
        let body_len = body.iter().map(Bytes::len).sum();
        let before_body = |zeros: usize| {
            let fields = [(DATA_HEADER, header.len() + zeros), (APP_METADATA, metadata.len())];
            fields.map(|(key, length)| before(key, length) + length).iter().sum::<usize>() + before(DATA_BODY, body_len)
        };
        // The lengths take space themselves, which may leave out one of the multiples.
        let is_aligned = |zeros: &usize| body_len == 0 || before_body(*zeros).is_multiple_of(ALIGNMENT);
        let zeros = (0..2 * ALIGNMENT).find(is_aligned).unwrap_or_default();
        let length = before_body(zeros) + body_len;
        let length = u32::try_from(length).map_err(|_| {
            Told::new(Code::ResourceExhausted, Reason::TooLarge)
                .status(format!("a row has {length} bytes; no message of gRPC may have more than {}", u32::MAX))
        })?;

        let mut copied = BytesMut::with_capacity(size_of_val(&length) + 1 + before_body(zeros));
        copied.put_u8(NOT_COMPRESSED);
        copied.put_u32(length);
        begin(DATA_HEADER, header.len() + zeros, &mut copied);
        copied.put_slice(&header);
        copied.put_bytes(0, zeros);
        begin(APP_METADATA, metadata.len(), &mut copied);
        copied.put_slice(&metadata);
        begin(DATA_BODY, body_len, &mut copied);

        let mut pieces = VecDeque::new();
        for piece in body {
            if piece.len() < COPIED_BYTES {
                copied.put_slice(&piece);
            } else {
                pieces.extend([copied.split().freeze(), piece]);
            }
        }
        pieces.push_back(copied.freeze());
        pieces.retain(|piece| !piece.is_empty());
        Ok(pieces)
    }
}

impl From<Message> for FlightData {
    fn from(message: Message) -> Self {
        let Message { header, metadata, body } = message;
        Self { flight_descriptor: None, data_header: header, app_metadata: metadata, data_body: joined(body) }
    }
}

/// The length of what stands before the value of a field. A field without a value is left out.
fn before(key: &[u8], length: usize) -> usize {
    if length == 0 { 0 } else { key.len() + encoded_len_varint(length as u64) }
}

fn begin(key: &[u8], length: usize, out: &mut BytesMut) {
    if length > 0 {
        out.put_slice(key);
        encode_varint(length as u64, out);
    }
}

/// What arrow-ipc has written, in pieces: messages one after another, each a prefix, a description and a body.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn new(buffers: Vec<Buffer>) -> Self {
        let written = buffers.into_iter().filter(|buffer| !buffer.is_empty());
        Self(written.map(sent).collect())
    }

    /// The next message, if there is one.
    fn message(&mut self) -> Result<Option<Message>, ArrowError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut prefix = joined(self.take(PREFIX_BYTES)?);
        prefix.advance(PREFIX_BYTES / 2);
        let header = joined(self.take(prefix.get_u32_le() as usize)?);
        let described = arrow_ipc::root_as_message(&header).map_err(|error| ArrowError::IpcError(error.to_string()))?;
        let length =
            usize::try_from(described.bodyLength()).map_err(|error| ArrowError::IpcError(error.to_string()))?;
        Ok(Some(Message::new(header, self.take(length)?)))
    }

    /// So many bytes.
    fn take(&mut self, mut length: usize) -> Result<Vec<Bytes>, ArrowError> {
        let mut taken = vec![];
        while length > 0 {
            let mut piece = self.0.pop_front().ok_or_else(too_short)?;
            if piece.len() > length {
                self.0.push_front(piece.split_off(length));
            }
            length -= piece.len();
            taken.push(piece);
        }
        Ok(taken)
    }
}

fn joined(pieces: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([alone]) => alone,
        Err(several) => several.concat().into(),
    }
}

fn too_short() -> ArrowError {
    ArrowError::IpcError("a message ends before its body does".to_owned())
}
