//! Scans give the same rows from memory as from Parquet, whatever was deleted, filtered or projected.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, IntervalMonthDayNanoArray, ListArray,
    RecordBatch, StringArray,
};
use arrow::datatypes::{Field, Int32Type, IntervalMonthDayNano, Schema};
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::super::deletes::Deletes;
use super::super::manifest::{RelationId, TableEntry};
use super::super::retention::Retention;
use super::super::testing::{commit_table, open_bucket, open_folder, write_table};
use super::*;

const ROWS: i64 = 50_000;
const FILES: usize = 3;
const QUERIES: [&str; 12] = [
    "SELECT * FROM t ORDER BY id LIMIT 30",
    "SELECT count(*), sum(id), sum(price), min(day), max(note), avg(level) FROM t",
    "SELECT count(*) FROM t WHERE id >= 70000 AND id < 70100",
    "SELECT kind, count(*), sum(price) FROM t GROUP BY kind ORDER BY kind",
    "SELECT id, price * 2 AS twice FROM t WHERE day = date '1970-02-10' ORDER BY id",
    "SELECT id FROM t ORDER BY id DESC LIMIT 7",
    "SELECT note, id FROM t WHERE note LIKE 'a longer note 12%' ORDER BY id LIMIT 20",
    "SELECT count(*), count(note), count(tags), count(span) FROM t WHERE note IS NULL",
    "SELECT count(*) FROM t WHERE level > 1e9 OR kind = 'k3'",
    "SELECT count(*) FROM t AS a JOIN t AS b ON a.id = b.id WHERE b.id % 1000 = 7",
    "SELECT array_length(tags), count(*) FROM t GROUP BY 1 ORDER BY 1",
    "SELECT span, count(*) FROM t GROUP BY span ORDER BY count(*), span LIMIT 5",
];

