//! What is written is read back by Parquet's own reader, and its footer says what Parquet's own writer would.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array,
    Int64Array, ListArray, Scalar, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::concat_batches;
use arrow::compute::kernels::cmp::{gt, lt};
use arrow::datatypes::{Field, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};

use super::*;

/// Numbers without a pattern (splitmix64, Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// An integer of any length.
    fn integer(&mut self) -> i64 {
        match self.below(20) {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => (self.next() as i64) >> self.below(64),
        }
    }
}

/// Columns of every kind, with as many NULLs as `is_null` says.
fn batch(rows: usize, random: &mut Random, is_null: impl Fn(&mut Random) -> bool) -> RecordBatch {
    let mut integers = |limit: i64| -> Vec<Option<i64>> {
        (0..rows).map(|_| (!is_null(random)).then(|| random.integer() % limit)).collect()
    };
    let short = |values: &[Option<i64>]| values.iter().map(|value| value.map(|value| value as i32)).collect::<Vec<_>>();
    let any = integers(i64::MAX);
    let (small, other) = (integers(100), integers(1 << 40));
    let days = 86_400_000_000;
    let times: Vec<_> = integers(days).iter().map(|value| value.map(i64::abs)).collect();
    let decimals = |values: &[Option<i64>], limit: i64, precision: u8| -> ArrayRef {
        let values = values.iter().map(|value| value.map(|value| i128::from(value % limit)));
        Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(precision, 2).unwrap())
    };
    let text = |value: i64| match value % 7 {
        0 => String::new(),
        1 => "é".repeat(value.unsigned_abs() as usize % 50),
        _ => value.to_string(),
    };
    let texts = |values: &[Option<i64>]| values.iter().map(|value| value.map(text)).collect::<StringArray>();
    let lists =
        small.iter().map(|value| value.map(|value| (0..value % 4).map(|item| (item % 3 > 0).then_some(item as i32))));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(small.iter().map(|value| value.map(|value| value as i16)).collect::<Int16Array>()),
        Arc::new(Int32Array::from(short(&any))),
        Arc::new(short(&any).iter().map(|value| value.map(|value| value as u32)).collect::<UInt32Array>()),
        Arc::new(Date32Array::from(short(&small))),
        decimals(&any, 1_000_000_000, 9),
        decimals(&any, 1_000_000_000_000_000_000, 18),
        decimals(&any, i64::MAX, 38),
        Arc::new(Int64Array::from(any.clone())),
        Arc::new(small.iter().map(|value| value.map(|value| value << 56)).collect::<Int64Array>()),
        Arc::new(Time64MicrosecondArray::from(times)),
        Arc::new(TimestampMicrosecondArray::from(other.clone()).with_timezone("UTC")),
        Arc::new(small.iter().map(|value| value.map(|value| value > 0)).collect::<BooleanArray>()),
        Arc::new(any.iter().map(|value| value.map(|value| value as f64 / 3.0)).collect::<Float64Array>()),
        Arc::new(texts(&small)),
        Arc::new(texts(&other)),
        Arc::new(
            small.iter().map(|value| value.map(|value| if value > 0 { "y" } else { "n" })).collect::<StringArray>(),
        ),
        Arc::new(
            small
                .iter()
                .map(|value| value.map(|value| "long ".repeat(value.unsigned_abs() as usize)))
                .collect::<StringArray>(),
        ),
        Arc::new(other.iter().map(|value| value.map(|value| value.to_le_bytes())).collect::<BinaryArray>()),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
    ];
    let are_nullable = columns.iter().any(|column| column.null_count() > 0);
    let fields = columns.iter().enumerate();
    let fields =
        fields.map(|(index, column)| Field::new(format!("c.{index}"), column.data_type().clone(), are_nullable));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
}

