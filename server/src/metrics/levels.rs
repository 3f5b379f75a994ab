//! What has a level: read when somebody asks for the metrics, from those who know it.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use chrono::Utc;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rail_forge_planner::{CacheStatistics, Engine, Load};

use crate::memory;
use crate::readiness::{Readiness, Ready};
use crate::refresher::{CacheStatus, Refresher, TableStatus};

/// Tables that are told of, the largest first. Each has three samples, which are kept for as long as metrics are.
const MOST_TABLES: usize = 1_000;

/// Reads levels.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) engine: Engine,
    pub(super) refresher: Arc<Refresher>,
    pub(super) readiness: Readiness,
    /// Seconds since 1970.
    pub(super) started_seconds: f64,
}

impl Collector for Levels {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut out = Out { encoder };
        self.process(&mut out)?;
        self.queries(&mut out)?;
        self.caches(&mut out)?;
        self.tables(&mut out)
    }
}

impl Levels {
    fn process(&self, out: &mut Out<'_>) -> fmt::Result {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        out.gauges("rail_forge_build_info", "The version that runs", [(build, 1.0)])?;
        out.gauge(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            self.started_seconds,
        )?;
        if let Some(bytes) = memory::resident() {
            out.gauge("process_resident_memory_bytes", "Memory of the process", bytes as f64)?;
        }
        let is_ready = self.readiness.now() == Ready::Yes;
        out.gauge("rail_forge_ready", "Whether /readyz says that queries are answered", f64::from(u8::from(is_ready)))
    }

    fn queries(&self, out: &mut Out<'_>) -> fmt::Result {
        let Load { running, waiting, most_running, memory_bytes, memory_limit_bytes, spilled_bytes, spill_limit_bytes } =
            self.engine.load();
        let calls = self.readiness.drain().running();
        out.gauge("rail_forge_calls_running", "Calls of known clients that have not ended", calls as f64)?;
        out.gauge(
            "rail_forge_queries_running",
            "Queries that are computed; one whose client reads slowly gives way",
            running as f64,
        )?;
        out.gauge("rail_forge_queries_waiting", "Queries that wait for their turn", waiting as f64)?;
        out.gauge("rail_forge_queries_limit", "The setting max_queries", most_running as f64)?;
        out.gauge("rail_forge_query_memory_bytes", "Memory that queries have reserved", memory_bytes as f64)?;
        out.gauge("rail_forge_query_memory_limit_bytes", "The setting memory_limit", memory_limit_bytes as f64)?;
        out.gauge("rail_forge_spill_bytes", "Disk that queries have spilled to", spilled_bytes as f64)?;
        out.gauge("rail_forge_spill_limit_bytes", "The setting spill_limit", spill_limit_bytes as f64)?;
        let fallbacks = self.engine.fallback_kinds();
        out.counters(
            "rail_forge_fallback_queries",
            "Queries that PostgreSQL has answered as a whole, by what is not supported",
            fallbacks.iter().map(|(kind, count)| ([("reason", *kind)], *count)),
        )
    }

    fn caches(&self, out: &mut Out<'_>) -> fmt::Result {
        let CacheStatistics { limit_bytes, bytes, results, hits, misses } = self.engine.cache_statistics();
        out.counter("rail_forge_result_cache_hits", "Queries that found their result", hits)?;
        out.counter("rail_forge_result_cache_misses", "Queries that could have found it", misses)?;
        out.gauge("rail_forge_result_cache_results", "Results that are kept", results as f64)?;
        out.gauge("rail_forge_result_cache_bytes", "Memory of kept results", bytes as f64)?;
        out.gauge("rail_forge_result_cache_limit_bytes", "The setting result_cache_memory", limit_bytes as f64)?;
        let Some(CacheStatus { limit_bytes, bytes, columns, hits, misses }) = self.refresher.column_cache() else {
            return Ok(());
        };
        out.counter("rail_forge_column_cache_hits", "Files that queries have read from memory", hits)?;
        out.counter("rail_forge_column_cache_misses", "Files that they have read from the data folder", misses)?;
        out.gauge("rail_forge_column_cache_columns", "Columns of files in memory", columns as f64)?;
        out.gauge("rail_forge_column_cache_bytes", "Memory of such columns", bytes as f64)?;
        out.gauge("rail_forge_column_cache_limit_bytes", "The setting cache_memory", limit_bytes as f64)
    }

