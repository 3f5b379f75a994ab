//! PostgreSQL's dialect, read in a time that grows as the text does. The parser tries what a word may begin with, and
//! reads on from there again as something else if that fails: what nests so is read twice as often for each level
//! around it. Here an argument has a name only where a single word stands before `=>`, what has failed once at a place
//! is not read there again, and what is read again after all is read so often and no more.

mod json_members;

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

const POSTGRESQL: PostgreSqlDialect = PostgreSqlDialect {};

/// How often operands and queries may be read: each begins with a token of its own, and is read once in nearly all
/// statements. What else a short one may read takes less than a tenth of a second.
const READINGS_PER_TOKEN: usize = 1;
const MORE_READINGS: usize = 20_000;

/// The dialect of one statement, which remembers how the reading of that goes.
#[derive(Debug)]
pub(crate) struct StatementDialect {
    readings_left: Cell<usize>,
    /// Whether the statement is too much to read.
    is_exhausted: Cell<bool>,
    /// The operand that the parser itself is to read now.
    passed_on: Cell<Option<usize>>,
    /// What is wrong with the operands that begin at these tokens.
    errors: RefCell<HashMap<usize, ParserError>>,
}

impl StatementDialect {
    /// For a statement of so many tokens.
    pub(crate) fn new(tokens: usize) -> Self {
        Self {
            readings_left: Cell::new(tokens.saturating_mul(READINGS_PER_TOKEN).saturating_add(MORE_READINGS)),
            is_exhausted: Cell::new(false),
            passed_on: Cell::new(None),
            errors: RefCell::default(),
        }
    }

    /// Whether the parser has failed because the statement nests too deep. It may have called that another error.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    fn count_reading(&self) {
        match self.readings_left.get().checked_sub(1) {
            Some(left) => self.readings_left.set(left),
            None => self.is_exhausted.set(true),
        }
    }

    /// Lets the parser read the operand that begins behind the token at `place`.
    fn operand(&self, parser: &mut Parser<'_>, place: usize) -> Result<Expr, ParserError> {
        if let Some(error) = self.errors.borrow().get(&place) {
            return Err(error.clone());
        }
        self.count_reading();
        if self.is_exhausted() {
            return Err(ParserError::RecursionLimitExceeded);
        }
        // Of all that nests, the parser does not count this, and would read on until its stack is full.
        if is_interval(parser.get_current_token()) && is_interval(parser.peek_token_ref()) {
            return parser.expected_ref("a text in quotes", parser.peek_token_ref());
        }
        let operand = if json_members::is_next(parser) {
            json_members::read(parser)
        } else if is_before_set(parser) {
            set_in_parentheses(parser)
        } else {
            self.passed_on.set(Some(place));
            parser.parse_prefix()
        };
        if let Err(error) = &operand {
            self.errors.borrow_mut().insert(place, error.clone());
        }
        operand
    }
}

fn is_interval(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == Keyword::INTERVAL)
}

/// Whether IN is next, with a list whose first value begins with what is in parentheses.
fn is_before_list(parser: &Parser<'_>) -> bool {
    let next = parser.get_current_index() + 1;
    let ahead = (next..).map(|place| &parser.token_at(place).token);
    let mut ahead = ahead.filter(|token| !matches!(token, Token::Whitespace(_)));
    let mut first = ahead.next();
    if keyword(first) == Some(Keyword::NOT) {
        first = ahead.next();
    }
    let begins = keyword(first) == Some(Keyword::IN)
        && ahead.next() == Some(&Token::LParen)
        && ahead.next() == Some(&Token::LParen);
    let mut depth = usize::from(begins);
    while depth > 0 {
        match ahead.next() {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth -= 1,
            None | Some(Token::EOF) => return false,
            Some(_) => {}
        }
    }
    begins && ahead.next().is_some_and(|token| *token != Token::RParen && !goes_on(token))
}