/// The file of these batches, as we write it and as Parquet's own writer does.
fn files(batches: &[RecordBatch]) -> (Bytes, Bytes) {
    let schema = batches[0].schema();
    let begin = || ArrowWriter::try_new(vec![], Arc::clone(&schema), Some(properties(&schema))).unwrap();
    let (mut file, writers) = begin().into_serialized_writer().unwrap();
    let mut group = None;
    for batch in batches {
        let group = group.get_or_insert_with(|| RowGroup::begin(&file, &writers, batch).unwrap());
        group.write(batch).unwrap();
    }
    group.unwrap().finish(&mut file).unwrap();
    let mut theirs = begin();
    batches.iter().for_each(|batch| theirs.write(batch).unwrap());
    (file.into_inner().unwrap().into(), theirs.into_inner().unwrap().into())
}

fn read(file: &Bytes) -> (RecordBatch, Arc<ParquetMetaData>) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap();
    let (schema, metadata) = (Arc::clone(builder.schema()), Arc::clone(builder.metadata()));
    let batches = builder.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    (concat_batches(&schema, &batches).unwrap(), metadata)
}

fn assert_read_back(batches: &[RecordBatch]) {
    let (ours, theirs) = files(batches);
    let (rows, our_metadata) = read(&ours);
    assert_eq!(rows, concat_batches(&batches[0].schema(), batches).unwrap());
    let (_, their_metadata) = read(&theirs);
    let chunks = |metadata: &ParquetMetaData| metadata.row_group(0).columns().to_vec();
    for (ours, theirs) in chunks(&our_metadata).iter().zip(&chunks(&their_metadata)) {
        let bounds = |chunk: &parquet::file::metadata::ColumnChunkMetaData| {
            let statistics = chunk.statistics()?;
            let bytes = |bound: Option<&[u8]>| bound.map(<[u8]>::to_vec);
            Some((bytes(statistics.min_bytes_opt()), bytes(statistics.max_bytes_opt()), statistics.null_count_opt()))
        };
        // Only ours has bounds of texts.
        if theirs.statistics().is_some() {
            assert_eq!(bounds(ours), bounds(theirs), "{}", ours.column_path());
        }
        assert_eq!(ours.num_values(), theirs.num_values());
    }
    assert_bounds_hold(&rows, &our_metadata);
}

/// No value is beyond the bounds of its page, or of its row group.
fn assert_bounds_hold(rows: &RecordBatch, metadata: &ParquetMetaData) {
    let (pages, offsets) = (metadata.column_index().unwrap(), metadata.offset_index().unwrap());
    // Of arrays, bounds of elements are kept.
    let schema = rows.schema();
    let plain = schema.fields().iter().enumerate().filter(|(_, field)| !field.data_type().is_nested());
    for (index, field) in plain {
        let descriptor = metadata.file_metadata().schema_descr();
        let Ok(known) = StatisticsConverter::try_new(field.name(), rows.schema_ref(), descriptor) else { continue };
        let assert_hold = |values: &ArrayRef, smallest: ArrayRef, largest: ArrayRef| {
            let is_beyond = |found: arrow::array::BooleanArray| found.true_count() > 0;
            assert!(smallest.is_null(0) || !is_beyond(lt(values, &Scalar::new(smallest)).unwrap()), "{field}");
            assert!(largest.is_null(0) || !is_beyond(gt(values, &Scalar::new(largest)).unwrap()), "{field}");
        };
        let column = rows.column(index);
        let groups = metadata.row_groups();
        assert_hold(column, known.row_group_mins(groups).unwrap(), known.row_group_maxes(groups).unwrap());
        let smallest = known.data_page_mins(pages, offsets, [&0]).unwrap();
        let largest = known.data_page_maxes(pages, offsets, [&0]).unwrap();
        let starts = offsets[0][index].page_locations().iter().map(|page| page.first_row_index as usize);
        let ends = starts.clone().skip(1).chain([rows.num_rows()]);
        assert_eq!(starts.len(), smallest.len());
        for (page, (start, end)) in starts.zip(ends).enumerate() {
            let values = column.slice(start, end - start);
            let is_long = matches!(field.data_type(), DataType::Utf8 | DataType::Binary)
                && texts::average_bytes(column) >= COMPRESSED_BYTES;
            let is_bounded = !field.data_type().is_floating() && !is_long && values.null_count() < values.len();
            assert!(!is_bounded || smallest.is_valid(page), "{field}: page {page}");
            assert_hold(&values, smallest.slice(page, 1), largest.slice(page, 1));
        }
    }
}

