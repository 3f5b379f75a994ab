//! Which tables a query reads and which functions it calls, wherever they stand in it. A name that a WITH has defined
//! means no table, from where on PostgreSQL sees it so (<https://www.postgresql.org/docs/current/queries-with.html>).

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::ptr;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, Ident, ObjectName, ObjectNamePart, Query, SetExpr, TableFactor, Visit, Visitor,
};

use super::text::Span;
use crate::bind::{folded, joined, name_parts};

/// Types whose values are numbers of what is in the database, and are printed as its names
/// (<https://www.postgresql.org/docs/current/datatype-oid.html>).
const CATALOGUE_TYPES: [&str; 11] = [
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];

/// What a query reads and calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) tables: Vec<NamedTable>,
    /// Where a name of a WITH stands in place of a table.
    pub(super) defined: Vec<NamedTable>,
    /// By their names, without the schema `pg_catalog`.
    pub(super) functions: BTreeSet<String>,
    /// Names behind a dot. Where there is no such column, PostgreSQL calls a function of that name.
    pub(super) attributes: BTreeSet<String>,
}

/// A table by the name that a query calls it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NamedTable {
    pub(super) parts: Vec<Ident>,
    pub(super) span: Span,
}

impl Reads {
    /// What a query reads; none where it has something of which that is not known.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let mut reading = Reading::default();
        match query.visit(&mut reading) {
            ControlFlow::Continue(()) => Some(reading.reads),
            ControlFlow::Break(NotKnown) => None,
        }
    }
}

/// Something that no visitor shows.
struct NotKnown;

#[derive(Default)]
struct Reading {
    reads: Reads,
    /// The queries around the place that is visited, the innermost last.
    around: Vec<Around>,
}

/// A query, and the names that its WITH defines.
struct Around {
    /// Each with its own query, in their order.
    defined: Vec<(String, *const Query)>,
    /// How many of them are seen at the place that is visited.
    visible: usize,
    recursive: bool,
}

impl Around {
    fn new(query: &Query) -> Self {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        let defined: Vec<_> =
            tables.map(|table| (folded(&table.alias.name), ptr::from_ref(table.query.as_ref()))).collect();
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        let visible = if recursive { defined.len() } else { 0 };
        Self { defined, visible, recursive }
    }

    /// Which of its definitions a query is.
    fn place_of(&self, query: &Query) -> Option<usize> {
        self.defined.iter().position(|(_, defined)| ptr::eq(*defined, query))
    }

    fn sees(&self, name: &str) -> bool {
        self.defined.iter().take(self.visible).any(|(defined, _)| defined == name)
    }
}

