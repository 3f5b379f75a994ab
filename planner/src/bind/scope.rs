//! What names mean at a place in a query: the columns of the relations of its FROM.

use datafusion::common::{Column, DFSchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use rail_forge_connectors::{TableName, nearest};

use super::collation::Derivation;
use super::names::folded;
use super::typed::{Metadata, Typed};
use crate::error::{Error, Result};
use crate::pg_type::PgType;

/// One column that a name can mean.
#[derive(Debug, Clone)]
pub(super) struct ScopeColumn {
    /// The number of its relation; none for what JOIN USING makes of two.
    pub(super) relation: Option<usize>,
    pub(super) name: String,
    pub(super) pg_type: PgType,
    pub(super) metadata: Option<Metadata>,
    pub(super) collation: Derivation,
    pub(super) expr: Expr,
    /// Whether the name alone means it. JOIN USING hides the columns that it merges.
    pub(super) is_plain: bool,
}

/// A relation of a FROM.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name that stands before a dot.
    pub(super) alias: String,
    /// The table's own name, where it has no alias.
    pub(super) table: Option<TableName>,
    /// Whether its name is that of its only column: a function in FROM that returns values.
    pub(super) is_value: bool,
    /// The columns of its table's primary key, if it is a table with one.
    pub(super) primary_key: Vec<Column>,
    /// Whether its rows differ in these as they are served.
    pub(super) has_unique_key: bool,
}

/// The relations and columns of a FROM, in the order of `*`.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    pub(super) columns: Vec<ScopeColumn>,
    /// The schema of the plan that has the columns.
    pub(super) schema: DFSchemaRef,
}

/// What a name was found to be.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Column(&'a ScopeColumn),
    /// The row of a relation.
    Row(usize),
}

impl Scope {
    /// Nothing, as in a SELECT without FROM.
    pub(super) fn empty(schema: DFSchemaRef) -> Self {
        Self { relations: vec![], columns: vec![], schema }
    }

    /// What a name of one or more parts means here.
    ///
    /// # Errors
    /// When it could mean several columns.
    pub(super) fn find(&self, parts: &[Ident]) -> Result<Option<Found<'_>>> {
        let Some((last, qualifier)) = parts.split_last() else { return Ok(None) };
        let name = folded(last);
        if qualifier.is_empty() {
            let named = |column: &&ScopeColumn| column.is_plain && column.name == name;
            return match only(self.columns.iter().filter(named), &name)? {
                Some(column) => Ok(Some(Found::Column(column))),
                None => Ok(self.relations.iter().position(|relation| relation.alias == name).map(Found::Row)),
            };
        }
        let Some(relation) = self.relation(qualifier) else { return Ok(None) };
        let named = |column: &&ScopeColumn| column.relation == Some(relation) && column.name == name;
        match only(self.columns.iter().filter(named), &name)? {
            Some(column) => Ok(Some(Found::Column(column))),
            None => Err(self.unknown(parts)),
        }
    }

    /// The relation that is called so: by its alias, or by its table's name with schema or catalog.
    pub(super) fn relation(&self, qualifier: &[Ident]) -> Option<usize> {
        let parts: Vec<String> = qualifier.iter().map(folded).collect();
        let is_called = |relation: &Relation| match (parts.as_slice(), &relation.table) {
            ([alias], _) => relation.alias == *alias,
            ([schema, table], Some(own)) => own.schema == *schema && own.table == *table,
            ([catalog, schema, table], Some(own)) => {
                own.catalog == *catalog && own.schema == *schema && own.table == *table
            }
            _ => false,
        };
        self.relations.iter().position(is_called)
    }

    /// The columns of a relation, as `t.*` shows them.
    pub(super) fn columns_of(&self, relation: usize) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(move |column| column.relation == Some(relation))
    }

    /// The error for a name that means nothing.
    pub(super) fn unknown(&self, parts: &[Ident]) -> Error {
        let Some((last, qualifier)) = parts.split_last() else { return Error::Query("an empty name".to_owned()) };
        let name = folded(last);
        let relation = match qualifier {
            [] => None,
            qualifier => match self.relation(qualifier) {
                Some(relation) => Some(relation),
                None => {
                    let table = qualifier.iter().map(folded).collect::<Vec<_>>().join(".");
                    return Error::Query(format!("missing FROM-clause entry for table \"{table}\""));
                }
            },
        };
        let candidates = self.columns.iter().filter(|column| match relation {
            Some(_) => column.relation == relation,
            None => column.is_plain,
        });
        let place = relation.map(|relation| format!(" in \"{}\"", self.relations[relation].alias)).unwrap_or_default();
        let advice = nearest(&name, candidates.map(|column| column.name.as_str()))
            .map(|name| format!("; did you mean \"{name}\"?"))
            .unwrap_or_default();
        Error::Query(format!("column \"{name}\" does not exist{place}{advice}"))
    }

    /// The scope of two plans that were joined.
    pub(super) fn joined(mut self, right: Self, schema: DFSchemaRef) -> Self {
        let offset = self.relations.len();
        self.relations.extend(right.relations);
        let moved = right
            .columns
            .into_iter()
            .map(|column| ScopeColumn { relation: column.relation.map(|relation| relation + offset), ..column });
        self.columns.extend(moved);
        Self { schema, ..self }
    }
}

impl ScopeColumn {
    pub(super) fn typed(&self) -> Typed {
        Typed::new(self.expr.clone(), self.pg_type.clone())
            .with_metadata(self.metadata.clone())
            .with_collation(self.collation.clone())
    }
}

fn only<'a>(mut columns: impl Iterator<Item = &'a ScopeColumn>, name: &str) -> Result<Option<&'a ScopeColumn>> {
    match (columns.next(), columns.next()) {
        (Some(_), Some(_)) => {
            Err(Error::Query(format!("column \"{name}\" is ambiguous; write the table's name before it")))
        }
        (first, _) => Ok(first),
    }
}
