//! What is loaded, what goes for it, and that the budget holds.

use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;

const COLUMNS: [&str; 3] = ["a", "b", "c"];
const HOUR: Duration = Duration::from_secs(3600);

/// A column of 10,000 numbers, and what it takes.
fn column() -> HotColumn {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
    HotColumn::new(vec![numbers]).unwrap()
}

fn one() -> u64 {
    column().bytes()
}

fn table(name: &str) -> TableName {
    TableName { catalog: "shop".into(), schema: "public".into(), table: name.into() }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(COLUMNS.map(|name| Field::new(name, DataType::Int64, false)).to_vec()))
}

/// Makes these files current, each given as `table/number`.
fn adopt(ledger: &mut Ledger, files: &[&str], now: Instant) {
    let name_of = |path: &str| table(path.split('/').next().unwrap_or_default());
    let mut names: Vec<TableName> = files.iter().map(|path| name_of(path)).collect();
    names.dedup();
    let tables = names.iter().map(|name| CurrentTable {
        name,
        schema: schema(),
        files: files.iter().filter(|path| name_of(path) == *name).map(|&path| (path, 1_000)).collect(),
    });
    ledger.adopt(&tables.collect::<Vec<_>>(), now);
}

/// Loads one candidate, as the loader does; gives what it was.
fn load_next(ledger: &mut Ledger, now: Instant) -> Option<(String, Vec<String>)> {
    let mut candidate = ledger.next(now)?;
    if candidate.needed_bytes.is_none() {
        ledger.set_bytes(&candidate.path, candidate.columns.iter().map(|name| (name.clone(), one())));
        candidate = ledger.next(now)?;
    }
    let reserved = ledger.reserve(&candidate, now)?;
    assert!(ledger.used_bytes() <= ledger.budget_bytes());
    let loaded = candidate.columns.iter().map(|name| (name.clone(), column()));
    ledger.hold(&candidate.path, loaded.collect(), reserved);
    assert!(ledger.used_bytes() <= ledger.budget_bytes());
    Some((candidate.path.to_string(), candidate.columns))
}

fn load_all(ledger: &mut Ledger, now: Instant) -> Vec<String> {
    std::iter::from_fn(|| load_next(ledger, now).map(|(path, _)| path)).collect()
}

fn use_file(ledger: &mut Ledger, path: &str, times: usize, now: Instant) {
    (0..times).for_each(|_| ledger.note(path, ["a"].into_iter(), now));
}

fn is_held(ledger: &Ledger, path: &str) -> bool {
    ledger.held(path, "a").is_some()
}

#[test]
fn what_was_used_together_is_loaded_together() {
    let now = Instant::now();
    let mut ledger = Ledger::new(10 * one());
    adopt(&mut ledger, &["t/0", "t/1"], now);
    ledger.note("t/1", ["b", "c"].into_iter(), now);
    ledger.note("t/1", ["c"].into_iter(), now);
    ledger.note("t/1", ["nothing"].into_iter(), now);
    ledger.note("t/7", ["a"].into_iter(), now);
    assert_eq!(load_next(&mut ledger, now), Some(("t/1".into(), vec!["c".into()])));
    assert_eq!(load_next(&mut ledger, now), Some(("t/1".into(), vec!["b".into()])));
    assert_eq!(load_next(&mut ledger, now), None);
    adopt(&mut ledger, &["t/0", "t/1"], now);
    ledger.note("t/0", ["a", "b"].into_iter(), now);
    assert_eq!(load_next(&mut ledger, now), Some(("t/0".into(), vec!["a".into(), "b".into()])));
    assert_eq!(ledger.held_totals(), (4 * one(), 4));
}

#[test]
fn one_scan_pushes_nothing_out() {
    let now = Instant::now();
    let mut ledger = Ledger::new(2 * one());
    adopt(&mut ledger, &["hot/0", "hot/1", "large/0", "large/1", "large/2"], now);
    for path in ["hot/0", "hot/1"] {
        use_file(&mut ledger, path, 1, now);
    }
    assert_eq!(load_all(&mut ledger, now).len(), 2);
    let later = now + HOUR;
    for path in ["large/0", "large/1", "large/2"] {
        use_file(&mut ledger, path, 1, later);
    }
    assert_eq!(load_next(&mut ledger, later), None);
    // Used more than those that would go, they come in.
    use_file(&mut ledger, "large/1", 1, later);
    assert_eq!(load_all(&mut ledger, later), ["large/1"]);
    assert_eq!(ledger.held_totals().1, 2);
}

