//! Parameters as clients bind them: one row of Arrow data, whose columns are `$1`, `$2`, ... in order.

use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, FieldRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use datafusion::common::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::Status;

use super::{arrow_shape, status};

/// More parameters, or larger ones, than this are a table in disguise.
const MAX_PARAMETER_BYTES: usize = 4 << 20;
/// What a message takes in memory beside its bytes, so that there is an end to empty ones.
const MESSAGE_BYTES: usize = 256;

/// Takes the messages of a DoPut, all of them: an answer before the end of the stream can get lost.
pub(super) async fn receive(
    messages: impl futures::Stream<Item = Result<FlightData, Status>> + Unpin,
) -> Result<Vec<FlightData>, Status> {
    let mut received = Vec::new();
    let mut bytes = 0;
    let mut messages = messages;
    while let Some(message) = messages.try_next().await? {
        // The command that the first one has is as long as the statement, which has a limit of its own.
        let is_command = received.is_empty();
        let descriptor = message.flight_descriptor.as_ref().filter(|_| is_command).map_or(0, Message::encoded_len);
        bytes += MESSAGE_BYTES + message.encoded_len().saturating_sub(descriptor);
        if bytes > MAX_PARAMETER_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the parameters have more than {MAX_PARAMETER_BYTES} bytes"
            )));
        }
        let FlightData { data_header, data_body, .. } = message;
        received.push(FlightData { data_header, data_body, ..Default::default() });
    }
    Ok(received)
}

/// The values of the one row.
pub(super) async fn decode(messages: Vec<FlightData>) -> Result<Vec<ScalarValue>, Status> {
    arrow_shape::check(&messages)?;
    let messages = stream::iter(messages.into_iter().map(Ok::<_, FlightError>));
    let batches: Vec<RecordBatch> = FlightRecordBatchStream::new_from_flight_data(messages.boxed())
        .try_collect()
        .await
        .map_err(status::of_client_data)?;
    batches.iter().try_for_each(arrow_shape::check_values)?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (None, _) => Ok(vec![]),
        (Some(batch), None) if batch.num_rows() == 1 => batch.columns().iter().map(value).collect(),
        _ => Err(Status::unimplemented("parameters of several rows are not supported; bind one row at a time")),
    }
}

/// ADBC's and JDBC's drivers wrap parameters of unknown type in unions.
fn value(column: &Arc<dyn Array>) -> Result<ScalarValue, Status> {
    let value = match ScalarValue::try_from_array(column, 0).map_err(status::of_client_data)? {
        ScalarValue::Union(Some((_, inner)), ..) => *inner,
        ScalarValue::Union(None, ..) => ScalarValue::Null,
        other => other,
    };
    let plain = plain(&value.data_type());
    if value.data_type() == plain { Ok(value) } else { value.cast_to(&plain).map_err(status::of_client_data) }
}

