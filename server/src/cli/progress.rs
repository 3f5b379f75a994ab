//! Progress of a refresh: a bar for each table on a terminal, plain lines anywhere else.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use crate::flight::RefreshMessage;

/// How often a table's plain line is repeated.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows the messages of one refresh.
pub(super) struct Progress {
    tables: HashMap<String, Table>,
    bars: Option<MultiProgress>,
    started: Instant,
}

struct Table {
    estimated_rows: Option<u64>,
    rows: u64,
    bytes: u64,
    first: Option<Instant>,
    said: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let bars = stderr().is_terminal().then(MultiProgress::new);
        Self { tables: HashMap::new(), bars, started: Instant::now() }
    }

    pub(super) fn show(&mut self, message: RefreshMessage) {
        match message {
            RefreshMessage::Started { schema, table, estimated_rows, .. } => {
                let name = format!("{schema}.{table}");
                let bar = self.bars.as_ref().map(|bars| bars.add(bar(&name, estimated_rows)));
                let entry = Table { estimated_rows, rows: 0, bytes: 0, first: None, said: None, bar };
                self.tables.insert(name, entry);
            }
            RefreshMessage::Progress { schema, table, rows, bytes, .. } => {
                let name = format!("{schema}.{table}");
                if let Some(entry) = self.tables.get_mut(&name) {
                    entry.advance(&name, rows, bytes);
                }
            }
            RefreshMessage::Table { schema, table, rows, bytes, live, error, .. } => {
                let name = format!("{schema}.{table}");
                if let Some(bar) = self.tables.get(&name).and_then(|entry| entry.bar.as_ref()) {
                    bar.finish_and_clear();
                }
                self.say(match error {
                    Some(error) => format!("{name}: {error}"),
                    None if live => format!("{name}: live, its rows stay in PostgreSQL"),
                    None => format!("{name}: {} rows, {} on disk", HumanCount(rows), ByteSize(bytes).display().iec()),
                });
            }
            RefreshMessage::Done { as_of, lsn } => {
                let as_of =
                    as_of.map(|at| format!(", as of {}", at.format("%Y-%m-%d %H:%M:%S%.3f UTC"))).unwrap_or_default();
                let lsn = lsn.map(|lsn| format!(" (LSN {lsn})")).unwrap_or_default();
                self.say(format!("refreshed in {:.1} s{as_of}{lsn}", self.started.elapsed().as_secs_f64()));
            }
        }
    }

    fn say(&self, line: String) {
        match &self.bars {
            // A terminal that has gone away needs no line.
            Some(bars) => bars.println(line).unwrap_or_default(),
            None => eprintln!("{line}"),
        }
    }
}

impl Table {
    /// A rate needs two moments, so the first rows only start the clock.
    fn advance(&mut self, name: &str, rows: u64, bytes: u64) {
        let Some(first) = self.first else {
            self.first = Some(Instant::now());
            self.said = self.first;
            self.rows = rows;
            return;
        };
        self.rows += rows;
        self.bytes += bytes;
        let seconds = first.elapsed().as_secs_f64().max(f64::EPSILON);
        let rate = ByteSize((self.bytes as f64 / seconds) as u64).display().iec();
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{rate}/s"));
                bar.set_position(self.rows);
            }
            None if self.said.is_some_and(|said| said.elapsed() >= LINE_INTERVAL) => {
                self.said = Some(Instant::now());
                let of = self.estimated_rows.map(|rows| format!(" of about {}", HumanCount(rows))).unwrap_or_default();
                let left = self.estimated_rows.map_or(0, |rows| rows.saturating_sub(self.rows)) as f64;
                let eta = left * seconds / self.rows.max(1) as f64;
                eprintln!("{name}: {}{of} rows, {rate}/s, ETA {eta:.0} s", HumanCount(self.rows));
            }
            None => {}
        }
    }
}

fn bar(name: &str, estimated_rows: Option<u64>) -> ProgressBar {
    let template = match estimated_rows {
        Some(_) => "{prefix:30} {wide_bar} {human_pos}/{human_len} rows, {msg}, ETA {eta}",
        None => "{prefix:30} {spinner} {human_pos} rows, {msg}",
    };
    // The templates are constants; one that does not parse would show the default bar.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = estimated_rows.map_or_else(ProgressBar::no_length, ProgressBar::new);
    bar.with_style(style).with_prefix(name.to_owned())
}