/// Whether a query in parentheses goes on behind them, and is no value.
fn goes_on(token: &Token) -> bool {
    matches!(
        keyword(Some(token)),
        Some(
            Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::ORDER
                | Keyword::LIMIT
                | Keyword::OFFSET
                | Keyword::FETCH
                | Keyword::FOR
        )
    )
}

/// Whether a query in parentheses is next that begins with another in parentheses: `((SELECT 1) UNION SELECT 2)`.
fn is_before_set(parser: &Parser<'_>) -> bool {
    let next = parser.get_current_index() + 1;
    let ahead = (next..).map(|place| &parser.token_at(place).token);
    let mut ahead = ahead.filter(|token| !matches!(token, Token::Whitespace(_))).peekable();
    let mut depth = 0;
    while ahead.next_if(|token| **token == Token::LParen).is_some() {
        depth += 1;
    }
    let is_query = matches!(keyword(ahead.peek().copied()), Some(Keyword::SELECT | Keyword::WITH | Keyword::VALUES));
    if depth < 2 || !is_query {
        return false;
    }
    // What the outermost of these parentheses begins with is what the second closes.
    while depth > 1 {
        match ahead.next() {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth -= 1,
            None | Some(Token::EOF) => return false,
            Some(_) => {}
        }
    }
    ahead.next().is_some_and(goes_on)
}

fn set_in_parentheses(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let query = parser.parse_query()?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Subquery(query))
}

fn keyword(token: Option<&Token>) -> Option<Keyword> {
    match token {
        Some(Token::Word(word)) => Some(word.keyword),
        _ => None,
    }
}

fn in_list(parser: &mut Parser<'_>, left: &Expr) -> Result<Expr, ParserError> {
    let negated = parser.parse_keyword(Keyword::NOT);
    parser.expect_keyword_is(Keyword::IN)?;
    parser.expect_token(&Token::LParen)?;
    let list = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::InList { expr: Box::new(left.clone()), list, negated })
}

/// Answers as PostgreSQL's own dialect does.
macro_rules! as_postgresql {
    ($($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $method(&self, $($argument: $type),*) -> $answer {
            POSTGRESQL.$method($($argument),*)
        })*
    };
}