/// The type as the engine has it: no views, no large offsets, lists of any length, within other types too.
fn plain(data_type: &DataType) -> DataType {
    let within = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())));
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            DataType::List(within(field))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(within).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use arrow::array::{
        ArrayRef, BinaryViewArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, FixedSizeListArray, Int32Array,
        LargeListArray, LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, StructArray,
        TimestampMicrosecondArray, UnionArray,
    };
    use arrow::buffer::{OffsetBuffer, ScalarBuffer};
    use arrow::datatypes::{Field, Int32Type, UnionFields};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;
    use arrow_flight::encode::FlightDataEncoderBuilder;
    use futures::FutureExt;
    use tonic::Code;

    use super::*;

    /// How many changed streams are decoded.
    const CHANGED: u64 = 60_000;

    fn columns() -> Vec<ArrayRef> {
        let number: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
        let fields = UnionFields::from_fields(vec![
            Field::new("number", DataType::Int32, true),
            Field::new("text", DataType::Utf8, true),
        ]);
        let children = vec![Arc::clone(&number), Arc::clone(&text)];
        let dense = Some(ScalarBuffer::from(vec![0_i32]));
        let ids = || ScalarBuffer::from(vec![1_i8]);
        vec![
            Arc::new(UnionArray::try_new(fields.clone(), ids(), None, children.clone()).unwrap()),
            Arc::new(UnionArray::try_new(fields, ids(), dense, children).unwrap()),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])])),
            Arc::new(FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])], 2)),
            Arc::new(StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int32, true)), Arc::clone(&number))])),
            Arc::new(StringViewArray::from(vec!["a text that is too long for its view"])),
            Arc::new(BinaryViewArray::from(vec![&b"short"[..]])),
            Arc::new(LargeStringArray::from(vec![None::<&str>])),
            Arc::new(Decimal128Array::from(vec![123]).with_precision_and_scale(9, 2).unwrap()),
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8; 16]].into_iter()).unwrap()),
            Arc::new(TimestampMicrosecondArray::from(vec![None::<i64>]).with_timezone("UTC")),
            Arc::new(BooleanArray::from(vec![Some(true)])),
            Arc::new(NullArray::new(1)),
            number,
            text,
        ]
    }

    fn sent(columns: &[ArrayRef], options: IpcWriteOptions) -> Vec<FlightData> {
        let batch = RecordBatch::try_from_iter(
            columns.iter().enumerate().map(|(at, column)| (format!("${at}"), Arc::clone(column))),
        )
        .unwrap();
        let builder = FlightDataEncoderBuilder::new().with_options(options).with_schema(batch.schema());
        let messages = builder.build(stream::iter([Ok(batch)])).try_collect::<Vec<_>>();
        messages.now_or_never().unwrap().unwrap()
    }

    fn decoded(messages: Vec<FlightData>) -> Result<Vec<ScalarValue>, Status> {
        decode(messages).now_or_never().unwrap()
    }

    #[test]
    fn every_type_of_a_parameter_is_read() {
        for column in columns() {
            let values = decoded(sent(&[Arc::clone(&column)], IpcWriteOptions::default())).unwrap();
            assert_eq!(values.len(), 1, "{}", column.data_type());
        }
        let all = decoded(sent(&columns(), IpcWriteOptions::default())).unwrap();
        assert_eq!(all.len(), columns().len());
        assert_eq!(all.last(), Some(&ScalarValue::Utf8(Some("x".to_owned()))));
        let types: Vec<_> = all.iter().map(|value| value.data_type().to_string()).collect();
        assert!(types.iter().all(|name| !["View", "Large", "FixedSizeList"].iter().any(|odd| name.contains(odd))));
    }

    #[test]
    fn lists_come_as_the_engine_has_them() {
        let texts = StringViewArray::from(vec!["a", "b"]);
        let item = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let list = LargeListArray::new(item, OffsetBuffer::from_lengths([2]), Arc::new(texts), None);
        let values = decoded(sent(&[Arc::new(list)], IpcWriteOptions::default())).unwrap();
        assert_eq!(values[0].data_type(), DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))));
    }

    /// Whatever the metadata and the body say, there is an answer: arrow-ipc's decoder alone would panic.
    #[test]
    fn nothing_that_a_client_sends_makes_the_decoder_panic() {
        for seed in 0..CHANGED {
            let mut chance = fastrand::Rng::with_seed(seed);
            let columns = columns();
            let column = Arc::clone(&columns[chance.usize(..columns.len())]);
            let mut messages = sent(&[column], IpcWriteOptions::default());
            for _ in 0..chance.usize(1..4) {
                let message = chance.usize(..messages.len());
                change(&mut messages[message], &mut chance);
            }
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| decoded(messages)));
            if let Err(status) = outcome.unwrap_or_else(|_| panic!("seed {seed}")) {
                assert!([Code::InvalidArgument, Code::Unimplemented].contains(&status.code()), "seed {seed}: {status}");
            }
        }
    }

    #[test]
    fn a_value_that_is_none_of_its_type_is_refused() {
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(5, 2).unwrap();
        let mut messages = sent(&[Arc::new(decimal)], IpcWriteOptions::default());
        assert!(decoded(messages.clone()).is_ok());
        let mut body = messages[1].data_body.to_vec();
        let place = body.windows(2).position(|bytes| bytes == 12_345_u16.to_le_bytes()).unwrap();
        body[place + 3] = 1;
        messages[1].data_body = body.into();
        assert_eq!(decoded(messages).unwrap_err().code(), Code::InvalidArgument);
        let timestamp = TimestampMicrosecondArray::from(vec![0]).with_timezone("+99:99");
        assert!(decoded(sent(&[Arc::new(timestamp)], IpcWriteOptions::default())).is_err());
        let pair = StructArray::from(vec![(
            Arc::new(Field::new("u", columns()[0].data_type().clone(), true)),
            columns().remove(0),
        )]);
        assert!(decoded(sent(&[Arc::new(pair)], IpcWriteOptions::default())).is_err());
    }

    /// Puts another number somewhere.
    fn change(message: &mut FlightData, chance: &mut fastrand::Rng) {
        let bytes = if chance.u8(..8) > 0 { &mut message.data_header } else { &mut message.data_body };
        let mut changed = bytes.to_vec();
        let width = [1, 2, 4, 8][chance.usize(..4)];
        if changed.len() < width {
            return;
        }
        let at = chance.usize(..changed.len() / width) * width;
        let number = match chance.u8(..4) {
            0 => chance.i64(..),
            1 => chance.i64(-9..70),
            2 => [i64::MAX, i64::MIN, 1 << 46, 1 << 31, -1][chance.usize(..5)],
            _ => i64::from(changed[at]) ^ (1 << chance.u8(..63)),
        };
        changed[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
        *bytes = changed.into();
    }

    /// DataFusion would panic where it groups by one.
    #[test]
    fn a_row_without_fields_is_refused() {
        let empty: ArrayRef = Arc::new(StructArray::new_empty_fields(1, None));
        for column in [Arc::clone(&empty), Arc::new(StructArray::from(vec![(field_of(&empty), empty)]))] {
            let refused = decoded(sent(&[column], IpcWriteOptions::default())).unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    }

    fn field_of(column: &ArrayRef) -> FieldRef {
        Arc::new(Field::new("within", column.data_type().clone(), true))
    }

    #[test]
    fn nulls_of_a_list_whose_type_has_none_are_refused() {
        let list = |is_nullable, items: Vec<Option<i32>>| -> ArrayRef {
            let item = Arc::new(Field::new_list_field(DataType::Int32, is_nullable));
            let lengths = OffsetBuffer::from_lengths([items.len()]);
            Arc::new(ListArray::new(item, lengths, Arc::new(Int32Array::from(items)), None))
        };
        let of = |list| sent(&[list], IpcWriteOptions::default());
        let mut messages = of(list(true, vec![Some(1), None]));
        messages[0] = of(list(false, vec![Some(1), Some(2)])).remove(0);
        assert_eq!(decoded(messages).unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn lists_that_never_have_an_element_are_refused() {
        let item = Arc::new(Field::new_list_field(DataType::Int32, true));
        let items: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
        let empty: ArrayRef = Arc::new(FixedSizeListArray::try_new_with_length(item, 0, items, None, 1).unwrap());
        let refused = decoded(sent(&[empty], IpcWriteOptions::default())).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }

    #[test]
    fn compression_is_refused() {
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME));
        let refused = decoded(sent(&columns(), options.unwrap())).unwrap_err();
        assert!(refused.message().contains("without compression"), "{refused}");
    }

    #[tokio::test]
    async fn empty_messages_have_an_end() {
        let endless = stream::repeat_with(|| Ok(FlightData::default()));
        assert_eq!(receive(endless).await.unwrap_err().code(), Code::ResourceExhausted);
        let unread = FlightData { app_metadata: vec![0; MAX_PARAMETER_BYTES].into(), ..Default::default() };
        assert_eq!(receive(stream::iter([Ok(unread)])).await.unwrap_err().code(), Code::ResourceExhausted);
    }
}
