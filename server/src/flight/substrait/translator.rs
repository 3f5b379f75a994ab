//! Writes a plan's relations as SQL, each as a SELECT or a part of one: `relations.rs`, `joins.rs` and `aggregates.rs`;
//! expressions are in `expressions.rs` and the files beside it.

use std::collections::HashMap;

use rail_forge_planner::MAX_SQL_BYTES;

use super::functions::Functions;
use super::proto::{Literal, Plan, RelRoot};
use super::refusal::{Refusal, Result};
use super::select::{Aliases, Columns};

/// What is known while a plan is written.
#[derive(Debug)]
pub(super) struct Translator<'a> {
    pub(super) functions: Functions<'a>,
    /// The values that the plan itself gives to parameters.
    pub(super) bound: HashMap<u32, &'a Literal>,
    /// The columns of the queries around the one that is written, the innermost last.
    pub(super) outer: Vec<Columns>,
    pub(super) aliases: Aliases,
    /// Of the version of Substrait that the plan is of, if it says so.
    pub(super) minor_version: Option<u32>,
    /// How much was written of what the plan has once, and the statement wherever the plan refers to it.
    copied_bytes: usize,
}

impl<'a> Translator<'a> {
    pub(super) fn of(plan: &'a Plan, minor_version: Option<u32>) -> Self {
        let bound = plan
            .parameter_bindings
            .iter()
            .filter_map(|binding| binding.value.as_ref().map(|value| (binding.parameter_anchor, value)));
        Self {
            functions: Functions::of(plan),
            bound: bound.collect(),
            outer: vec![],
            aliases: Aliases::default(),
            minor_version,
            copied_bytes: 0,
        }
    }

    /// A text to which the plan refers by a few bytes.
    ///
    /// # Errors
    /// When those are more than a statement may have.
    pub(super) fn copied(&mut self, text: &str) -> Result<String> {
        self.copied_bytes = self.copied_bytes.saturating_add(text.len());
        if self.copied_bytes > MAX_SQL_BYTES {
            return Err(Refusal::too_long());
        }
        Ok(text.to_owned())
    }

    /// The statement of a plan.
    pub(super) fn root(&mut self, root: &RelRoot) -> Result<String> {
        let select = self.relation(root.input.as_ref())?;
        match (select.columns.len(), root.names.len()) {
            (0, 0) => Err(Refusal::unsupported("a result without columns")),
            (columns, names) if columns == names => Ok(select.to_named_query(&root.names)),
            (columns, names) => Err(Refusal::invalid(format!("the root has {names} names for {columns} columns"))),
        }
    }
}
