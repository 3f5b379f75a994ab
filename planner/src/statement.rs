//! From SQL text to one statement that may be planned: a query, or EXPLAIN or SHOW. What would change something
//! is refused here, wherever in the text it stands, and so is what is too large to plan.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Distinct, Expr, FunctionArgumentClause, FunctionArguments, GroupByExpr, NamedWindowDefinition,
    NamedWindowExpr, ObjectName, OrderBy, OrderByKind, Query, Select, SetExpr, TableFactor, Visit, Visitor, WindowSpec,
    WindowType,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use crate::dialect::StatementDialect;
use crate::error::{Error, Result};
use crate::explain::{ExplainOptions, take_explain};
use crate::limits::{check_length, check_tokens};
use crate::{operators, tokens};

/// How deep expressions and queries may nest.
const NESTING: usize = 64;
/// Columns of one SELECT; PostgreSQL's own limit.
pub const MAX_COLUMNS: usize = 1_664;
/// Tables that a statement may name, each time counted. Planning grows faster than their number.
pub const MAX_TABLES: usize = 100;

/// A statement, and how it is explained if that is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) statement: Statement,
    /// Where it begins in its text, behind what explains it.
    pub(crate) begin: Location,
    pub(crate) explain: Option<ExplainOptions>,
}

/// Parses one statement and refuses those that are no queries, before a plan could touch anything.
pub(crate) fn parse(sql: &str) -> Result<Asked> {
    check_length(sql)?;
    let mut tokens = tokens::read(sql)?;
    check_tokens(&tokens)?;
    let explain = take_explain(&mut tokens)?;
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let begin = first.map_or(Location::empty(), |token| token.span.start);
    let dialect = StatementDialect::new(tokens.len());
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(NESTING)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| if dialect.is_exhausted() { nests_too_deep() } else { locate_syntax_error(error, sql) })?;
    let Some(mut statement) = statements.pop_front() else {
        return Err(Error::Syntax("the statement is empty".to_owned()));
    };
    if !statements.is_empty() {
        return Err(Error::Unsupported("not supported: several statements at once; send them one by one".to_owned()));
    }
    // What is twice in the tree after this is counted twice.
    if let Statement::Statement(inner) = &mut statement {
        operators::regroup(inner.as_mut())?;
    }
    check(&statement)?;
    if explain.is_some() && query_of(&statement).is_none() {
        return Err(Error::Query("EXPLAIN is of a query".to_owned()));
    }
    Ok(Asked { statement, begin, explain })
}

/// The query of a statement.
pub(crate) fn query_of(statement: &Statement) -> Option<&Query> {
    match statement {
        Statement::Statement(inner) => match inner.as_ref() {
            ast::Statement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a statement asks for settings.
pub(crate) fn shows_settings(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(inner) => matches!(inner.as_ref(), ast::Statement::ShowVariable { .. }),
        _ => false,
    }
}

fn check(statement: &Statement) -> Result<()> {
    let statement = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(_) => return Err(Error::Syntax("EXPLAIN is of a query".to_owned())),
        other => return Err(Error::ReadOnly(first_word(&other.to_string()))),
    };
    match statement.as_ref() {
        ast::Statement::Query(_) => {}
        ast::Statement::ShowVariable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. } => {
            return Ok(());
        }
        // Those that are asked alone have been replaced by what is stored.
        ast::Statement::Execute { .. } => {
            return Err(Error::Unsupported(
                "not supported: EXECUTE within another statement, or its EXPLAIN".to_owned(),
            ));
        }
        other => return Err(Error::ReadOnly(first_word(&other.to_string()))),
    }
    match statement.visit(&mut QueryCheck::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Looks at every query of a statement, however deep.
#[derive(Default)]
struct QueryCheck {
    tables: usize,
}

impl Visitor for QueryCheck {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Error::ReadOnly("SELECT ... FOR UPDATE".to_owned()));
        }
        if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &query.order_by
            && let Err(error) = check_columns("an ORDER BY", keys.len())
        {
            return ControlFlow::Break(error);
        }
        match query.body.as_ref() {
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                ControlFlow::Break(Error::ReadOnly(first_word(&query.body.to_string())))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        if select.into.is_some() {
            return ControlFlow::Break(Error::ReadOnly("SELECT INTO".to_owned()));
        }
        check_select(select).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Error> {
        check_lists(expression).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } => ControlFlow::Break(Error::Unsupported(
                "not supported: TABLESAMPLE; use WHERE random() < 0.1, or LIMIT".to_owned(),
            )),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, _relation: &ObjectName) -> ControlFlow<Error> {
        self.tables += 1;
        if self.tables > MAX_TABLES {
            return ControlFlow::Break(Error::TooLarge(format!(
                "the statement names more tables than can be planned; at most {MAX_TABLES} are allowed"
            )));
        }
        ControlFlow::Continue(())
    }
}

fn check_select(select: &Select) -> Result<()> {
    check_columns("a SELECT", select.projection.len())?;
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        check_columns("a GROUP BY", keys.len())?;
    }
    if let Some(Distinct::On(keys)) = &select.distinct {
        check_columns("a DISTINCT ON", keys.len())?;
    }
    select.named_window.iter().try_for_each(|NamedWindowDefinition(_, window)| match window {
        NamedWindowExpr::WindowSpec(window) => check_window(window),
        NamedWindowExpr::NamedWindow(_) => Ok(()),
    })
}

