//! What a refresh has to do for each table: read a relation whole, or only what is new or has changed since
//! the snapshot that is there.

use std::fmt::Write;

use crate::catalogue::{Relation, TableDescription};
use crate::error::{Error, Result};
use crate::pull::TablePlan;
use crate::snapshot::{FileEntry, RelationEntry, TableEntry};
use crate::source::Source;
use crate::source_settings::{RefreshMode, RefreshPolicy};

use super::watermark::Watermark;

/// A table to refresh.
pub(super) struct TableJob {
    pub(super) plan: TablePlan,
    pub(super) relations: Vec<RelationJob>,
    /// For tables in that mode.
    pub(super) watermark: Option<Watermark>,
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
    /// Decides what to do for a table, of which `previous` is there. `as_text` names columns that have turned
    /// out to need it.
    ///
    /// # Errors
    /// [`Error::Table`] when the role may not read it, or its settings do not fit it.
    pub(super) fn new(
        source: &Source,
        description: TableDescription,
        previous: Option<&TableEntry>,
        as_text: &[String],
    ) -> Result<Self> {
        let settings = source.settings();
        let policy = settings.refresh_policy(&description.name);
        let has_places = TablePlan::has_places(&description);
        let with_versions = policy.mode == RefreshMode::Diff && has_places;
        if policy.mode == RefreshMode::Diff && !has_places {
            tracing::debug!(table = %description.name, "its rows have no places to compare by; it is read whole");
        }
        let text_columns = text_columns(source, &description, previous, as_text)?;
        let plan = TablePlan::new(description, &text_columns, with_versions, settings.unrepresentable)?;
        let watermark = Watermark::new(&plan, policy)?;
        let layout = layout(&plan, policy);
        let base = previous.filter(|entry| entry.layout == layout);
        let relations = plan
            .description
            .relations
            .iter()
            .map(|relation| relation_job(relation, base, watermark.as_ref(), with_versions))
            .collect();
        Ok(Self { plan, relations, watermark, layout })
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
    let newer = watermark.zip(base.watermark.as_deref()).map(|(watermark, last)| watermark.condition(last));
    let strategy = match newer {
        Some(condition) => Strategy::Newer(condition),
        None if with_versions => Strategy::Changed,
        None => return whole,
    };
    let files = base.files.iter().filter(|file| file.relation == relation.oid).cloned().collect();
    RelationJob { strategy, files, ..whole }
}

/// The columns that come as text: by setting, because a value needed it now, or because one did before.
pub(super) fn text_columns(
    source: &Source,
    description: &TableDescription,
    previous: Option<&TableEntry>,
    needed: &[String],
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
    let before = previous.into_iter().flat_map(|entry| &entry.needed_text);
    let still_there = before.filter(|(name, printed_type)| {
        description.columns.iter().any(|known| &known.name == name && &known.printed_type == printed_type)
    });
    Ok(configured.iter().chain(needed).chain(still_there.map(|(name, _)| name)).cloned().collect())
}

/// One line for each column: its number, name, type and how it is read; then what the rows are refreshed by.
fn layout(plan: &TablePlan, policy: &RefreshPolicy) -> String {
    let mut text = String::new();
    let columns = plan.description.columns.iter().zip(plan.selection.expressions());
    for (column, expression) in columns {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {} {} {expression}", column.number, column.name, column.printed_type);
    }
    let _ = match &policy.mode {
        RefreshMode::Watermark { column, .. } => write!(text, "watermark {column}"),
        RefreshMode::Diff => write!(text, "diff"),
        RefreshMode::Full | RefreshMode::Live => Ok(()),
    };
    text
}