#[test]
fn tables_that_are_scanned_in_turns_do_not_push_each_other_out() {
    let now = Instant::now();
    let mut ledger = Ledger::new(one());
    adopt(&mut ledger, &["left/0", "right/0"], now);
    let mut loads = 0;
    for turn in 0..100 {
        let at = now + Duration::from_secs(10 * turn);
        use_file(&mut ledger, if turn % 2 == 0 { "left/0" } else { "right/0" }, 1, at);
        loads += load_all(&mut ledger, at).len();
    }
    assert_eq!(loads, 1);
}

#[test]
fn uses_fade() {
    let now = Instant::now();
    let mut ledger = Ledger::new(one());
    adopt(&mut ledger, &["old/0", "new/0"], now);
    use_file(&mut ledger, "old/0", 100, now);
    assert_eq!(load_all(&mut ledger, now), ["old/0"]);
    use_file(&mut ledger, "new/0", 20, now + HOUR);
    assert_eq!(load_next(&mut ledger, now + HOUR), None);
    // After four hours, a hundred uses count as six.
    use_file(&mut ledger, "new/0", 20, now + 4 * HOUR);
    assert_eq!(load_all(&mut ledger, now + 4 * HOUR), ["new/0"]);
    assert!(!is_held(&ledger, "old/0"));
    // What nobody uses is not loaded again, though there is room.
    let mut ledger = Ledger::new(10 * one());
    adopt(&mut ledger, &["old/0"], now);
    use_file(&mut ledger, "old/0", 1, now);
    assert_eq!(load_next(&mut ledger, now + 2 * HOUR), None);
}

#[test]
fn what_is_too_large_is_not_loaded_and_pushes_nothing_out() {
    let now = Instant::now();
    let mut ledger = Ledger::new(2 * one());
    adopt(&mut ledger, &["small/0", "wide/0"], now);
    use_file(&mut ledger, "small/0", 1, now);
    assert_eq!(load_all(&mut ledger, now), ["small/0"]);
    (0..50).for_each(|_| ledger.note("wide/0", COLUMNS.into_iter(), now));
    assert_eq!(load_all(&mut ledger, now), [""; 0]);
    assert!(is_held(&ledger, "small/0"));
}

#[test]
fn what_takes_more_than_was_reserved_is_held_only_if_it_fits() {
    let now = Instant::now();
    let mut ledger = Ledger::new(2 * one() - 1);
    adopt(&mut ledger, &["t/0"], now);
    ledger.note("t/0", ["a", "b"].into_iter(), now);
    ledger.set_bytes("t/0", ["a", "b"].map(|name| (name.to_owned(), 10)));
    let candidate = ledger.next(now).unwrap();
    assert_eq!(ledger.reserve(&candidate, now), Some(20));
    ledger.hold("t/0", vec![("a".into(), column()), ("b".into(), column())], 20);
    assert_eq!(ledger.used_bytes(), one());
    assert!(ledger.next(now).is_none(), "its size is known now");
}

#[test]
fn what_a_query_reads_is_counted_until_it_is_done() {
    let now = Instant::now();
    let mut ledger = Ledger::new(one());
    adopt(&mut ledger, &["old/0", "new/0"], now);
    use_file(&mut ledger, "old/0", 1, now);
    load_all(&mut ledger, now);
    let reading = ledger.held("old/0", "a");
    use_file(&mut ledger, "new/0", 10, now);
    assert_eq!(load_next(&mut ledger, now), None, "nothing would become free");
    ledger.shrink(0, now);
    assert_eq!((ledger.held_totals(), ledger.used_bytes()), ((0, 0), one()));
    assert_eq!(load_next(&mut ledger, now), None);
    drop(reading);
    assert_eq!(load_all(&mut ledger, now), ["new/0"]);
}

#[test]
fn a_refreshed_table_stays_hot_and_its_old_files_go_first() {
    let now = Instant::now();
    let mut ledger = Ledger::new(2 * one());
    adopt(&mut ledger, &["t/0", "u/0"], now);
    use_file(&mut ledger, "t/0", 5, now);
    use_file(&mut ledger, "u/0", 2, now);
    assert_eq!(load_all(&mut ledger, now), ["t/0", "u/0"]);
    adopt(&mut ledger, &["t/1", "u/0"], now);
    assert!(is_held(&ledger, "t/0"), "an older version may still be read");
    assert_eq!(load_all(&mut ledger, now), ["t/1"]);
    assert!(!is_held(&ledger, "t/0") && is_held(&ledger, "u/0"));
    ledger.retain(|path| path == "t/1");
    assert!(!is_held(&ledger, "u/0"));
    assert_eq!(ledger.held_totals(), (one(), 1));
    // Nothing of it comes back by being used.
    use_file(&mut ledger, "u/0", 9, now);
    assert_eq!(load_next(&mut ledger, now), None);
}

