//! What a batch says of its body: counts that can be, and buffers that are in it, each byte in one at most. The walk
//! goes the way of Arrow's decoder, column by column.

use arrow::datatypes::{DataType, Schema, UnionMode};
use arrow_ipc::{Buffer, FieldNode, MetadataVersion, RecordBatch};
use flatbuffers::VectorIter;
use tonic::Status;

use super::{encoded, unreadable};

/// Values of one column, or within one value of it. NULLs alone take no bytes that would bound them.
const MAX_VALUES: i64 = 1 << 20;

/// # Errors
/// When the decoder could not rely on what the batch says.
pub(super) fn check(
    batch: &RecordBatch<'_>,
    version: MetadataVersion,
    schema: &Schema,
    body: usize,
) -> Result<(), Status> {
    if batch.compression().is_some() {
        return Err(encoded());
    }
    if !(0..=MAX_VALUES).contains(&batch.length()) {
        return Err(unreadable("the batch has a number of rows that cannot be"));
    }
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return Err(unreadable("the batch has no list of columns or of buffers"));
    };
    let mut walk = Walk {
        nodes: nodes.iter(),
        buffers: buffers.iter(),
        view_buffers: batch.variadicBufferCounts().into_iter().flatten().collect::<Vec<i64>>().into_iter(),
        body,
        taken: 0,
        unions_have_validity: version < MetadataVersion::V5,
    };
    schema.fields().iter().try_for_each(|field| walk.column(field.data_type()))?;
    match walk.view_buffers.next() {
        None => Ok(()),
        Some(_) => Err(unreadable("the batch counts buffers of columns that are not there")),
    }
}

struct Walk<'a> {
    nodes: VectorIter<'a, FieldNode>,
    buffers: VectorIter<'a, Buffer>,
    /// How many buffers each column of views has beside the usual ones.
    view_buffers: std::vec::IntoIter<i64>,
    /// Bytes.
    body: usize,
    /// Bytes of the buffers so far.
    taken: usize,
    unions_have_validity: bool,
}

/// What is said of a column.
struct Node {
    length: usize,
    has_nulls: bool,
}

/// A part of the body.
struct Part {
    offset: usize,
    length: usize,
}

impl Walk<'_> {
    fn column(&mut self, data_type: &DataType) -> Result<(), Status> {
        let node = self.node()?;
        match data_type {
            DataType::Null => Ok(()),
            DataType::Union(fields, mode) => {
                if self.unions_have_validity {
                    self.part()?;
                }
                self.at_least(node.length)?;
                if *mode == UnionMode::Dense {
                    self.union_offsets(node.length)?;
                }
                fields.iter().try_for_each(|(_, field)| self.column(field.data_type()))
            }
            DataType::Struct(fields) => {
                self.validity(&node)?;
                fields.iter().try_for_each(|field| self.column(field.data_type()))
            }
            DataType::FixedSizeList(field, _) => {
                self.validity(&node)?;
                self.column(field.data_type())
            }
            DataType::List(field) => {
                self.validity(&node)?;
                self.items(size_of::<i32>())?;
                self.column(field.data_type())
            }
            DataType::LargeList(field) => {
                self.validity(&node)?;
                self.items(size_of::<i64>())?;
                self.column(field.data_type())
            }
            DataType::Utf8 | DataType::Binary => {
                self.validity(&node)?;
                self.items(size_of::<i32>())?;
                self.part().map(drop)
            }
            DataType::LargeUtf8 | DataType::LargeBinary => {
                self.validity(&node)?;
                self.items(size_of::<i64>())?;
                self.part().map(drop)
            }
            DataType::Utf8View | DataType::BinaryView => {
                self.validity(&node)?;
                self.items(size_of::<u128>())?;
                let count = self.view_buffers.next().filter(|count| *count >= 0);
                let count = count.ok_or_else(|| unreadable("a column of views has no count of its buffers"))?;
                // As many as there are, whatever it says.
                (0..count).try_for_each(|_| self.part().map(drop))
            }
            // Values of one width. How many of them the buffer has is for the decoder to see, which does.
            _ => {
                self.validity(&node)?;
                self.part().map(drop)
            }
        }
    }

    fn node(&mut self) -> Result<Node, Status> {
        let node = self.nodes.next().ok_or_else(|| unreadable("the batch has fewer columns than its schema"))?;
        let (length, nulls) = (node.length(), node.null_count());
        if !(0..=MAX_VALUES).contains(&length) || !(0..=length).contains(&nulls) {
            return Err(unreadable("a column has a number of values or of NULLs that cannot be"));
        }
        Ok(Node { length: usize::try_from(length).unwrap_or_default(), has_nulls: nulls > 0 })
    }

    fn part(&mut self) -> Result<Part, Status> {
        let buffer = self.buffers.next().ok_or_else(|| unreadable("the batch has too few buffers"))?;
        let (Ok(offset), Ok(length)) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length())) else {
            return Err(unreadable("a buffer begins or ends before the body"));
        };
        // The same bytes in many columns would be checked for each, and copied where they are not aligned.
        self.taken = self.taken.saturating_add(length);
        if offset.saturating_add(length) > self.body || self.taken > self.body {
            return Err(unreadable("its buffers are longer than the body"));
        }
        Ok(Part { offset, length })
    }

    fn at_least(&mut self, bytes: usize) -> Result<Part, Status> {
        let part = self.part()?;
        if part.length < bytes {
            return Err(unreadable("a buffer is shorter than its column"));
        }
        Ok(part)
    }

    /// Offsets or views, which the decoder takes for as many whole ones.
    fn items(&mut self, width: usize) -> Result<(), Status> {
        if self.part()?.length.is_multiple_of(width) {
            return Ok(());
        }
        Err(unreadable("a buffer ends in the middle of a value"))
    }

    /// One bit for each value, which is only read if some are NULL.
    fn validity(&mut self, node: &Node) -> Result<(), Status> {
        self.at_least(if node.has_nulls { node.length.div_ceil(8) } else { 0 }).map(drop)
    }

    /// Four bytes for each value, read where they are.
    fn union_offsets(&mut self, length: usize) -> Result<(), Status> {
        let part = self.at_least(length * size_of::<i32>())?;
        if !part.offset.is_multiple_of(size_of::<i32>()) {
            return Err(unreadable("the offsets of a union are not aligned"));
        }
        Ok(())
    }
}
