//! What is sent is what was given: for every kind of array, with NULLs and cut anywhere, by both ways to the client.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, Int64Builder,
    IntervalMonthDayNanoArray, LargeStringArray, ListArray, MapBuilder, NullArray, StringArray, StringBuilder,
    StringViewArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, IntervalMonthDayNano, Schema, i256};
use arrow::record_batch::RecordBatchOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::channel::mpsc;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use prost::Message as _;
use prost::bytes::Buf;
use tokio::sync::oneshot;
use tonic::Code;
use tonic::body::Body;
use tower::Service;

use super::batches::{Group, LARGE_BYTES, LEAST_BYTES, MOST_BYTES, MOST_ROWS, bytes_of};
use super::message::ALIGNMENT;
use super::*;

const ROWS: usize = 300;
/// Where a batch is cut: nowhere, within a byte of bits, at a byte, few rows, none.
const CUTS: [(usize, usize); 7] = [(0, ROWS), (1, ROWS - 1), (3, 100), (8, 64), (13, 1), (17, 9), (ROWS, 0)];

fn is_null(row: usize) -> bool {
    row % 7 == 3
}

fn each<T>(value: impl Fn(usize) -> T) -> impl Iterator<Item = Option<T>> {
    (0..ROWS).map(move |row| (!is_null(row)).then(|| value(row)))
}

fn nulls() -> Option<NullBuffer> {
    Some((0..ROWS).map(|row| !is_null(row)).collect())
}

fn text(row: usize) -> String {
    "ä text of some length, ".repeat(row % 4)
}

fn list_of(elements: ArrayRef) -> ListArray {
    let lengths = (0..ROWS).map(|row| if is_null(row) { 0 } else { row % 3 });
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
    let length = offsets.last().copied().unwrap().unsigned_abs() as usize;
    let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
    ListArray::new(field, offsets, elements.slice(0, length), nulls())
}

fn struct_of(columns: Vec<ArrayRef>) -> StructArray {
    let field = |(place, column): (usize, &ArrayRef)| Field::new(format!("f{place}"), column.data_type().clone(), true);
    let fields: Fields = columns.iter().enumerate().map(field).collect();
    StructArray::new(fields, columns, nulls())
}

/// A column of each kind.
fn batch() -> RecordBatch {
    let texts: ArrayRef = Arc::new(StringArray::from_iter(each(text)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(each(|row| row as i64)));
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in 0..ROWS {
        if !is_null(row) {
            maps.keys().append_value(text(row));
            maps.values().append_value(row as i64);
        }
        maps.append(!is_null(row)).unwrap();
    }
    let pairs = FixedSizeListArray::new(
        Arc::new(Field::new_list_field(DataType::Int64, true)),
        2,
        Arc::new(Int64Array::from_iter_values(0..2 * ROWS as i64)),
        nulls(),
    );
    let interval = |row: usize| IntervalMonthDayNano::new(row as i32, 2, 3);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BooleanArray::from_iter(each(|row| row % 2 == 0))),
        Arc::new(Int16Array::from_iter(each(|row| row as i16))),
        Arc::new(Int32Array::from_iter(each(|row| row as i32))),
        Arc::clone(&numbers),
        Arc::new(UInt32Array::from_iter(each(|row| row as u32))),
        Arc::new(Float32Array::from_iter(each(|row| row as f32))),
        Arc::new(Float64Array::from_iter(each(|row| row as f64))),
        Arc::new(Date32Array::from_iter(each(|row| row as i32))),
        Arc::new(Time64MicrosecondArray::from_iter(each(|row| row as i64))),
        Arc::new(TimestampMicrosecondArray::from_iter(each(|row| row as i64)).with_timezone("UTC")),
        Arc::new(IntervalMonthDayNanoArray::from_iter(each(interval))),
        Arc::new(Decimal128Array::from_iter(each(|row| row as i128)).with_precision_and_scale(30, 2).unwrap()),
        Arc::new(
            Decimal256Array::from_iter(each(|row| i256::from_i128(row as i128)))
                .with_precision_and_scale(60, 2)
                .unwrap(),
        ),
        Arc::clone(&texts),
        Arc::new(LargeStringArray::from_iter(each(text))),
        Arc::new(StringViewArray::from_iter(each(text))),
        Arc::new(BinaryArray::from_iter(each(text))),
        Arc::new(NullArray::new(ROWS)),
        Arc::new(list_of(Arc::clone(&texts))),
        Arc::new(list_of(Arc::new(list_of(Arc::clone(&numbers))))),
        Arc::new(struct_of(vec![Arc::clone(&texts), Arc::clone(&numbers)])),
        Arc::new(list_of(Arc::new(struct_of(vec![numbers, Arc::new(list_of(Arc::clone(&texts)))])))),
        Arc::new(maps.finish()),
        Arc::new(pairs),
        Arc::new(Int64Array::from_iter_values(0..ROWS as i64)),
    ];
    let named = columns.into_iter().enumerate().map(|(place, column)| (format!("c{place}"), column, true));
    RecordBatch::try_from_iter_with_nullable(named).unwrap()
}