impl Dialect for StatementDialect {
    /// What the parser asks when it wants to know whether this is PostgreSQL.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let place = parser.get_current_index();
        match self.passed_on.take() == Some(place) {
            true => None,
            false => Some(self.operand(parser, place)),
        }
    }

    /// The parser takes a list for a query where the first of its values is one.
    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        is_before_list(parser).then(|| in_list(parser, left))
    }

    /// Whether any expression may name an argument, for which all arguments would be read twice. A word still may.
    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }

    /// The parser asks this once for each query. One in parentheses in FROM may be a table of a join, and is read
    /// again.
    fn supports_empty_projections(&self) -> bool {
        self.count_reading();
        !self.is_exhausted()
    }

    as_postgresql! {
        identifier_quote_style(identifier: &str) -> Option<char>;
        is_delimited_identifier_start(character: char) -> bool;
        is_identifier_start(character: char) -> bool;
        is_identifier_part(character: char) -> bool;
        supports_unicode_string_literal() -> bool;
        is_reserved_for_identifier(keyword: Keyword) -> bool;
        is_custom_operator_part(character: char) -> bool;
        get_next_precedence(parser: &Parser<'_>) -> Option<Result<u8, ParserError>>;
        supports_filter_during_aggregation() -> bool;
        supports_group_by_expr() -> bool;
        prec_value(precedence: Precedence) -> u8;
        allow_extract_custom() -> bool;
        allow_extract_single_quotes() -> bool;
        supports_create_index_with_clause() -> bool;
        supports_explain_with_utility_options() -> bool;
        supports_listen_notify() -> bool;
        supports_factorial_operator() -> bool;
        supports_bitwise_shift_operators() -> bool;
        supports_comment_on() -> bool;
        supports_load_extension() -> bool;
        supports_named_fn_args_with_colon_operator() -> bool;
        supports_nested_comments() -> bool;
        supports_string_escape_constant() -> bool;
        supports_numeric_literal_underscores() -> bool;
        supports_array_typedef_with_brackets() -> bool;
        supports_geometric_types() -> bool;
        supports_set_names() -> bool;
        supports_alter_column_type_using() -> bool;
        supports_notnull_operator() -> bool;
        supports_interval_options() -> bool;
        supports_insert_table_alias() -> bool;
        supports_create_table_like_parenthesized() -> bool;
        supports_select_wildcard_with_alias() -> bool;
        supports_comma_separated_trim() -> bool;
        supports_xml_expressions() -> bool;
        supports_comment_optimizer_hint() -> bool;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use datafusion::sql::sqlparser::ast::Statement;

    use super::*;
    use crate::tokens;

    /// The stack of the threads that plan queries.
    const STACK_BYTES: usize = 32 << 20;

    /// What the parser makes of it, and whether it was too much.
    fn read(sql: &str) -> (Result<Vec<Statement>, ParserError>, bool) {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        std::thread::scope(|scope| thread.spawn_scoped(scope, || read_here(sql)).unwrap().join().unwrap())
    }

    fn read_here(sql: &str) -> (Result<Vec<Statement>, ParserError>, bool) {
        let tokens = tokens::read(sql).unwrap();
        let dialect = StatementDialect::new(tokens.len());
        let mut parser = Parser::new(&dialect).with_recursion_limit(64).with_tokens_with_locations(tokens);
        let statements = parser.parse_statements();
        (statements, dialect.is_exhausted())
    }

    fn nested(depth: usize, before: &str, innermost: &str, after: &str) -> String {
        format!("SELECT {}{innermost}{}", before.repeat(depth), after.repeat(depth))
    }

    #[test]
    fn statements_are_those_that_the_dialect_of_postgresql_reads() {
        for sql in [
            "SELECT count(*), t.*, a.f(1)[2], a.b FROM t WHERE NOT EXISTS (SELECT FROM s) AND (a, b) IN ((1, 2))",
            "SELECT interval, interval '1 day' + x, date '2000-01-01', position('a' IN b), substring(a FROM 1 FOR 2)",
            "SELECT overlay(a, b, 1), convert(a, 'b', 'c'), ceil(x), cast(cast(1 AS int) AS text), row(1, 2), array[1]",
            "SELECT 1 FROM ((SELECT 1) x CROSS JOIN s) JOIN LATERAL f(1) AS y ON true, ((SELECT 1) UNION SELECT 2) z",
            "SELECT sum(a ORDER BY b) FILTER (WHERE c) OVER (PARTITION BY d), CASE WHEN a THEN b END, x COLLATE \"C\"",
            "SELECT 1 +",
            "SELECT f(1, substring(+))",
        ] {
            let tokens = tokens::read(sql).unwrap();
            let expected = Parser::new(&POSTGRESQL).with_tokens_with_locations(tokens).parse_statements();
            assert_eq!(read(sql), (expected, false), "{sql}");
        }
    }

    #[test]
    fn a_list_may_begin_with_a_query() {
        for list in ["(SELECT 1), 2", "(SELECT 1) + 1", "((SELECT 1)), (SELECT 2)", "(1), 2"] {
            let sql = format!("SELECT 1 NOT IN ({list})");
            let (statements, _) = read(&sql);
            assert!(format!("{:?}", statements.unwrap()).contains("InList"), "{sql}");
        }
        for query in ["(SELECT 1)", "(SELECT 1) UNION SELECT 2", "((SELECT 1) LIMIT 1)"] {
            let sql = format!("SELECT 1 IN ({query})");
            let (statements, _) = read(&sql);
            assert!(format!("{:?}", statements.unwrap()).contains("InSubquery"), "{sql}");
        }
    }

    #[test]
    fn a_set_in_parentheses_may_begin_with_a_query_in_parentheses() {
        for set in ["((SELECT 1) UNION (SELECT 2))", "(((SELECT 1)) EXCEPT SELECT 2 LIMIT 1)", "((SELECT 1) LIMIT 1)"] {
            let sql = format!("SELECT {set} IS NOT NULL, ((SELECT 1) + 1), ((SELECT 1))");
            let (statements, _) = read(&sql);
            assert!(format!("{:?}", statements.unwrap()).contains("IsNotNull(Subquery("), "{sql}");
        }
    }

    #[test]
    fn members_of_json_objects_have_keys_of_any_kind() {
        for members in ["'a' VALUE 1", "('a')::text VALUE b, lower(c) VALUE JSON_OBJECT(d VALUE e)", "'a': 1, b: c"] {
            let sql = format!("SELECT JSON_OBJECT({members} ABSENT ON NULL RETURNING jsonb), json_object('{{}}')");
            let (statements, _) = read(&sql);
            assert!(format!("{:?}", statements.unwrap()).contains("operator: Value"), "{sql}");
        }
    }

    #[test]
    fn arguments_may_have_names() {
        for sql in ["SELECT f(1, a => g(b := 2), \"c\" => 3)", "SELECT * FROM f(a => 1)"] {
            let (statements, _) = read(sql);
            assert_eq!(statements.map(|all| all[0].to_string()).unwrap(), sql);
        }
    }

    #[test]
    fn what_nests_is_read_once() {
        for (before, innermost, after) in [
            ("upper(", "'x'", ")"),
            ("coalesce(1, ", "x", ", 2)"),
            ("ROW(", "1", ")"),
            ("f(x => ", "1", ")"),
            ("CASE WHEN ", "true", " THEN true END"),
            ("sum(1) FILTER (WHERE ", "true", ")"),
        ] {
            let (statements, is_exhausted) = read(&nested(60, before, innermost, after));
            assert!(statements.is_ok() && !is_exhausted, "{before}: {statements:?}");
        }
        // These nest more than one level each.
        for (before, innermost, after) in [
            ("EXISTS (SELECT 1 WHERE ", "true", ")"),
            ("1 NOT IN (SELECT ", "1", ")"),
            ("NOT (", "true", ")"),
            ("(SELECT max(id) + ", "1", " FROM s)"),
            ("(SELECT 1 FROM f((SELECT ", "1", ")))"),
        ] {
            let (statements, is_exhausted) = read(&nested(12, before, innermost, after));
            assert!(statements.is_ok() && !is_exhausted, "{before}: {statements:?}");
        }
    }

    #[test]
    fn what_fails_is_read_once() {
        for (before, after) in [("NOT (", ")"), ("substring(", ", 1)"), ("ceil(", ")"), ("convert(", ", int)")] {
            let (statements, is_exhausted) = read(&nested(25, before, "+", after));
            let message = statements.unwrap_err().to_string();
            assert!(message.contains("Expected: an expression") && !is_exhausted, "{before}: {message}");
        }
    }

    #[test]
    fn what_is_read_again_has_a_limit() {
        for (before, after) in [("cast(", ")"), ("position(", ", 1)"), ("overlay(", ", 1, 1)"), ("ceil(", ", x)")] {
            let started = Instant::now();
            let (statements, is_exhausted) = read(&nested(60, before, "1", after));
            assert!(statements.is_err() && is_exhausted, "{before}: {statements:?}");
            assert!(started.elapsed() < Duration::from_secs(5), "{before}: {:?}", started.elapsed());
        }
        let intervals = nested(50_000, "INTERVAL ", "'1 day'", "");
        assert!(read(&intervals).0.unwrap_err().to_string().contains("Expected: end of statement"));
        for query in ["FROM", "1 FROM"] {
            let before = format!("{query} ((SELECT ");
            let joins = |depth| nested(depth, &before, &format!("{query} s"), ") x CROSS JOIN s)");
            assert!(read(&joins(10)).0.is_ok(), "{query}");
            assert!(read(&joins(20)).1, "{query}");
        }
    }
}