    fn tables(&self, out: &mut Out<'_>) -> fmt::Result {
        let mut tables = self.refresher.all_tables(Utc::now());
        let states = [("served", false, false), ("live", true, false), ("refused", false, true)];
        let count = |live, refused| {
            let is_of_it = |table: &&TableStatus| (table.live, is_refused(table)) == (live, refused);
            tables.iter().filter(is_of_it).count() as f64
        };
        out.gauges(
            "rail_forge_tables",
            "Tables; a refused one cannot be served as it is",
            states.map(|(name, live, refused)| ([("state", name)], count(live, refused))),
        )?;
        tables = largest(tables);
        let told = |value: fn(&TableStatus) -> Option<f64>| {
            tables.iter().filter_map(move |table| Some((labels(table), value(table)?)))
        };
        out.gauges("rail_forge_table_rows", "Rows of a table", told(|table| table.rows.map(|rows| rows as f64)))?;
        out.gauges(
            "rail_forge_table_bytes",
            "Bytes of its files",
            told(|table| table.bytes.map(|bytes| bytes as f64)),
        )?;
        out.gauges("rail_forge_table_age_seconds", "How old its rows are", told(|table| table.lag_seconds))
    }
}

/// The tables that are told of: those that are served, and not too many.
fn largest(mut tables: Vec<TableStatus>) -> Vec<TableStatus> {
    tables.retain(|table| table.as_of.is_some());
    tables.sort_by_key(|table| Reverse(table.bytes));
    tables.truncate(MOST_TABLES);
    tables
}

/// A table that is neither live nor as old as anything is not served.
fn is_refused(table: &TableStatus) -> bool {
    !table.live && table.as_of.is_none()
}

fn labels(table: &TableStatus) -> [(&'static str, &str); 3] {
    [("catalog", &table.catalog), ("schema", &table.schema), ("table", &table.table)]
}

/// Writes metrics. Each name comes once, with all its samples.
struct Out<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Out<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        samples
            .into_iter()
            .try_for_each(|(labels, value)| ConstGauge::new(value).encode(encoder.encode_family(&labels)?))
    }

    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        samples
            .into_iter()
            .try_for_each(|(labels, value)| ConstCounter::new(value).encode(encoder.encode_family(&labels)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_tables_are_told_of_and_the_largest_first() {
        let table = |bytes: u64, live: bool, as_of| TableStatus {
            catalog: "shop".to_owned(),
            schema: "public".to_owned(),
            table: format!("t{bytes}"),
            rows: Some(1),
            bytes: Some(bytes),
            live,
            as_of,
            lsn: None,
            lag_seconds: Some(0.0),
            error: None,
        };
        let now = Some(Utc::now());
        let mut tables: Vec<TableStatus> = (0..MOST_TABLES as u64 + 5).map(|bytes| table(bytes, false, now)).collect();
        tables.extend([table(u64::MAX, true, None), table(u64::MAX, false, None)]);
        assert!(
            !is_refused(&tables[0]) && is_refused(&tables[MOST_TABLES + 6]) && !is_refused(&tables[MOST_TABLES + 5])
        );
        let told = largest(tables);
        assert_eq!(told.len(), MOST_TABLES);
        assert_eq!((told[0].bytes, told[MOST_TABLES - 1].bytes), (Some(MOST_TABLES as u64 + 4), Some(5)));
    }
}