/// Those columns whose batches are put together on the wire.
fn flat(batch: &RecordBatch) -> RecordBatch {
    let is_flat = |field: &Field| match field.data_type() {
        DataType::Boolean | DataType::Utf8 | DataType::Binary => true,
        other => other.is_primitive(),
    };
    let fields = batch.schema_ref().fields().iter().enumerate();
    let columns: Vec<usize> = fields.filter(|(_, field)| is_flat(field)).map(|(place, _)| place).collect();
    assert!(columns.len() > 10);
    batch.project(&columns).unwrap()
}

fn joined(groups: Vec<Group>) -> Vec<RecordBatch> {
    groups.into_iter().map(|group| concat_batches(group[0].schema_ref(), &group).unwrap()).collect()
}

async fn resized(batches: Vec<RecordBatch>) -> Vec<RecordBatch> {
    joined(Batches::new(rows(batches).batches).map(Result::unwrap).collect().await)
}

fn numbers(from: usize, rows: usize) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((from..from + rows).map(|row| row as i64)));
    RecordBatch::try_from_iter([("number", column)]).unwrap()
}

fn rows(batches: Vec<RecordBatch>) -> Rows {
    Rows::new(batches[0].schema(), stream::iter(batches.into_iter().map(Ok)))
}

/// A service that answers with rows as tonic's does.
struct Answering(Response<DataStream>);

impl Service<Request<Body>> for Answering {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let mut answer = http::Response::new(Body::empty());
        *answer.extensions_mut() = self.0.extensions().clone();
        ready(Ok(answer))
    }
}

async fn body(rows: Rows) -> Body {
    PastTonic(Answering(rows.answer())).call(Request::new(Body::empty())).await.unwrap().into_body()
}

/// The messages of a body as a client takes them out of it, and how the call has ended.
async fn received(rows: Rows) -> (Vec<FlightData>, HeaderMap) {
    let body = body(rows).await.collect().await.unwrap();
    let trailers = body.trailers().unwrap().clone();
    let mut bytes = body.to_bytes();
    let mut messages = vec![];
    while bytes.has_remaining() {
        assert_eq!(bytes.get_u8(), 0);
        let length = bytes.get_u32() as usize;
        let message = FlightData::decode(bytes.split_to(length)).unwrap();
        if !message.data_body.is_empty() {
            assert_eq!((length - message.data_body.len()) % ALIGNMENT, 0, "the body is the last field");
        }
        messages.push(message);
    }
    (messages, trailers)
}

async fn decoded(messages: Vec<Result<FlightData, FlightError>>) -> Vec<RecordBatch> {
    FlightRecordBatchStream::new_from_flight_data(stream::iter(messages)).map(Result::unwrap).collect().await
}

#[tokio::test]
async fn what_is_received_is_what_was_given() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        for (start, length) in CUTS {
            let given = batch().slice(start, length);
            let rows = || rows(vec![given.clone()]).with_compression(compression).with_metadata("{}");
            let (past_tonic, trailers) = received(rows()).await;
            assert_eq!(trailers[Status::GRPC_STATUS], "0");
            let by_tonic: Vec<FlightData> = rows().answer().into_inner().map(Result::unwrap).collect().await;
            for messages in [past_tonic, by_tonic] {
                assert_eq!(messages[0].app_metadata, "{}");
                let batches = decoded(messages.into_iter().map(Ok).collect()).await;
                assert_eq!(batches.len(), usize::from(length > 0));
                let taken = concat_batches(&given.schema(), &batches).unwrap();
                assert_eq!(taken, given, "rows {start} and {length} on, {compression:?}");
            }
        }
    }
}

