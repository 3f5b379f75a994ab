//! A query that PostgreSQL answers as a whole, as a table of its rows. PostgreSQL is asked which columns it has before
//! it is run; the rows come by the road of live tables. Refuses nothing of what the text says: whoever hands it over
//! has seen to it that it reads what may be read, and the transaction is read only.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result as PlanResult, project_schema};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use postgres::types::{Kind, Type};

use super::entry::FREE_DIGITS;
use super::literal::quoted;
use super::scan::{LiveScan, Of, Request};
use super::table::BATCH_ROWS;
use crate::TableName;
use crate::catalogue::{ColumnDescription, ColumnType, DeclaredType};
use crate::column_type::{self, ColumnPlan};
use crate::error::{Error, Result};
use crate::name::quote;
use crate::pull::{Selection, query_failed, query_statements, reading_statements, settled};
use crate::shard::ONLY_SHARD;
use crate::snapshot::in_memory_schema;
use crate::source::Source;

/// What the query is called where its rows are read.
const ALIAS: &str = "query";
/// As PostgreSQL prints types, whatever the search path.
const PRINTED_TYPES: &str = "
    SELECT format_type(t.oid, t.modifier)
    FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY t(oid, modifier, i) ORDER BY t.i";
/// Those of some names that are functions.
const FUNCTIONS: &str = "SELECT p.proname::text FROM pg_catalog.pg_proc p WHERE p.proname = ANY($1::text[]) LIMIT 1";
/// Class 42, syntax error or access rule violation, but for insufficient privilege
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), and class 0A, feature not supported.
const NOT_UNDERSTOOD: [&str; 2] = ["42", "0A"];

/// A query of PostgreSQL's.
#[derive(Debug)]
pub struct PostgresQuery {
    source_name: String,
    settings: String,
    text: String,
    columns: Vec<ColumnPlan>,
    /// The columns as plans see them, each with a name of its own.
    schema: SchemaRef,
    /// The columns as the query calls them.
    result: SchemaRef,
    parameters: Vec<Option<DataType>>,
}

/// What PostgreSQL says of a query before it is run.
#[derive(Debug)]
pub enum Described {
    Query(PostgresQuery),
    /// It does not understand the query either.
    NotUnderstood,
    /// A name that must be of no function is of one.
    Calls(String),
}

/// The session that PostgreSQL reads a query in.
#[derive(Debug, Clone, Copy)]
pub struct QuerySession<'a> {
    /// Where it looks for functions and types that it does not have itself.
    pub schema: &'a str,
    pub timezone: &'a str,
}

impl QuerySession<'_> {
    fn statements(&self) -> String {
        format!(
            "SET LOCAL search_path = pg_catalog, {}; SET LOCAL timezone = {}; SET LOCAL standard_conforming_strings = on",
            quote(self.schema),
            quoted(self.timezone),
        )
    }
}

impl PostgresQuery {
    /// Asks PostgreSQL for the columns of the query `text`, and for its parameters. `no_functions` are names in it that
    /// must be of no function.
    ///
    /// # Errors
    /// [`Error::Source`] when PostgreSQL cannot be asked, [`Error::WholeQuery`] when it says no.
    pub async fn describe(
        source: &Arc<Source>,
        text: String,
        session: QuerySession<'_>,
        no_functions: Vec<String>,
    ) -> Result<Described> {
        let settings = session.statements();
        let patience = source.settings().connect_timeout;
        let place = source.live_connections().reserve(source.name(), 1, patience).await?;
        let source = Arc::clone(source);
        // It blocks. Whoever waits for it may end meanwhile.
        let described = tokio::task::spawn_blocking(move || {
            let described = describe(&source, text, settings, &no_functions);
            drop(place);
            described
        });
        described.await.unwrap_or(Err(Error::Cancelled))
    }

    /// For `$1`, `$2`, ... the type that the query wants; none where it has no exact place in Arrow.
    pub fn parameters(&self) -> &[Option<DataType>] {
        &self.parameters
    }

    /// The columns of the result.
    pub fn result_schema(&self) -> &SchemaRef {
        &self.result
    }

    fn statement(&self, selection: &Selection) -> String {
        let names = (0..self.columns.len()).map(column_name).collect::<Vec<_>>().join(", ");
        let names = if names.is_empty() { names } else { format!("({names})") };
        format!("{} FROM (\n{}\n) AS {ALIAS}{names}", selection.select(), self.text)
    }
}

/// What a column is called between the query and what reads it: its own name another column may have too.
fn column_name(index: usize) -> String {
    format!("c{}", index + 1)
}

