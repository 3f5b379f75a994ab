//! Queries that the engine does not support, where the operator lets PostgreSQL answer them: as a whole, in a read-only
//! transaction, on rows of that moment. Refuses what would read more than RailForge serves: every table must be one of
//! the snapshot's, of one source, and every function one that the engine has too or that the operator has named.

mod reads;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use rail_forge_connectors::{
    AsOf, Described, Fallback, PinnedSnapshot, PostgresQuery, QuerySession, Source, TableName, quote,
};
use serde::{Deserialize, Serialize};

use self::reads::{NamedTable, Reads};
use crate::bind::folded;
use crate::error::{Error, Result};
use crate::explain;
use crate::functions::Catalogue;
use crate::pg_type::PgType;
use crate::query::{AnsweredBy, Query, Surroundings, TableTruth, Truth};
use crate::statement::{self, Asked};
use crate::stream::Analysed;

/// Different reasons that are counted; further ones are counted together.
const MAX_REASONS: usize = 100;
const OTHER_REASONS: &str = "others";
/// Functions that the engine has, and the catalogue not, because they are no functions of values.
const SPECIAL: [&str; 8] = ["array", "coalesce", "greatest", "grouping", "least", "normalize", "nullif", "row"];
/// Functions about the server begin so. What they tell is PostgreSQL's own.
const OF_SERVER: &str = "pg_";
const HARMLESS_OF_SERVER: [&str; 1] = ["pg_typeof"];

/// What an error says that a query was not answered for, by how it begins, and the kind that it is. Errors may quote the
/// query, kinds never do.
const KINDS: [(&str, &str); 4] = [
    ("function ", "function"),
    ("not supported: operator", "operator"),
    ("not supported: type", "type"),
    ("not supported: COLLATE", "collation"),
];
const OTHER_KINDS: &str = "other";

/// How many queries PostgreSQL has answered since the start, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackStatistics {
    pub answered: u64,
    /// By what RailForge does not support.
    pub reasons: BTreeMap<String, u64>,
}

/// The sources that may answer queries, and the count of those that they have answered.
#[derive(Debug, Default)]
pub(crate) struct Fallbacks {
    sources: HashMap<String, Arc<Source>>,
    statistics: Mutex<FallbackStatistics>,
    kinds: Mutex<BTreeMap<&'static str, u64>>,
}

impl Fallbacks {
    pub(crate) fn new(sources: &[Arc<Source>]) -> Self {
        let allowed = sources.iter().filter(|source| source.settings().fallback == Fallback::Unsupported);
        let sources = allowed.map(|source| (source.name().to_owned(), Arc::clone(source))).collect();
        Self { sources, statistics: Mutex::default(), kinds: Mutex::default() }
    }

    /// Whether no source may answer anything.
    pub(crate) fn is_off(&self) -> bool {
        self.sources.is_empty()
    }