#[test]
fn values_come_back_as_they_went() {
    let mut random = Random(7);
    for rows in [1, 2, 31, 33, 128, 129, 1_000, 1_025, 20_000] {
        assert_read_back(&[batch(rows, &mut random, |_| false)]);
        assert_read_back(&[batch(rows, &mut random, |random| random.below(3) == 0)]);
    }
}

#[test]
fn nulls_in_any_number_come_back() {
    let mut random = Random(8);
    assert_read_back(&[batch(100, &mut random, |_| true)]);
    assert_read_back(&[batch(40_000, &mut random, |random| random.below(1_000) == 0)]);
    assert_read_back(&[batch(40_000, &mut random, |random| random.below(1_000) > 0)]);
    assert_read_back(&[1_000, 17, 2_000].map(|rows| batch(rows, &mut random, |random| random.below(2) == 0)));
}

#[test]
fn slices_come_back() {
    let mut random = Random(9);
    let whole = batch(70_000, &mut random, |random| random.below(5) == 0);
    assert_read_back(&[whole.slice(3, 20_001), whole.slice(41_111, 9)]);
}

/// A column that begins with a few texts, or numbers, and goes on with many.
#[test]
fn columns_that_change_on_the_way_come_back() {
    let texts = |from: usize| -> ArrayRef {
        let texts = (0..30_000).map(|index| format!("text number {}", if index < from { index % 5 } else { index }));
        Arc::new(StringArray::from_iter_values(texts))
    };
    for from in [0, 1_000, 1_025, 16_384, 20_000, 30_000] {
        let column = texts(from);
        assert_read_back(&[RecordBatch::try_from_iter([("text", Arc::clone(&column)), ("again", column)]).unwrap()]);
    }
}

#[test]
fn runs_and_mixtures_come_back() {
    let runs = [1, 63, 64, 65, 200, 7, 128, 1, 1, 1, 8, 500];
    let letters = runs.iter().cycle().take(600).enumerate();
    let letters = letters.flat_map(|(index, length)| std::iter::repeat_n(["a", "b", "cc", ""][index % 4], *length));
    let column: ArrayRef = Arc::new(StringArray::from(letters.collect::<Vec<_>>()));
    assert_read_back(&[RecordBatch::try_from_iter([("letter", column)]).unwrap()]);
}

#[test]
fn pages_have_bounds_of_their_own() {
    let rows = 3 * PAGE_ROWS;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{row:08}"))));
    let (ours, _) = files(&[RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap()]);
    let (_, metadata) = read(&ours);
    for column in &metadata.column_index().unwrap()[0] {
        assert_eq!((column.num_pages(), column.null_count(2)), (3, Some(0)));
    }
    let parquet::file::page_index::column_index::ColumnIndexMetaData::BYTE_ARRAY(texts) =
        &metadata.column_index().unwrap()[0][1]
    else {
        panic!("it is a column of texts")
    };
    assert_eq!((texts.min_value(1), texts.max_value(1)), (Some(b"00016384".as_slice()), Some(b"00032767".as_slice())));
}

/// What is written is smaller than plain values by as much as differences are.
#[test]
fn neighbours_that_differ_little_take_few_bytes() {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100_000).map(|index| 7_000_000_000 + index / 4)));
    let (ours, theirs) = files(&[RecordBatch::try_from_iter([("key", keys)]).unwrap()]);
    assert!(ours.len() < 20_000, "{} bytes", ours.len());
    assert!(ours.len() < theirs.len(), "{} bytes", theirs.len());
}