fn describe(source: &Arc<Source>, text: String, settings: String, no_functions: &[String]) -> Result<Described> {
    let shard = &source.shards()[ONLY_SHARD];
    let pool = shard.database.connect_pooled().map_err(|error| source.unreachable(shard, error))?;
    let lost = |cause: crate::error::Cause| Error::Source {
        source_name: source.name().to_owned(),
        message: "the connection to PostgreSQL was lost".to_owned(),
        cause: Some(cause),
    };
    let mut client = pool.client().map_err(|cause| lost(cause.into()))?;
    let begin = [&query_statements(None, source.settings()), &reading_statements(source.settings()), &settings[..]];
    client.batch_execute(&begin.join("; ")).map_err(|cause| lost(cause.into()))?;
    if !no_functions.is_empty() {
        let found = client.query(FUNCTIONS, &[&no_functions]).map_err(|cause| lost(cause.into()))?;
        if let Some(function) = found.first() {
            return Ok(Described::Calls(function.try_get(0).unwrap_or_default()));
        }
    }
    // Alone, so that it is one query that ends where its text ends.
    let statement = match client.prepare(&text) {
        Ok(statement) => statement,
        Err(error) => {
            let Some(said) = error.as_db_error() else { return Err(lost(error.into())) };
            let (code, message) = (said.code().code().to_owned(), said.message().to_owned());
            if code != "42501" && NOT_UNDERSTOOD.iter().any(|class| code.starts_with(class)) {
                tracing::debug!(source = source.name(), code, "PostgreSQL does not understand a query either");
                return Ok(Described::NotUnderstood);
            }
            return Err(query_failed(source, &code, &message, error.into()));
        }
    };
    let columns = statement.columns();
    let oids: Vec<u32> = columns.iter().map(|column| column.type_().oid()).collect();
    let modifiers: Vec<i32> = columns.iter().map(|column| column.type_modifier()).collect();
    let printed = client.query(PRINTED_TYPES, &[&oids, &modifiers]).map_err(|cause| lost(cause.into()))?;
    let described = columns.iter().zip(&printed).enumerate().map(|(index, (column, printed))| {
        let description = ColumnDescription {
            name: column_name(index),
            number: 0,
            nullable: true,
            comment: None,
            printed_type: printed.try_get(0).unwrap_or_default(),
            declared_type: DeclaredType { oid: column.type_().oid(), modifier: column.type_modifier() },
            column_type: column_type(column.type_(), column.type_modifier()),
            dimensions: 0,
            meaning: String::new(),
            bytewise: true,
            collation: None,
        };
        let plan = column_type::plan(&description, false);
        // Cast, so that it is of this type also when a table has changed before it is read.
        let expression = match plan.expression == quote(&description.name) && description.column_type.kind != 'p' {
            true => format!("{}::{}", plan.expression, description.printed_type),
            false => plan.expression,
        };
        with_digits(ColumnPlan { expression, ..plan })
    });
    let plans: Vec<ColumnPlan> = described.collect();
    let parameter = |wanted: &Type| column_type::of_parameter(&column_type(wanted, NO_MODIFIER));
    let parameters = statement.params().iter().map(parameter).collect();
    let schema = in_memory_schema(&Schema::new(plans.iter().map(|plan| Arc::clone(&plan.field)).collect::<Vec<_>>()));
    let named =
        schema.fields().iter().zip(columns).map(|(field, column)| field.as_ref().clone().with_name(column.name()));
    let result = Arc::new(Schema::new(named.collect::<Vec<_>>()));
    Ok(Described::Query(PostgresQuery {
        source_name: source.name().to_owned(),
        settings,
        text,
        columns: plans,
        schema,
        result,
        parameters,
    }))
}

/// `atttypmod` of a type without one.
const NO_MODIFIER: i32 = -1;

/// A type as the catalogue describes it. PostgreSQL reports what a domain is made of in its place.
fn column_type(reported: &Type, modifier: i32) -> ColumnType {
    let kind = match reported.kind() {
        Kind::Domain(base) => return column_type(base, modifier),
        Kind::Enum(_) => 'e',
        Kind::Composite(_) => 'c',
        Kind::Range(_) => 'r',
        Kind::Multirange(_) => 'm',
        Kind::Pseudo => 'p',
        _ => 'b',
    };
    let element = match reported.kind() {
        Kind::Array(element) => Some(Box::new(column_type(element, modifier))),
        _ => None,
    };
    ColumnType { name: reported.name().to_owned(), kind, modifier, element }
}

/// A numeric without a precision has the digits of one of a live table.
fn with_digits(plan: ColumnPlan) -> ColumnPlan {
    if !plan.cell.is_free() {
        return plan;
    }
    let cell = plan.cell.fixed(FREE_DIGITS.precision(), FREE_DIGITS.scale as i8);
    ColumnPlan { field: settled(&plan.field, FREE_DIGITS), cell, ..plan }
}

#[async_trait]
impl TableProvider for PostgresQuery {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let indices = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());
        let columns = indices.into_iter().filter_map(|index| self.columns.get(index)).cloned().collect();
        let table = TableName { catalog: self.source_name.clone(), schema: String::new(), table: ALIAS.to_owned() };
        let selection = Selection::of_query(&table, columns, BATCH_ROWS);
        let statement = self.statement(&selection);
        let of = Of::Query { settings: self.settings.clone() };
        let request = Request { of, selection, schema: project_schema(&self.schema, projection)? };
        Ok(Arc::new(LiveScan::new(request, vec![statement], Precision::Absent)))
    }
}