    pub(crate) fn statistics(&self) -> FallbackStatistics {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn kinds(&self) -> Vec<(&'static str, u64)> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().map(|(kind, count)| (*kind, *count)).collect()
    }

    /// Counts a query that PostgreSQL answers.
    pub(crate) fn count(&self, why: &str) {
        tracing::info!(why, "PostgreSQL answers a query that is not supported");
        *self.kinds.lock().unwrap_or_else(PoisonError::into_inner).entry(kind_of(why)).or_default() += 1;
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.answered += 1;
        let is_room = statistics.reasons.len() < MAX_REASONS || statistics.reasons.contains_key(why);
        *statistics.reasons.entry(if is_room { why } else { OTHER_REASONS }.to_owned()).or_default() += 1;
    }

    /// The query as PostgreSQL answers it, which the engine does not support because of `why`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where PostgreSQL may not be asked, or does not understand the query either.
    pub(crate) async fn analyse(
        &self,
        query: &Query,
        state: SessionState,
        surroundings: &Surroundings,
        snapshot: PinnedSnapshot,
        why: String,
    ) -> Result<Analysed> {
        let started = Instant::now();
        let asked = statement::parse(&query.sql)?;
        let Some(asker) = self.asker(&asked, surroundings, &snapshot) else { return Err(Error::Unsupported(why)) };
        let Asker { source, tables, defined, functions, attributes } = asker;
        let not_named = |function: &str| {
            let advice = "PostgreSQL is not asked, because its setting fallback_functions does not name";
            Error::Unsupported(format!("{why}; {advice} {function}"))
        };
        if let Some(function) = functions.iter().find(|name| !may_call(&source, name)) {
            return Err(not_named(function));
        }
        let literals = query.parameters.as_deref().map(text::literals).transpose()?;
        let replaced: Vec<_> = tables.iter().map(|table| (table.span, table.name.quoted())).chain(defined).collect();
        let text = text::rewritten(&query.sql, asked.begin, &replaced, literals.as_deref())?;
        let session = QuerySession { schema: &surroundings.schema, timezone: &surroundings.zone };
        let answered = match PostgresQuery::describe(&source, text, session, attributes).await? {
            Described::Query(answered) => answered,
            Described::NotUnderstood => return Err(Error::Unsupported(why)),
            Described::Calls(function) => return Err(not_named(&function)),
        };
        let schema = match asked.explain {
            Some(options) => explain::schema(options),
            None => Arc::clone(answered.result_schema()),
        };
        let wanted = match &query.parameters {
            Some(given) => vec![None; given.len()],
            None => answered.parameters().to_vec(),
        };
        let plan = LogicalPlanBuilder::scan("query", provider_as_source(Arc::new(answered)), None)?.build()?;
        let (as_of, names) = (AsOf::now(), tables.into_iter().map(|table| table.name).collect::<BTreeSet<_>>());
        let tables = names.into_iter().map(|name| TableTruth { name, as_of, live: true }).collect();
        let truth = Truth { engine: AnsweredBy::Postgres, ..Truth::new(snapshot.manifest.version, tables) };
        let (explain, passed_on) = (asked.explain, Some(why));
        let planning = started.elapsed();
        Ok(Analysed { state, plan, planning, schema, wanted, explain, kept_by: None, truth, snapshot, passed_on })
    }

    /// The source of all tables of a statement, if it is one and may answer it.
    fn asker(&self, asked: &Asked, surroundings: &Surroundings, snapshot: &PinnedSnapshot) -> Option<Asker> {
        let Reads { tables, defined, functions, attributes } = Reads::of(statement::query_of(&asked.statement)?)?;
        let mut columns = HashSet::new();
        let served = |table: &NamedTable| {
            let name = full_name(table, surroundings)?;
            columns.extend(snapshot.manifest.table(&name)?.schema.fields().iter().map(|field| field.name().clone()));
            Some(Served { name, span: table.span })
        };
        let tables = tables.iter().map(served).collect::<Option<Vec<_>>>()?;
        let name = tables.first().map_or(&surroundings.catalog, |table| &table.name.catalog);
        let source = Arc::clone(self.sources.get(name)?);
        let is_alone = tables.iter().all(|table| table.name.catalog == source.name());
        // Quoted, so that none is taken for a word of PostgreSQL's.
        let defined =
            defined.iter().filter_map(|name| Some((name.span, quote(&folded(name.parts.first()?))))).collect();
        let is_harmless = |name: &String| columns.contains(name) || is_type(name) || may_call(&source, name);
        let attributes = attributes.into_iter().filter(|name| !is_harmless(name)).collect();
        is_alone.then_some(Asker { source, tables, defined, functions, attributes })
    }
}

/// Who is asked, and for what.
struct Asker {
    source: Arc<Source>,
    tables: Vec<Served>,
    /// Names that a WITH has defined, and what is written for them.
    defined: Vec<(text::Span, String)>,
    functions: BTreeSet<String>,
    /// Names behind dots that are no columns of the tables, and must be no functions.
    attributes: Vec<String>,
}

/// A table where a statement names it.
struct Served {
    name: TableName,
    span: text::Span,
}

fn full_name(table: &NamedTable, surroundings: &Surroundings) -> Option<TableName> {
    let mut parts = table.parts.iter().rev().map(folded);
    let table = parts.next()?;
    let schema = parts.next().unwrap_or_else(|| surroundings.schema.clone());
    let catalog = parts.next().unwrap_or_else(|| surroundings.catalog.clone());
    parts.next().is_none().then_some(TableName { catalog, schema, table })
}

/// A function of a type's name is a cast to it.
fn is_type(name: &str) -> bool {
    !matches!(PgType::of_name(name), PgType::Printed(_))
}

/// What kind of thing is not supported.
fn kind_of(why: &str) -> &'static str {
    KINDS.iter().find(|(begins, _)| why.starts_with(begins)).map_or(OTHER_KINDS, |(_, kind)| kind)
}

fn may_call(source: &Source, name: &str) -> bool {
    let is_own = !Catalogue::get().functions(name).is_empty() || SPECIAL.contains(&name);
    let is_harmless = !name.starts_with(OF_SERVER) || HARMLESS_OF_SERVER.contains(&name);
    (is_own && is_harmless) || source.settings().allows_function(name)
}