#[test]
fn what_could_not_be_loaded_waits() {
    let now = Instant::now();
    let mut ledger = Ledger::new(one());
    adopt(&mut ledger, &["t/0"], now);
    use_file(&mut ledger, "t/0", 3, now);
    let candidate = ledger.next(now).unwrap();
    ledger.postpone(&candidate, now + Duration::from_secs(300));
    assert_eq!(load_next(&mut ledger, now), None);
    assert_eq!(load_all(&mut ledger, now + Duration::from_secs(300)), ["t/0"]);
}

#[test]
fn shrinking_drops_the_least_used() {
    let now = Instant::now();
    let mut ledger = Ledger::new(4 * one());
    adopt(&mut ledger, &["t/0", "t/1", "t/2", "t/3"], now);
    for (path, times) in [("t/0", 4), ("t/1", 1), ("t/2", 3), ("t/3", 2)] {
        use_file(&mut ledger, path, times, now);
    }
    load_all(&mut ledger, now);
    ledger.shrink(2 * one(), now);
    let held: Vec<bool> = ["t/0", "t/1", "t/2", "t/3"].map(|path| is_held(&ledger, path)).to_vec();
    assert_eq!(held, [true, false, true, false]);
}

#[test]
fn a_summary_brings_uses_back_and_nothing_else() {
    let now = Instant::now();
    let mut ledger = Ledger::new(10 * one());
    adopt(&mut ledger, &["t/0", "t/1"], now);
    use_file(&mut ledger, "t/0", 3, now);
    use_file(&mut ledger, "t/1", 7, now);
    let uses: Vec<_> = ledger
        .uses(now)
        .into_iter()
        .map(|(path, columns)| {
            (path.to_owned(), columns.into_iter().map(|(name, uses)| (name.to_owned(), uses)).collect())
        })
        .collect::<Vec<(String, Vec<(String, f64)>)>>();
    let mut ledger = Ledger::new(10 * one());
    adopt(&mut ledger, &["t/0", "t/1"], now);
    for (path, columns) in &uses {
        ledger.restore(path, columns.iter().map(|(name, uses)| (name.as_str(), *uses)), now);
    }
    let wrong = [("a", f64::NAN), ("a", f64::INFINITY), ("a", -1.0), ("a", 1e30), ("nothing", 1.0)];
    ledger.restore("t/0", wrong.into_iter(), now);
    ledger.restore("t/9", [("a", 50.0)].into_iter(), now);
    assert_eq!(load_all(&mut ledger, now), ["t/1", "t/0"]);
}

/// Whatever happens in whatever order, no more than the budget is used.
#[test]
fn the_budget_is_never_exceeded() {
    let mut random = 1_u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    let mut now = Instant::now();
    let mut ledger = Ledger::new(7 * one());
    let mut reading = vec![];
    let mut generation = 0;
    let paths = |generation: u64| (0..6).map(|file| format!("t/{generation}-{file}")).collect::<Vec<_>>();
    for _ in 0..3_000 {
        now += Duration::from_secs(below(600));
        let names = paths(generation);
        let path = &names[below(6) as usize];
        match below(20) {
            0 => {
                generation += 1;
                adopt(&mut ledger, &paths(generation).iter().map(String::as_str).collect::<Vec<_>>(), now);
            }
            1 => ledger.retain(|path| names.iter().any(|name| name == path)),
            2 => ledger.shrink(below(8) * one(), now),
            3 => reading.clear(),
            4 => reading.extend(ledger.held(path, "b")),
            5..12 => ledger.note(path, COLUMNS.into_iter().take(1 + below(3) as usize), now),
            _ => {
                load_next(&mut ledger, now);
            }
        }
        assert!(ledger.used_bytes() <= ledger.budget_bytes());
    }
    reading.clear();
    ledger.retain(|_| false);
    assert_eq!((ledger.used_bytes(), ledger.held_totals()), (0, (0, 0)));
}