#[tokio::test]
async fn batches_that_travel_as_one_arrive_as_one() {
    // The first is sent by itself. Of the others, one has no NULLs, and some have nothing else.
    let cuts = [(0, 1), (0, 3), (3, 1), (4, 60), (5, 3), (64, 36), (100, 200), (3, 1)];
    for given in [batch(), flat(&batch())] {
        for compression in [None, Some(CompressionType::LZ4_FRAME)] {
            let parts: Vec<RecordBatch> = cuts.iter().map(|&(start, length)| given.slice(start, length)).collect();
            let (messages, _) = received(rows(parts.clone()).with_compression(compression)).await;
            let batches = decoded(messages.into_iter().map(Ok).collect()).await;
            assert_eq!(batches.len(), 2);
            assert_eq!(batches[0], parts[0]);
            assert_eq!(batches[1], concat_batches(&given.schema(), &parts[1..]).unwrap());
        }
    }
}

#[tokio::test]
async fn dictionaries_come_before_the_batches_that_need_them() {
    let words: DictionaryArray<Int32Type> = ["a", "b", "a"].into_iter().collect();
    let given = RecordBatch::try_from_iter([("word", Arc::new(words) as ArrayRef)]).unwrap();
    let (messages, _) = received(rows(vec![given.clone()])).await;
    assert_eq!(messages.len(), 3);
    assert_eq!(decoded(messages.into_iter().map(Ok).collect()).await, [given]);
}

#[tokio::test]
async fn rows_are_sent_from_where_they_lie() {
    // One of them by itself, and the others as one.
    let given: Vec<RecordBatch> = (0..5).map(|place| numbers(place, 1 << 15)).collect();
    let address = |batch: &RecordBatch| batch.column(0).to_data().buffers()[0].as_ptr();
    let wanted: Vec<*const u8> = given.iter().map(address).collect();
    let mut body = body(rows(given)).await;
    let mut addresses = vec![];
    while let Some(frame) = body.frame().await {
        addresses.extend(frame.unwrap().into_data().map(|data| data.as_ptr()));
    }
    addresses.retain(|address| wanted.contains(address));
    assert_eq!(addresses, wanted);
}

#[tokio::test]
async fn nothing_is_taken_before_it_is_asked_for() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let large = MOST_ROWS - 1;
    let batches = stream::iter(0..5).map(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(numbers(0, large))
    });
    let mut body = body(Rows::new(numbers(0, 0).schema(), batches)).await;
    body.frame().await.unwrap().unwrap();
    assert_eq!(taken.load(Ordering::Relaxed), 0, "these are the columns");
    body.frame().await.unwrap().unwrap();
    assert_eq!(taken.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_error_stands_in_the_trailers() {
    let given = [Ok(numbers(0, 10)), Err(Status::invalid_argument("no")), Ok(numbers(0, 10))];
    let (messages, trailers) = received(Rows::new(numbers(0, 0).schema(), stream::iter(given))).await;
    assert_eq!(messages.len(), 2);
    let status = Status::from_header_map(&trailers).unwrap();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "no"));
    assert!(!status.details().is_empty(), "it says why");
}

#[tokio::test]
async fn what_nobody_takes_is_given_up_at_the_deadline() {
    let (held, given_back) = oneshot::channel::<()>();
    let batches = stream::iter((0..5).map(|_| Ok(numbers(0, MOST_ROWS - 1)))).inspect(move |_| {
        let _ = &held;
    });
    let passed = || Status::deadline_exceeded("over");
    let rows = Rows::new(numbers(0, 0).schema(), batches).with_deadline(Instant::now(), passed);
    let mut body = body(rows).await;
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    // Nobody reads any more.
    assert!(given_back.await.is_err());
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    let status = Status::from_header_map(&trailers).unwrap();
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "over"));
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn small_batches_are_joined_but_for_the_first() {
    let given: Vec<RecordBatch> = (0..400).map(|place| numbers(place * 1_000, 1_000)).collect();
    let all = concat_batches(&given[0].schema(), &given).unwrap();
    let sent = resized(given).await;
    assert_eq!(sent[0].num_rows(), 1_000);
    for batch in &sent[1..sent.len() - 1] {
        assert!((LEAST_BYTES..=MOST_BYTES).contains(&bytes_of(batch)));
    }
    assert_eq!(concat_batches(&all.schema(), &sent).unwrap(), all);
}

