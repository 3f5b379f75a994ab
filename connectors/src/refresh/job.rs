//! What a refresh has to do for each table: read a relation whole, or only what is new or has changed since
//! the snapshot that is there.

use std::fmt::Write;

use arrow::datatypes::DataType;

use crate::catalogue::{ColumnDescription, DeclaredType, Relation, TableDescription};
use crate::error::{Error, Result};
use crate::pull::TablePlan;
use crate::snapshot::{FileEntry, RelationEntry, RelationId, TableEntry};
use crate::source::Source;
use crate::source_settings::{RefreshMode, RefreshPolicy};

use super::Again;
use super::watermark::Watermark;

/// A table to refresh.
pub(super) struct TableJob {
    pub(super) plan: TablePlan,
    pub(super) relations: Vec<RelationJob>,
    /// For tables in that mode.
    pub(super) watermark: Option<Watermark>,
    /// The columns that the rows of a file are sorted by.
    pub(super) sort_by: Vec<usize>,
    /// Columns that are text because of a value, each with its PostgreSQL type.
    pub(super) needed_text: Vec<(String, String)>,
    /// What the columns are, in a form that changes whenever files of before cannot be added to.
    pub(super) layout: String,
}

/// A table, or a leaf of a partitioned one.
pub(super) struct RelationJob {
    pub(super) relation: Relation,
    pub(super) strategy: Strategy,
    /// The files that there are of it, unless it is read whole.
    pub(super) files: Vec<FileEntry>,
}

/// What is read of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Strategy {
    Whole,
    /// The rows that the condition selects; those of before stay, unless one of the same key came.
    Newer(String),
    /// The rows whose versions are not those of the files.
    Changed,
}

impl TableJob {
    /// Decides what to do for a table, of which `previous` is there. `again` is what an earlier
    /// attempt has found out.
    ///
    /// # Errors
    /// [`Error::Table`] when the role may not read it, its shards are not alike, or its settings do not fit it.
    pub(super) fn new(
        source: &Source,
        history: &str,
        description: TableDescription,
        previous: Option<&TableEntry>,
        again: Again,
    ) -> Result<Self> {
        if let Some(conflict) = &description.conflict {
            return Err(Error::table(&description.name, conflict.clone()));
        }
        let settings = source.settings();
        let policy = settings.refresh_policy(&description.name);
        let has_places = TablePlan::has_places(&description);
        let with_versions = policy.mode.builds_on_rows() && has_places;
        if policy.mode == RefreshMode::Diff && !has_places {
            tracing::debug!(table = %description.name, "its rows have no places to compare by; it is read whole");
        }
        let needed_text = still_text(&description, previous, again.needed_text);
        let text_columns = text_columns(source, &description, &needed_text)?;
        let plan = TablePlan::new(description, &text_columns, with_versions, settings.unrepresentable)?;
        let watermark = Watermark::new(&plan, policy)?;
        let sort_by = sort_by(&plan, settings.sort_by(plan.name()))?;
        let history = format!("{history} {:?}", settings.unrepresentable);
        let layout = layout(&plan, policy, &history, with_versions, &sort_by);
        let base = previous.filter(|entry| !again.whole && entry.layout == layout);
        let relations = plan
            .description
            .relations
            .iter()
            .map(|relation| relation_job(relation, base, watermark.as_ref(), with_versions))
            .collect();
        Ok(Self { plan, relations, watermark, sort_by, needed_text, layout })
    }

    /// Whether files of before are read, or stay.
    pub(super) fn builds_on_files(&self) -> bool {
        self.relations.iter().any(|relation| relation.strategy != Strategy::Whole)
    }

    /// What the manifest says of the relations.
    pub(super) fn relation_entries(&self) -> Vec<RelationEntry> {
        self.relations.iter().map(|job| RelationEntry::from(&job.relation)).collect()
    }
}

