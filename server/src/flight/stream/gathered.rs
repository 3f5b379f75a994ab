//! Several batches as one message, though nobody has made one batch of them: in the message, the values of one batch
//! follow those of the one before. What is made for it says which values are NULL and where texts begin; the values
//! themselves are sent from where they lie.

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder};
use arrow::buffer::Buffer;
use arrow::datatypes::{BinaryType, ByteArrayType, DataType, Schema, Utf8Type};
use arrow::record_batch::RecordBatch;
use arrow_ipc::{FieldNode, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder};
use flatbuffers::FlatBufferBuilder;
use prost::bytes::Bytes;

use super::message::{Message, sent};

/// Buffers begin at a multiple of it, as arrow-ipc has them.
const ALIGNMENT: usize = 64;
static ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// How the values of a column lie in memory.
enum Layout {
    Bits,
    /// Each of so many bytes.
    Fixed(usize),
    Utf8,
    Binary,
}

impl Layout {
    /// None for what has values within values, which are rarer and are joined before.
    fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Boolean => Some(Self::Bits),
            DataType::Utf8 => Some(Self::Utf8),
            DataType::Binary => Some(Self::Binary),
            other => other.primitive_width().map(Self::Fixed),
        }
    }
}

/// The message of batches with these columns; none where a column is of another kind.
pub(super) fn gathered(schema: &Schema, batches: &[RecordBatch]) -> Option<Message> {
    let layouts: Vec<Layout> =
        schema.fields().iter().map(|field| Layout::of(field.data_type())).collect::<Option<_>>()?;
    let mut body = Body::default();
    for (place, layout) in layouts.into_iter().enumerate() {
        let arrays: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(place)).collect();
        body.column(&layout, &arrays);
    }
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    Some(Message::new(body.description(rows), body.pieces))
}

/// The body of a message, and the places of its buffers.
#[derive(Default)]
struct Body {
    pieces: Vec<Bytes>,
    length: usize,
    nodes: Vec<FieldNode>,
    buffers: Vec<arrow_ipc::Buffer>,
}

impl Body {
    fn column(&mut self, layout: &Layout, arrays: &[&ArrayRef]) {
        let rows = arrays.iter().map(|array| array.len()).sum();
        let nulls = arrays.iter().map(|array| array.null_count()).sum();
        self.nodes.push(FieldNode::new(signed(rows), signed(nulls)));
        self.buffer((nulls > 0).then(|| validity(arrays, rows)));
        match layout {
            Layout::Bits => {
                let mut bits = BooleanBufferBuilder::new(rows);
                arrays.iter().for_each(|array| bits.append_buffer(array.as_boolean().values()));
                self.buffer([bits.finish().into_inner()]);
            }
            Layout::Fixed(width) => self.buffer(arrays.iter().map(|array| {
                let data = array.to_data();
                data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width)
            })),
            Layout::Utf8 => self.texts::<Utf8Type>(arrays, rows),
            Layout::Binary => self.texts::<BinaryType>(arrays, rows),
        }
    }

    fn texts<T: ByteArrayType<Offset = i32>>(&mut self, arrays: &[&ArrayRef], rows: usize) {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        let mut values = Vec::with_capacity(arrays.len());
        let mut end = 0;
        for array in arrays.iter().map(|array| array.as_bytes::<T>()) {
            let own = array.value_offsets();
            let (first, last) = (own[0], own[array.len()]);
            offsets.extend(own[1..].iter().map(|offset| end + (offset - first)));
            end += last - first;
            let (first, last) = (first.unsigned_abs() as usize, last.unsigned_abs() as usize);
            values.push(array.values().slice_with_length(first, last - first));
        }
        self.buffer([Buffer::from_vec(offsets)]);
        self.buffer(values);
    }

    /// A buffer that is these pieces, one behind another.
    fn buffer(&mut self, pieces: impl IntoIterator<Item = Buffer>) {
        let start = self.length;
        for piece in pieces {
            self.length += piece.len();
            self.pieces.push(sent(piece));
        }
        self.buffers.push(arrow_ipc::Buffer::new(signed(start), signed(self.length - start)));
        let padding = self.length.next_multiple_of(ALIGNMENT) - self.length;
        self.pieces.push(Bytes::from_static(&ZEROS[..padding]));
        self.length += padding;
    }

    /// What says how to read the body.
    fn description(&self, rows: usize) -> Bytes {
        let mut builder = FlatBufferBuilder::new();
        let buffers = builder.create_vector(&self.buffers);
        let nodes = builder.create_vector(&self.nodes);
        let mut batch = RecordBatchBuilder::new(&mut builder);
        batch.add_length(signed(rows));
        batch.add_nodes(nodes);
        batch.add_buffers(buffers);
        let batch = batch.finish().as_union_value();
        let mut message = MessageBuilder::new(&mut builder);
        message.add_version(MetadataVersion::V5);
        message.add_header_type(MessageHeader::RecordBatch);
        message.add_bodyLength(signed(self.length));
        message.add_header(batch);
        let message = message.finish();
        builder.finish(message, None);
        Bytes::copy_from_slice(builder.finished_data())
    }
}

/// A bit for each row, set where there is a value.
fn validity(arrays: &[&ArrayRef], rows: usize) -> Buffer {
    let mut bits = BooleanBufferBuilder::new(rows);
    for array in arrays {
        match array.nulls() {
            Some(nulls) => bits.append_buffer(nulls.inner()),
            None => bits.append_n(array.len(), true),
        }
    }
    bits.finish().into_inner()
}

/// A length as the format has it; none in memory is longer.
fn signed(length: usize) -> i64 {
    length.cast_signed() as i64
}
