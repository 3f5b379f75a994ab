//! A query's text as PostgreSQL gets it: the tokens that were read and nothing else, so that what stands in comments,
//! or behind what the two ends of lines take for one, is not sent. Tables have their full names, and parameters their
//! values.

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use rail_forge_connectors::literal;

use crate::error::{Error, Result};
use crate::tokens::{Meaning, question_marks, starts};

/// From a place of a text to another, which is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Location,
    pub(super) end: Location,
}

/// The values of parameters, as PostgreSQL reads them.
///
/// # Errors
/// [`Error::Parameter`] for one that cannot be written.
pub(super) fn literals(parameters: &[ScalarValue]) -> Result<Vec<String>> {
    let written = |(index, value): (usize, &ScalarValue)| {
        literal(value).ok_or_else(|| {
            let kind = value.data_type();
            Error::Parameter(format!("PostgreSQL has no way to write the value of ${}, a {kind}; cast it", index + 1))
        })
    };
    parameters.iter().enumerate().map(written).collect()
}

/// The text from `begin` on, with other words for some of it.
///
/// # Errors
/// [`Error::Parameter`] when there are not as many values as parameters.
pub(super) fn rewritten(
    sql: &str,
    begin: Location,
    tables: &[(Span, String)],
    parameters: Option<&[String]>,
) -> Result<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| Error::Syntax(error.to_string()))?;
    let starts = starts(sql, &tokens);
    let marks = question_marks(sql, &tokens, &starts);
    let mut text = String::with_capacity(sql.len());
    let mut known = 0;
    // Whether the end of a line here makes one constant of two. Behind `E'...'` the second would have escapes.
    let mut joins = false;
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.span.start >= begin) {
        let own = starts.get(index).zip(starts.get(index + 1)).and_then(|(&start, &end)| sql.get(start..end));
        let own = own.unwrap_or_default();
        let place = token.span.start;
        match (tables.iter().find(|(span, _)| span.start <= place && place < span.end), &token.token) {
            (Some((span, name)), _) if span.start == place => push_apart(&mut text, name),
            (Some(_), _) | (None, Token::SemiColon | Token::EOF) => {}
            (None, Token::Whitespace(_)) => {
                text.push(if joins && own.contains('\n') { '\n' } else { ' ' });
                continue;
            }
            (None, Token::Placeholder(name)) => {
                let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
                let number = number.filter(|&number| number > 0).ok_or_else(|| {
                    Error::Parameter(format!("parameters are written $1, $2 and so on, and not {name}"))
                })?;
                known = known.max(number);
                match parameters {
                    None => text.push_str(own),
                    Some(_) => push_parameter(&mut text, number, parameters)?,
                }
            }
            // PostgreSQL ends these elsewhere, depending on its version.
            (None, Token::DollarQuotedString(quoted)) if begins_with_digit(quoted.tag.as_deref()) => {
                return Err(Error::Unsupported(
                    "not supported: a dollar quote whose tag begins with a digit".to_owned(),
                ));
            }
            (None, Token::HexStringLiteral(digits)) if digits.contains('\\') => {
                return Err(Error::Query("a bit string has digits only".to_owned()));
            }
            (None, _) => {
                let start = starts.get(index).copied().unwrap_or_default();
                let mut written = start;
                let first = marks.partition_point(|mark| mark.end() <= start);
                let marks = marks.get(first..).unwrap_or_default();
                for mark in marks.iter().take_while(|mark| mark.start < start + own.len()) {
                    // One that begins before has been written with the token before.
                    if mark.start >= written {
                        text.push_str(sql.get(written..mark.start).unwrap_or_default());
                        match mark.meaning {
                            Meaning::Operator(operator) => text.push_str(operator),
                            Meaning::Parameter(number) => {
                                known = known.max(number);
                                push_parameter(&mut text, number, parameters)?;
                            }
                        }
                    }
                    written = mark.end();
                }
                text.push_str(sql.get(written..start + own.len()).unwrap_or_default());
            }
        }
        joins = matches!(token.token, Token::SingleQuotedString(_));
    }
    match parameters {
        Some(values) if values.len() > known => Err(Error::parameter_count(known, values.len())),
        _ => Ok(text),
    }
}

/// The value of a parameter, or its number before it has one.
fn push_parameter(text: &mut String, number: usize, parameters: Option<&[String]>) -> Result<()> {
    let Some(values) = parameters else {
        push_apart(text, &format!("${number}"));
        return Ok(());
    };
    let value = number.checked_sub(1).and_then(|place| values.get(place)).ok_or_else(|| {
        let given = values.len();
        Error::Parameter(format!("the statement has ${number}, but only {given} values were given"))
    })?;
    push_apart(text, value);
    Ok(())
}

/// What is put in must not become one word with what is around it.
fn push_apart(text: &mut String, word: &str) {
    text.push(' ');
    text.push_str(word);
    text.push(' ');
}

fn begins_with_digit(tag: Option<&str>) -> bool {
    tag.is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: Location = Location { line: 1, column: 1 };

    #[test]
    fn comments_and_ends_are_left_out() {
        let sql = "SELECT 1 /* a /* b */ c */ + 2 -- d, secret\n, 'x;--'\n'y';\n";
        assert_eq!(rewritten(sql, BEGIN, &[], None).unwrap(), "SELECT 1   + 2  , 'x;--'\n'y' ");
        assert_eq!(rewritten("SELECT E'a'\n'\\' AS b", BEGIN, &[], None).unwrap(), "SELECT E'a' '\\' AS b");
    }

    #[test]
    fn what_postgresql_reads_otherwise_is_refused() {
        for sql in ["SELECT $€$, '$€$ , 1 --'", "SELECT $0", "SELECT X'\\'"] {
            assert!(rewritten(sql, BEGIN, &[], None).is_err(), "{sql}");
        }
    }

    #[test]
    fn tables_and_parameters_are_replaced() {
        let sql = "EXPLAIN SELECT $1, o . x, '$1'\nFROM ö.\"O\" AS o WHERE a = $2";
        let table = Span { start: Location::new(2, 6), end: Location::new(2, 11) };
        let tables = [(table, "\"ö\".\"O\"".to_owned())];
        let given = ["1".to_owned(), "'it''s'".to_owned()];
        assert_eq!(
            rewritten(sql, Location::new(1, 9), &tables, Some(&given)).unwrap(),
            "SELECT  1 , o . x, '$1'\nFROM  \"ö\".\"O\"  AS o WHERE a =  'it''s' "
        );
        assert!(rewritten(sql, BEGIN, &[], Some(&given[..1])).unwrap_err().to_string().contains("$2"));
    }

    #[test]
    fn question_marks_are_replaced_where_they_are_parameters() {
        let sql = "SELECT a=?, b ? 'x', c ?? ?, '?' -- ?";
        let given = ["1".to_owned(), "'y'".to_owned()];
        let bound = rewritten(sql, BEGIN, &[], Some(&given)).unwrap();
        assert_eq!(bound, "SELECT a= 1 , b ? 'x', c ?  'y' , '?'  ");
        assert_eq!(rewritten(sql, BEGIN, &[], None).unwrap(), "SELECT a= $1 , b ? 'x', c ?  $2 , '?'  ");
        assert!(rewritten(sql, BEGIN, &[], Some(&given[..1])).unwrap_err().to_string().contains("$2"));
    }
}