fn relation_job(
    relation: &Relation,
    base: Option<&TableEntry>,
    watermark: Option<&Watermark>,
    with_versions: bool,
) -> RelationJob {
    let whole = RelationJob { relation: relation.clone(), strategy: Strategy::Whole, files: vec![] };
    let Some(base) = base.filter(|base| base.relations.contains(&RelationEntry::from(relation))) else { return whole };
    let newer = watermark.zip(base.watermarks.get(&relation.shard_name));
    let newer = newer.map(|(watermark, last)| watermark.condition(last));
    let strategy = match newer {
        Some(condition) => Strategy::Newer(condition),
        None if with_versions => Strategy::Changed,
        None => return whole,
    };
    let id = RelationId::from(relation);
    let files = base.files.iter().filter(|file| file.relation == id).cloned().collect();
    RelationJob { strategy, files, ..whole }
}

/// The columns that need text now, and those that did before and are of the same type.
fn still_text(
    description: &TableDescription,
    previous: Option<&TableEntry>,
    mut needed: Vec<(String, String)>,
) -> Vec<(String, String)> {
    for (name, printed_type) in previous.into_iter().flat_map(|entry| &entry.needed_text) {
        let is_there = |known: &ColumnDescription| &known.name == name && &known.printed_type == printed_type;
        if description.columns.iter().any(is_there) && !needed.iter().any(|(known, _)| known == name) {
            needed.push((name.clone(), printed_type.clone()));
        }
    }
    needed
}

/// The columns that come as text, by setting or because of their values.
pub(super) fn text_columns(
    source: &Source,
    description: &TableDescription,
    needed: &[(String, String)],
) -> Result<Vec<String>> {
    let configured = source.settings().text_columns(&description.name);
    for column in configured {
        if !description.columns.iter().any(|known| &known.name == column) {
            return Err(Error::table(
                &description.name,
                format!("it has no column \"{column}\"; correct text_columns of its settings"),
            ));
        }
    }
    Ok(configured.iter().chain(needed.iter().map(|(name, _)| name)).cloned().collect())
}

/// The places of the columns that files are sorted by.
fn sort_by(plan: &TablePlan, configured: &[String]) -> Result<Vec<usize>> {
    let place = |column: &String| {
        let Some(index) = plan.description.columns.iter().position(|known| &known.name == column) else {
            let message = format!("it has no column \"{column}\" to sort by; correct sort_by of its settings");
            return Err(Error::table(plan.name(), message));
        };
        if has_order(plan.selection.schema.field(index).data_type()) {
            return Ok(index);
        }
        let printed = &plan.description.columns[index].printed_type;
        let message = format!("type {printed} has no order by which files are sorted; leave it out of sort_by");
        Err(Error::column(plan.name(), column, message))
    };
    configured.iter().map(place).collect()
}

/// Whether scans leave out values of the type by their bounds.
fn has_order(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => false,
        DataType::Boolean | DataType::Utf8 | DataType::Binary => true,
        other => other.is_primitive(),
    }
}

/// One line for each column: its number, name, type, how it is read and what its values mean; then what is kept
/// to refresh the rows by, and how files are sorted.
fn layout(plan: &TablePlan, policy: &RefreshPolicy, history: &str, with_versions: bool, sort_by: &[usize]) -> String {
    let mut text = String::new();
    let columns = plan.description.columns.iter().zip(plan.selection.expressions());
    for (column, expression) in columns {
        let ColumnDescription { number, name, declared_type: DeclaredType { oid, modifier }, meaning, .. } = column;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{number} {name} {oid} {modifier} {expression} {meaning}");
    }
    if let RefreshMode::Watermark { column, .. } = &policy.mode {
        // Rows that were read without a key are there once for each of their versions.
        let key = plan.description.primary_key.as_ref().map(|key| key.columns.join(" ")).unwrap_or_default();
        let _ = writeln!(text, "watermark {column} key {key}");
    }
    if policy.mode.builds_on_rows() {
        let _ = writeln!(text, "history {history}");
    }
    if with_versions {
        text.push_str("row versions");
    }
    for &index in sort_by {
        let _ = write!(text, "\nsorted by {}", plan.selection.schema.field(index).name());
    }
    text
}