fn batch(first: i64) -> RecordBatch {
    let ids = || first..first + ROWS;
    let text =
        |id: i64| (id % 5 != 0).then(|| if id % 2 == 0 { format!("a longer note {id}") } else { format!("n{id}") });
    let columns: [(&str, ArrayRef); 8] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("kind", Arc::new(StringArray::from_iter_values(ids().map(|id| format!("k{}", id % 4))))),
        ("note", Arc::new(ids().map(text).collect::<StringArray>())),
        ("price", {
            let prices = Decimal128Array::from_iter_values(ids().map(|id| i128::from(id * 7)));
            Arc::new(prices.with_precision_and_scale(12, 2).unwrap())
        }),
        (
            "level",
            Arc::new(Float64Array::from_iter_values(ids().map(|id| if id % 9 == 0 { f64::NAN } else { id as f64 }))),
        ),
        ("day", Arc::new(Date32Array::from_iter_values(ids().map(|id| (id / 500) as i32)))),
        ("tags", {
            let lists =
                ids().map(|id| (id % 3 != 0).then(|| (0..id % 4).map(|tag| Some(tag as i32)).collect::<Vec<_>>()));
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
        }),
        ("span", {
            let spans = ids().map(|id| (id % 6 != 0).then(|| IntervalMonthDayNano::new((id % 3) as i32, 1, -5)));
            Arc::new(spans.collect::<IntervalMonthDayNanoArray>())
        }),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Commits the table `t` of several files.
fn commit(store: &Arc<SnapshotStore>) {
    let staging = store.begin();
    let schema = batch(0).schema();
    let fields: Vec<_> = schema.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut entry = TableEntry { schema: Arc::clone(&schema), files: vec![], ..write_table(&staging, "t") };
    for file in 0..FILES {
        let mut writer =
            staging.create_file(&format!("part-{file}"), RelationId::default(), Arc::clone(&schema)).unwrap();
        let rows = batch(file as i64 * ROWS).with_schema(Arc::clone(&schema)).unwrap();
        writer.write(&rows).unwrap();
        entry.files.push(writer.finish().unwrap());
    }
    commit_table(staging, entry).unwrap();
}

/// Deletes rows of all files but the last.
fn delete_rows(store: &Arc<SnapshotStore>) {
    let staging = store.begin();
    let mut entry = store.pin().manifest.tables[0].clone();
    entry.version = 0;
    for (file, step) in [(0, 3), (1, 20_000)] {
        let mut deletes = Deletes::default();
        (0..ROWS as u32).step_by(step).for_each(|position| deletes.insert(position));
        // A chunk of which nothing is left.
        (8_192..16_384).for_each(|position| deletes.insert(position));
        entry.files[file].deletes = Some(staging.write_deletes(&format!("deletes-{file}"), &deletes).unwrap());
    }
    commit_table(staging, entry).unwrap();
}

fn start(store: &SnapshotStore, budget_bytes: u64, summary: Option<PathBuf>) {
    let settings = HotTierSettings { budget_bytes, summary, memory_is_short: Box::new(|| false) };
    store.start_hot_tier(settings).unwrap();
}

fn session(store: &SnapshotStore, batch_rows: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema("shop", "public")
        .with_target_partitions(3)
        .with_batch_size(batch_rows)
        // Parts of files also where they are small.
        .with_repartition_file_min_size(1);
    let context = SessionContext::new_with_config(config);
    let (url, files) = store.object_store();
    context.register_object_store(url.as_ref(), files);
    context.register_catalog_list(store.pin().catalogs());
    context
}

fn answers(store: &SnapshotStore, batch_rows: usize) -> Vec<String> {
    let context = session(store, batch_rows);
    QUERIES.iter().map(|sql| run(&context, sql)).collect()
}

fn run(context: &SessionContext, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let batches = runtime.block_on(async { context.sql(sql).await?.collect().await }).unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

/// Asks until it is true.
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn columns(store: &SnapshotStore) -> usize {
    store.hot_tier().unwrap().columns
}

#[test]
fn answers_are_the_same_from_memory() {
    for (store, _place) in [open_folder(Retention::default()), open_bucket(Retention::default())] {
        commit(&store);
        let cold = answers(&store, 8_192);
        assert!(store.hot_tier().is_none());
        start(&store, 1 << 30, None);
        assert_eq!(answers(&store, 8_192), cold);
        until("all columns are in memory", || columns(&store) == 8 * FILES);
        let misses = store.hot_tier().unwrap().misses;
        for batch_rows in [8_192, 1_000] {
            assert_eq!(answers(&store, batch_rows), cold);
        }
        let status = store.hot_tier().unwrap();
        assert_eq!(status.misses, misses);
        assert!(status.hits > 0 && status.bytes <= status.budget_bytes, "{status:?}");
        // The same files, of which rows are deleted.
        delete_rows(&store);
        let hot = answers(&store, 8_192);
        assert_ne!(hot, cold);
        assert_eq!(store.hot_tier().unwrap().misses, misses);
        store.files.hot.ledger().shrink(0, Instant::now());
        assert_eq!(answers(&store, 8_192), hot);
        assert!(store.hot_tier().unwrap().misses > misses);
    }
}

#[test]
fn a_scan_may_be_half_in_memory() {
    let (store, _place) = open_folder(Retention::default());
    commit(&store);
    delete_rows(&store);
    let cold = answers(&store, 8_192);
    start(&store, 8 << 20, None);
    for _ in 0..4 {
        assert_eq!(answers(&store, 8_192), cold);
        let status = store.hot_tier().unwrap();
        assert!(status.bytes <= status.budget_bytes, "{status:?}");
    }
    until("some columns are in memory", || columns(&store) > 0);
    assert!(columns(&store) < 8 * FILES);
    assert_eq!(answers(&store, 8_192), cold);
}

#[test]
fn explain_says_what_comes_from_memory() {
    let (store, _place) = open_folder(Retention::default());
    commit(&store);
    let explained = || run(&session(&store, 8_192), "EXPLAIN SELECT sum(price) FROM t WHERE id > 100000");
    assert!(!explained().contains("from_memory"), "{}", explained());
    start(&store, 1 << 30, None);
    assert!(explained().contains("from_memory=0/3"), "{}", explained());
    // The filter leaves one file of three to be read.
    run(&session(&store, 8_192), "SELECT sum(price) FROM t WHERE id > 100000");
    until("one file is in memory", || columns(&store) == 2);
    assert!(explained().contains("from_memory=1/3"), "{}", explained());
    let status = store.hot_tier().unwrap();
    assert_eq!((status.hits, status.misses), (0, 1));
}

#[test]
fn a_limited_scan_is_no_use_of_its_files() {
    let (store, _place) = open_folder(Retention::default());
    commit(&store);
    start(&store, 1 << 30, None);
    run(&session(&store, 8_192), "SELECT * FROM t LIMIT 5");
    run(&session(&store, 8_192), "SELECT count(*) FROM t");
    let status = store.hot_tier().unwrap();
    assert_eq!((status.hits, status.misses, status.columns), (0, 0, 0));
}

#[test]
fn what_was_hot_is_hot_after_a_restart_and_after_a_refresh() {
    let (store, place) = open_folder(Retention::default());
    let summary = place.folder().path().join("hot.json");
    commit(&store);
    start(&store, 1 << 30, Some(summary.clone()));
    run(&session(&store, 8_192), "SELECT sum(price) FROM t");
    until("the column is in memory", || columns(&store) == FILES);
    store.stop_hot_tier();
    drop(store);
    let store = place.folder().open(Retention::default());
    start(&store, 1 << 30, Some(summary.clone()));
    until("the column is in memory again", || columns(&store) == FILES);
    assert_eq!(store.hot_tier().unwrap().misses, 0);
    // A refresh gives the table other files.
    commit(&store);
    let hot = || run(&session(&store, 8_192), "EXPLAIN SELECT sum(price) FROM t").contains("from_memory=3/3");
    until("the new files are in memory", hot);
    drop(store);
    std::fs::write(&summary, "damaged").unwrap();
    let store = place.folder().open(Retention::default());
    start(&store, 1 << 30, Some(summary));
    assert_eq!(columns(&store), 0);
}

#[test]
fn files_that_no_version_needs_leave_memory() {
    let keep_little = Retention { keep_versions: std::num::NonZeroUsize::MIN, keep_replaced: Duration::ZERO };
    let (store, _place) = open_folder(keep_little);
    commit(&store);
    start(&store, 1 << 30, None);
    run(&session(&store, 8_192), "SELECT sum(price) FROM t");
    until("the column is in memory", || columns(&store) == FILES);
    let staging = store.begin();
    let other = write_table(&staging, "other");
    staging.commit(|_| (vec![other], vec![])).unwrap();
    store.collect_garbage();
    let status = store.hot_tier().unwrap();
    assert_eq!((status.columns, status.bytes), (0, 0));
}

#[test]
fn memory_that_is_short_is_given_back() {
    let (store, _place) = open_folder(Retention::default());
    commit(&store);
    let short = Arc::new(AtomicBool::new(false));
    let is_short = Arc::clone(&short);
    let memory_is_short = Box::new(move || is_short.load(Ordering::Relaxed));
    store.start_hot_tier(HotTierSettings { budget_bytes: 1 << 30, summary: None, memory_is_short }).unwrap();
    run(&session(&store, 8_192), "SELECT sum(price), sum(id) FROM t");
    until("the columns are in memory", || columns(&store) == 2 * FILES);
    short.store(true, Ordering::Relaxed);
    until("they are gone", || columns(&store) == 0);
    short.store(false, Ordering::Relaxed);
    run(&session(&store, 8_192), "SELECT sum(price), sum(id) FROM t");
    // It stays so for a while.
    assert_eq!(columns(&store), 0);
}