#[tokio::test]
async fn one_batch_is_larger_for_those_who_want_it() {
    let bytes = async |given: Vec<RecordBatch>, wanted| -> Vec<usize> {
        let batches = Batches::new(rows(given).batches).with_large_batch(wanted).map(Result::unwrap);
        joined(batches.collect().await).iter().map(bytes_of).collect()
    };
    let some = |count: usize| (0..count).map(|place| numbers(place * 8_000, 8_000)).collect();
    let sent = bytes(some(500), true).await;
    let larger: Vec<usize> = (0..sent.len()).filter(|&place| sent[place] > MOST_BYTES).collect();
    let [place] = larger[..] else { panic!("{sent:?}") };
    assert!(sent[place] >= LARGE_BYTES && sent[place] < LARGE_BYTES + LEAST_BYTES);
    assert!(sent[..place].iter().sum::<usize>() >= LARGE_BYTES);
    assert_eq!(sent.iter().sum::<usize>(), 500 * 8_000 * 8);
    // Not for others, and not of few rows.
    for (count, wanted) in [(500, false), (100, true)] {
        assert!(bytes(some(count), wanted).await.iter().all(|&bytes| bytes <= MOST_BYTES));
    }
}

#[tokio::test]
async fn the_larger_batch_is_sent_once_however_slow_the_query_is() {
    let (query, given) = mpsc::unbounded();
    let mut batches = Batches::new(given.boxed()).with_large_batch(true);
    let mut sent = vec![];
    // It gives some 3 MiB, and the next when all of them have been sent.
    for _ in 0..10 {
        (0..48).for_each(|place| query.unbounded_send(Ok(numbers(place * 8_000, 8_000))).unwrap());
        let mut missing = 48 * 8_000 * 8;
        while missing > 0 {
            let group = batches.next().await.unwrap().unwrap();
            sent.push(group.iter().map(bytes_of).sum::<usize>());
            missing -= sent.last().unwrap();
        }
    }
    assert_eq!(sent.iter().filter(|&&bytes| bytes > MOST_BYTES).count(), 1, "{sent:?}");
}

#[tokio::test]
async fn large_batches_are_cut() {
    let lists = RecordBatch::try_from_iter([(
        "list",
        Arc::new(ListArray::new(
            Arc::new(Field::new_list_field(DataType::Int64, true)),
            OffsetBuffer::from_lengths(std::iter::repeat_n(10, 100_000)),
            Arc::new(Int64Array::from_iter_values(0..1_000_000)),
            None,
        )) as ArrayRef,
    )])
    .unwrap();
    for given in [numbers(0, 1_000_000), lists] {
        let sent = resized(vec![given.clone()]).await;
        assert!(sent.len() < 10, "{}", sent.len());
        assert!(sent.iter().all(|batch| bytes_of(batch) <= MOST_BYTES));
        assert_eq!(concat_batches(&given.schema(), &sent).unwrap(), given);
    }
    // A row that is large alone is one batch; those beside it are not cut into rows for it.
    let texts = (0..1_000).map(|row| "x".repeat(if row == 500 { 8 << 20 } else { 10 }));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let given = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let sent = resized(vec![given]).await;
    assert!(sent.len() < 30, "{}", sent.len());
    assert_eq!(sent.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
}

#[tokio::test]
async fn rows_do_not_wait_for_a_query_that_is_slow() {
    let given = stream::iter([Ok(numbers(0, 1)), Ok(numbers(1, 1)), Ok(numbers(2, 1))]).chain(stream::pending());
    let mut batches = Batches::new(given.boxed());
    assert_eq!(batches.next().await.unwrap().unwrap(), [numbers(0, 1)]);
    assert_eq!(batches.next().await.unwrap().unwrap(), [numbers(1, 1), numbers(2, 1)]);
}

#[tokio::test]
async fn rows_without_columns_are_counted() {
    let options = RecordBatchOptions::new().with_row_count(Some(MOST_ROWS));
    let nothing = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    let (messages, _) = received(rows(vec![nothing; 3])).await;
    let taken = decoded(messages.into_iter().map(Ok).collect()).await;
    assert_eq!(taken.iter().map(RecordBatch::num_rows).sum::<usize>(), 3 * MOST_ROWS);
}