impl Visitor for Reading {
    type Break = NotKnown;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<NotKnown> {
        // No visitor shows it; the tokens have put other words for it.
        if has_table(&query.body) {
            return ControlFlow::Break(NotKnown);
        }
        self.around.push(Around::new(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<NotKnown> {
        self.around.pop();
        // What has been defined is seen by what comes behind it.
        if let Some(outer) = self.around.last_mut()
            && let Some(place) = outer.place_of(query)
            && !outer.recursive
        {
            outer.visible = place + 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<NotKnown> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.call(name);
                ControlFlow::Continue(())
            }
            TableFactor::Table { name, args: None, .. } => self.read(name),
            TableFactor::Derived { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(NotKnown),
        }
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<NotKnown> {
        match expression {
            Expr::Function(function) => self.call(&function.name),
            // Before a text in quotes, the parser takes the name of a type for a column.
            Expr::Identifier(name) if is_type_of_catalogue(&folded(name)) => return ControlFlow::Break(NotKnown),
            Expr::CompoundIdentifier(parts) => match parts.last().map(folded) {
                Some(name) if is_type_of_catalogue(&name) => return ControlFlow::Break(NotKnown),
                name => self.reads.attributes.extend(name),
            },
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let names = access_chain.iter().filter_map(|access| match access {
                    AccessExpr::Dot(Expr::Identifier(name)) => Some(folded(name)),
                    AccessExpr::Dot(_) | AccessExpr::Subscript(_) => None,
                });
                self.reads.attributes.extend(names);
            }
            Expr::Cast { data_type, .. } if is_of_catalogue(data_type) => return ControlFlow::Break(NotKnown),
            Expr::TypedString(text) if is_of_catalogue(&text.data_type) => return ControlFlow::Break(NotKnown),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn has_table(body: &SetExpr) -> bool {
    match body {
        SetExpr::Table(_) => true,
        SetExpr::SetOperation { left, right, .. } => has_table(left) || has_table(right),
        _ => false,
    }
}

/// Whether values of a type are the names of whatever is in the database: `regclass` and its like.
fn is_of_catalogue(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_ascii_lowercase().replace('"', "");
    name.rsplit('.').next().is_some_and(|name| is_type_of_catalogue(name.trim_end_matches("[]")))
}

fn is_type_of_catalogue(name: &str) -> bool {
    CATALOGUE_TYPES.contains(&name)
}

impl Reading {
    fn call(&mut self, name: &ObjectName) {
        self.reads.functions.insert(joined(name));
    }

    fn read(&mut self, name: &ObjectName) -> ControlFlow<NotKnown> {
        if name.0.iter().any(|part| !matches!(part, ObjectNamePart::Identifier(_))) {
            return ControlFlow::Break(NotKnown);
        }
        let parts = name_parts(name);
        // A name in single quotes has no place in the text.
        if parts.iter().any(|part| part.quote_style == Some('\'')) {
            return ControlFlow::Break(NotKnown);
        }
        let is_defined = |name: &Ident| {
            let name = folded(name);
            self.around.iter().any(|around| around.sees(&name))
        };
        let [first, ..] = parts.as_slice() else { return ControlFlow::Break(NotKnown) };
        let span = Span { start: first.span.start, end: parts.last().map_or(first.span.end, |last| last.span.end) };
        match parts.as_slice() {
            [only] if is_defined(only) => self.reads.defined.push(NamedTable { span, parts }),
            _ => self.reads.tables.push(NamedTable { span, parts }),
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{parse, query_of};

    fn reads(sql: &str) -> (Vec<String>, Vec<String>) {
        let asked = parse(sql).unwrap();
        let Reads { tables, functions, .. } = Reads::of(query_of(&asked.statement).unwrap()).unwrap();
        let name = |table: &NamedTable| table.parts.iter().map(folded).collect::<Vec<_>>().join(".");
        (tables.iter().map(name).collect(), functions.into_iter().collect())
    }

    #[test]
    fn tables_are_found_wherever_they_stand() {
        for (sql, expected) in [
            ("SELECT * FROM a, LATERAL (SELECT * FROM shop.public.b) AS x", vec!["a", "shop.public.b"]),
            ("SELECT (SELECT 1 FROM a) FROM b WHERE EXISTS (TABLE \"C\")", vec!["a", "b", "C"]),
            ("SELECT 1 UNION SELECT x FROM a ORDER BY (SELECT 1 FROM b)", vec!["a", "b"]),
            ("SELECT count(*) FILTER (WHERE x IN (SELECT y FROM a)) FROM generate_series(1, 2)", vec!["a"]),
        ] {
            assert_eq!(reads(sql).0, expected, "{sql}");
        }
    }

    #[test]
    fn names_of_with_are_no_tables_where_they_are_seen() {
        for (sql, expected) in [
            ("WITH a AS (SELECT * FROM a) SELECT * FROM a", vec!["a"]),
            ("WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a", vec![]),
            ("WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a, b", vec!["b"]),
            ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS x, a", vec!["a"]),
            ("WITH a AS (SELECT 1) SELECT * FROM public.a, (SELECT * FROM a) AS x", vec!["public.a"]),
            ("WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM a, b", vec!["b"]),
        ] {
            assert_eq!(reads(sql).0, expected, "{sql}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for sql in
            ["SELECT * FROM 'a'.b", "SELECT 1::regclass", "SELECT regrole '10'", "SELECT 1::pg_catalog.\"regproc\""]
        {
            let asked = parse(sql).unwrap();
            assert_eq!(Reads::of(query_of(&asked.statement).unwrap()), None, "{sql}");
        }
        let (tables, _) = reads("SELECT 1 UNION DISTINCT TABLE a");
        assert_eq!(tables, ["a"]);
    }

    #[test]
    fn names_behind_dots_may_be_functions() {
        let asked = parse("SELECT (a).f, b.\"G\", c FROM b").unwrap();
        let Reads { attributes, .. } = Reads::of(query_of(&asked.statement).unwrap()).unwrap();
        assert_eq!(attributes.into_iter().collect::<Vec<_>>(), ["G", "f"]);
    }

    #[test]
    fn functions_are_found_wherever_they_are_called() {
        let sql = "SELECT Pg_Catalog.Lower(x), sum(g(x)) OVER (ORDER BY h(1)) FROM f(1), LATERAL s.r(2) AS r \
                   WHERE pg_read_file('x') IS NULL";
        assert_eq!(reads(sql).1, ["f", "g", "h", "lower", "pg_read_file", "s.r", "sum"]);
    }
}