/// Looks at the lists of an expression that make a plan wide. Those of IN and ARRAY are values.
fn check_lists(expression: &Expr) -> Result<()> {
    match expression {
        Expr::Function(function) => {
            check_columns("a WITHIN GROUP", function.within_group.len())?;
            if let FunctionArguments::List(arguments) = &function.args {
                for clause in &arguments.clauses {
                    if let FunctionArgumentClause::OrderBy(keys) = clause {
                        check_columns("the ORDER BY of a function", keys.len())?;
                    }
                }
            }
            match &function.over {
                Some(WindowType::WindowSpec(window)) => check_window(window),
                Some(WindowType::NamedWindow(_)) | None => Ok(()),
            }
        }
        Expr::Tuple(fields) => check_columns("a row", fields.len()),
        Expr::Rollup(lists) | Expr::Cube(lists) | Expr::GroupingSets(lists) => {
            lists.iter().try_for_each(|list| check_columns("a grouping set", list.len()))
        }
        _ => Ok(()),
    }
}

fn check_window(window: &WindowSpec) -> Result<()> {
    check_columns("a PARTITION BY", window.partition_by.len())?;
    check_columns("the ORDER BY of a window", window.order_by.len())
}

/// # Errors
/// [`Error::TooLarge`] when a list has more entries than PostgreSQL allows.
pub(crate) fn check_columns(what: &str, columns: usize) -> Result<()> {
    if columns > MAX_COLUMNS {
        return Err(Error::TooLarge(format!("{what} has {columns} columns; at most {MAX_COLUMNS} are allowed")));
    }
    Ok(())
}

fn first_word(statement: &str) -> String {
    statement.split_whitespace().next().unwrap_or("the statement").to_uppercase()
}

/// The parser knows no place for what is missing at the end, and calls too deep a nesting a syntax error.
fn locate_syntax_error(error: DataFusionError, sql: &str) -> Error {
    match Error::from(error) {
        Error::Syntax(message) if message.contains("recursion limit") => nests_too_deep(),
        Error::Syntax(message) if !message.contains("Line: ") => {
            let last = sql.lines().last().unwrap_or_default();
            let (line, column) = (sql.lines().count().max(1), last.chars().count() + 1);
            Error::Syntax(format!("{message} at Line: {line}, Column: {column}"))
        }
        other => other,
    }
}

fn nests_too_deep() -> Error {
    Error::TooLarge(format!(
        "the statement nests too deep; at most {NESTING} levels are planned. Write inner queries as WITH"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_refused_wherever_they_stand() {
        for sql in [
            "DELETE FROM t",
            "EXPLAIN DELETE FROM t",
            "COPY t TO '/tmp/x'",
            "SET a = 1",
            "SELECT 1 INTO x",
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "SELECT * FROM (SELECT * FROM t FOR UPDATE) AS x",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM t FOR SHARE)",
        ] {
            assert!(matches!(parse(sql), Err(Error::ReadOnly(_))), "{sql}: {:?}", parse(sql));
        }
        parse("EXPLAIN ANALYZE SELECT 1").unwrap();
    }

    #[test]
    fn operators_are_grouped_in_every_kind_of_statement() {
        for sql in ["SELECT 1 < 2 < 3", "EXPLAIN SELECT 1 < 2 < 3", "WITH x AS (SELECT 1 < 2 < 3) SELECT * FROM x"] {
            assert!(parse(sql).unwrap_err().to_string().contains("< cannot follow <"), "{sql}");
        }
    }

    #[test]
    fn what_nests_too_deep_to_be_read_is_refused() {
        for (depth, before, after) in [(100, "(", ")"), (60, "position(", ", 1)"), (60, "cast(", ")")] {
            let sql = format!("SELECT {}'1'{}", before.repeat(depth), after.repeat(depth));
            assert!(matches!(parse(&sql), Err(Error::TooLarge(_))), "{before}: {:?}", parse(&sql));
        }
        parse(&format!("SELECT {}'x'{}", "upper(".repeat(50), ")".repeat(50))).unwrap();
    }

    #[test]
    fn lists_are_no_longer_than_postgresqls() {
        let list = vec!["a"; MAX_COLUMNS + 1].join(", ");
        for sql in [
            format!("SELECT DISTINCT ON ({list}) a FROM t"),
            format!("SELECT rank() OVER (PARTITION BY {list}) FROM t"),
            format!("SELECT rank() OVER (ORDER BY {list}) FROM t"),
            format!("SELECT rank() OVER w FROM t WINDOW w AS (ORDER BY {list})"),
            format!("SELECT array_agg(a ORDER BY {list}) FROM t"),
            format!("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {list}) FROM t"),
            format!("SELECT ({list}) IS NULL FROM t"),
            format!("SELECT a FROM t GROUP BY GROUPING SETS (({list}))"),
            format!("SELECT a FROM t WHERE EXISTS (SELECT rank() OVER (PARTITION BY {list}) FROM t)"),
        ] {
            let error = parse(&sql).unwrap_err();
            assert!(error.to_string().contains("at most 1664 are allowed"), "{}: {error}", &sql[..60]);
        }
        parse(&format!("SELECT a IN ({list}), ARRAY[{list}] FROM t")).unwrap();
    }

    #[test]
    fn what_is_missing_at_the_end_has_a_place() {
        let message = parse("SELECT *\nFROM t WHERE").unwrap_err().to_string();
        assert!(message.contains("Line: 2, Column: 13"), "{message}");
    }
}
