//! What stands behind EXPLAIN: `ANALYZE VERBOSE`, or a list in parentheses
//! (<https://www.postgresql.org/docs/current/sql-explain.html>).

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{Error, Result};

/// What is explained, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExplainOptions {
    pub(crate) analyze: bool,
    pub(crate) verbose: bool,
    pub(crate) json: bool,
    /// Whether it is told how long planning and running have taken. None: of a query that is run.
    pub(crate) summary: Option<bool>,
}

/// Options that say what else PostgreSQL shows of its own plans. There is no such thing here.
const OTHERS: [&str; 8] = ["costs", "buffers", "timing", "settings", "wal", "generic_plan", "memory", "serialize"];

/// Takes EXPLAIN and its options off the beginning of a statement, if it has them.
///
/// # Errors
/// [`Error::Query`] for options that PostgreSQL does not have, [`Error::Unsupported`] for a format that is not known here.
pub(crate) fn take_explain(tokens: &mut Vec<TokenWithSpan>) -> Result<Option<ExplainOptions>> {
    let mut words = Words { tokens, next: 0 };
    if !words.take("explain") {
        return Ok(None);
    }
    let mut options = ExplainOptions::default();
    if words.is_list() {
        words.list(&mut options)?;
    } else {
        options.analyze = words.take("analyze");
        options.verbose = words.take("verbose");
    }
    let taken = words.next;
    tokens.drain(..taken);
    Ok(Some(options))
}

/// The tokens of a statement, without the space between them.
struct Words<'t> {
    tokens: &'t [TokenWithSpan],
    next: usize,
}

impl Words<'_> {
    /// The place of the next token that says something.
    fn place(&self, from: usize) -> Option<usize> {
        let said = |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        self.tokens.get(from..)?.iter().position(said).map(|place| from + place)
    }

    fn peek(&self) -> Option<&Token> {
        self.place(self.next).map(|place| &self.tokens[place].token)
    }

    fn advance(&mut self) {
        if let Some(place) = self.place(self.next) {
            self.next = place + 1;
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|token| word(token).is_some_and(|word| word == wanted));
        if found {
            self.advance();
        }
        found
    }

    /// Whether options in parentheses follow, and not a query.
    fn is_list(&self) -> bool {
        const QUERIES: [&str; 4] = ["select", "with", "values", "table"];
        let Some(open) = self.place(self.next).filter(|&place| self.tokens[place].token == Token::LParen) else {
            return false;
        };
        let inner = self.place(open + 1).and_then(|place| word(&self.tokens[place].token));
        inner.is_some_and(|word| !QUERIES.contains(&word.as_str()))
    }

    fn list(&mut self, options: &mut ExplainOptions) -> Result<()> {
        loop {
            // The parenthesis or the comma before it.
            self.advance();
            let name = self.peek().and_then(word).ok_or_else(|| missing("an option of EXPLAIN"))?;
            self.advance();
            let value = match self.peek() {
                Some(Token::Comma | Token::RParen) | None => None,
                Some(token) => {
                    let value = match token {
                        Token::SingleQuotedString(text) | Token::Number(text, _) => Some(text.to_lowercase()),
                        other => word(other),
                    };
                    self.advance();
                    value
                }
            };
            options.set(&name, value.as_deref())?;
            match self.peek() {
                Some(Token::Comma) => {}
                Some(Token::RParen) => {
                    self.advance();
                    return Ok(());
                }
                _ => return Err(missing("a comma or a parenthesis behind an option of EXPLAIN")),
            }
        }
    }
}

impl ExplainOptions {
    /// Whether it is told how long planning and running have taken.
    pub(crate) fn tells_times(self) -> bool {
        self.summary.unwrap_or(self.analyze)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        match (name, value) {
            ("analyze", value) => self.analyze = truth(name, value)?,
            ("verbose", value) => self.verbose = truth(name, value)?,
            ("summary", value) => self.summary = Some(truth(name, value)?),
            ("format", Some("text")) => self.json = false,
            ("format", Some("json")) => self.json = true,
            ("format", Some(format @ ("xml" | "yaml"))) => {
                return Err(Error::Unsupported(format!("not supported: EXPLAIN (FORMAT {format}); use TEXT or JSON")));
            }
            ("format", value) => {
                let value = value.unwrap_or_default();
                return Err(Error::Query(format!("unrecognized value for EXPLAIN option \"format\": \"{value}\"")));
            }
            (other, _) if OTHERS.contains(&other) => {}
            (other, _) => return Err(Error::Query(format!("unrecognized EXPLAIN option \"{other}\""))),
        }
        Ok(())
    }
}

fn truth(name: &str, value: Option<&str>) -> Result<bool> {
    match value {
        None | Some("true" | "on" | "1") => Ok(true),
        Some("false" | "off" | "0") => Ok(false),
        Some(_) => Err(Error::Query(format!("{name} requires a Boolean value"))),
    }
}

fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

fn missing(what: &str) -> Error {
    Error::Syntax(format!("{what} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens;

    fn taken(sql: &str) -> Result<Option<(ExplainOptions, String)>> {
        let mut tokens = tokens::read(sql)?;
        let options = take_explain(&mut tokens)?;
        let rest = tokens.iter().map(|token| token.token.to_string()).collect::<String>();
        Ok(options.map(|options| (options, rest.trim().to_owned())))
    }

    #[test]
    fn options_are_taken_off() {
        let all = ExplainOptions { analyze: true, verbose: true, json: true, summary: None };
        for (sql, wanted) in [
            ("EXPLAIN SELECT 1", ExplainOptions::default()),
            ("explain analyze verbose SELECT 1", ExplainOptions { json: false, ..all }),
            ("EXPLAIN (ANALYZE, VERBOSE true, FORMAT JSON) SELECT 1", all),
            ("EXPLAIN (FORMAT 'text', ANALYZE off, costs off) SELECT 1", ExplainOptions::default()),
            ("EXPLAIN (SUMMARY) SELECT 1", ExplainOptions { summary: Some(true), ..ExplainOptions::default() }),
        ] {
            assert_eq!(taken(sql).unwrap(), Some((wanted, "SELECT 1".to_owned())), "{sql}");
        }
        assert_eq!(taken("EXPLAIN (SELECT 1)").unwrap(), Some((ExplainOptions::default(), "(SELECT 1)".to_owned())));
        assert_eq!(taken("SELECT 1").unwrap(), None);
    }

    #[test]
    fn times_are_told_of_what_is_run_unless_it_is_said() {
        for (sql, wanted) in [
            ("EXPLAIN SELECT 1", false),
            ("EXPLAIN (SUMMARY) SELECT 1", true),
            ("EXPLAIN ANALYZE SELECT 1", true),
            ("EXPLAIN (SUMMARY off, ANALYZE) SELECT 1", false),
        ] {
            assert_eq!(taken(sql).unwrap().unwrap().0.tells_times(), wanted, "{sql}");
        }
    }

    #[test]
    fn what_is_no_option_is_named() {
        for (sql, named) in [
            ("EXPLAIN (COLOUR) SELECT 1", "unrecognized EXPLAIN option \"colour\""),
            ("EXPLAIN (FORMAT yaml) SELECT 1", "FORMAT yaml"),
            ("EXPLAIN (FORMAT) SELECT 1", "\"format\""),
            ("EXPLAIN (ANALYZE maybe) SELECT 1", "analyze requires a Boolean value"),
            ("EXPLAIN (ANALYZE", "a comma or a parenthesis"),
        ] {
            let message = taken(sql).unwrap_err().to_string();
            assert!(message.contains(named), "{sql}: {message}");
        }
    }
}
