//! Question marks that are parameters, as JDBC and ODBC write them. PostgreSQL has operators of the same sign
//! (`data ? 'key'`), which stand behind an operand; where an operand has to begin none of them can be, so that a
//! question mark there is a parameter: the first is `$1`. A statement that has `$1` itself has no other parameters. `??`
//! is the operator wherever it stands, as JDBC writes it.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{is_operator_character, is_space, operators_of};
use crate::keywords::is_reserved;

/// Reserved words that are operands, or end one.
const OPERANDS: [&str; 18] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "end",
    "false",
    "isnull",
    "localtime",
    "localtimestamp",
    "notnull",
    "null",
    "session_user",
    "system_user",
    "true",
    "user",
];
/// Words behind which an operand begins, though a column may be called so.
const BEFORE_OPERANDS: [&str; 9] = ["between", "by", "escape", "first", "groups", "next", "range", "rows", "zone"];

/// A question mark that stands for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QuestionMark {
    /// Where it is in the text, in bytes.
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The parameter of this number.
    Parameter(usize),
    /// An operator that is written with two question marks.
    Operator(&'static str),
}

impl QuestionMark {
    pub(crate) fn end(&self) -> usize {
        self.start + self.length
    }
}

/// The question marks of a statement that are not what they look like, in order. `starts` are where its tokens start.
pub(crate) fn question_marks(sql: &str, tokens: &[TokenWithSpan], starts: &[usize]) -> Vec<QuestionMark> {
    if !sql.contains('?') || tokens.iter().any(|token| matches!(token.token, Token::Placeholder(_))) {
        return vec![];
    }
    let mut marks = Marks { sql, marks: vec![], parameters: 0 };
    let mut before = Before::Nothing;
    let mut read_to = 0;
    for (place, token) in tokens.iter().enumerate() {
        let (Some(&start), Some(&end)) = (starts.get(place), starts.get(place + 1)) else { break };
        // A part of operators that have been read, or no part of the statement.
        if start < read_to || is_space(&token.token) {
            continue;
        }
        let text = sql.get(start..end).unwrap_or_default();
        if text.starts_with(is_operator_character) {
            let run = operators_of(sql.get(start..).unwrap_or_default());
            read_to = start + run.len();
            before = marks.read(run, start, before);
        } else {
            before = Before::of(&token.token, text);
        }
    }
    marks.marks
}

/// What stands before a question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing that an operator could follow.
    Nothing,
    Operand,
    /// A word that is one or the other.
    Either,
}

impl Before {
    fn of(token: &Token, text: &str) -> Self {
        match token {
            Token::Word(word) if word.quote_style.is_none() => {
                let word = word.value.to_ascii_lowercase();
                match word.as_str() {
                    word if BEFORE_OPERANDS.contains(&word) => Self::Either,
                    word if is_reserved(word) && !OPERANDS.contains(&word) => Self::Nothing,
                    _ => Self::Operand,
                }
            }
            // Numbers, names, texts in whatever quotes, and what is in parentheses or brackets.
            _ if text.ends_with(|last: char| last.is_alphanumeric() || "'\"$)]_.".contains(last)) => Self::Operand,
            _ => Self::Nothing,
        }
    }
}

/// Whether a token, whose text is given, is the end of an operand.
pub(crate) fn ends_operand(token: &Token, text: &str) -> bool {
    !is_space(token) && Before::of(token, text) == Before::Operand
}

struct Marks<'a> {
    sql: &'a str,
    marks: Vec<QuestionMark>,
    parameters: usize,
}

impl Marks<'_> {
    /// Reads operators that stand together, with what they stand behind; gives what the next token stands behind.
    fn read(&mut self, run: &str, start: usize, mut before: Before) -> Before {
        let mut from = 0;
        while let Some(found) = run.get(from..).and_then(|rest| rest.find('?')) {
            let at = from + found;
            // What stands between is an operator, of which `@?` alone has the question mark in it.
            let is_behind_at = run.get(from..at) == Some("@") && before != Before::Nothing;
            if found > 0 && !is_behind_at {
                before = Before::Nothing;
            }
            let rest = run.get(at..).unwrap_or_default();
            (from, before) = if rest.starts_with("??") {
                let (begin, length, operator) = match rest.get(2..3) {
                    _ if is_behind_at => (at - 1, 3, "@?"),
                    Some("|") => (at, 3, "?|"),
                    Some("&") => (at, 3, "?&"),
                    _ => (at, 2, "?"),
                };
                self.push(start + begin, length, Meaning::Operator(operator));
                (begin + length, Before::Nothing)
            } else if is_behind_at || before == Before::Operand {
                let length = if rest.starts_with("?|") || rest.starts_with("?&") { 2 } else { 1 };
                (at + length, Before::Nothing)
            } else if before == Before::Either && rest == "?" && self.operand_follows(start + at + 1) {
                (at + 1, Before::Nothing)
            } else {
                self.parameters += 1;
                self.push(start + at, 1, Meaning::Parameter(self.parameters));
                (at + 1, Before::Operand)
            };
        }
        if from < run.len() { Before::Nothing } else { before }
    }

    fn push(&mut self, start: usize, length: usize, meaning: Meaning) {
        self.marks.push(QuestionMark { start, length, meaning });
    }

    /// Whether what comes next cannot follow an operand.
    fn operand_follows(&self, at: usize) -> bool {
        let rest = self.sql.get(at..).unwrap_or_default().trim_start();
        rest.starts_with(|first: char| first == '\'' || first == '(' || first.is_ascii_digit())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::super::{read, starts};
    use super::*;

    /// The statement with what its question marks stand for.
    fn shown(sql: &str) -> String {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().unwrap();
        let mut shown = sql.to_owned();
        for mark in question_marks(sql, &tokens, &starts(sql, &tokens)).into_iter().rev() {
            let meaning = match mark.meaning {
                Meaning::Parameter(number) => format!("${number}"),
                Meaning::Operator(operator) => operator.to_owned(),
            };
            shown.replace_range(mark.start..mark.end(), &meaning);
        }
        shown
    }

    #[test]
    fn parameters_stand_where_operands_begin() {
        for (sql, meant) in [
            ("SELECT ?, -?, (?)", "SELECT $1, -$2, ($3)"),
            ("a = ? AND ?=b OR NOT ?", "a = $1 AND $2=b OR NOT $3"),
            ("a=? AND b<>? AND c>=-?", "a=$1 AND b<>$2 AND c>=-$3"),
            ("x BETWEEN ? AND ? OR y IN (?,?)", "x BETWEEN $1 AND $2 OR y IN ($3,$4)"),
            ("x LIKE ? ESCAPE ?", "x LIKE $1 ESCAPE $2"),
            ("CASE ? WHEN ? THEN ? ELSE ? END", "CASE $1 WHEN $2 THEN $3 ELSE $4 END"),
            ("x ORDER BY ? LIMIT ? OFFSET ?", "x ORDER BY $1 LIMIT $2 OFFSET $3"),
            ("t AT TIME ZONE ?, f(a => ?), b[?], ARRAY[?]", "t AT TIME ZONE $1, f(a => $2), b[$3], ARRAY[$4]"),
            ("?::int+?||'x'", "$1::int+$2||'x'"),
            ("a->>? || ? || b", "a->>$1 || $2 || b"),
            ("substring(? from ? for ?)", "substring($1 from $2 for $3)"),
            ("a IS DISTINCT FROM ?", "a IS DISTINCT FROM $1"),
        ] {
            assert_eq!(shown(sql), meant);
        }
    }

    #[test]
    fn operators_stand_behind_operands() {
        for (sql, meant) in [
            ("data ? 'a' AND id = ?", "data ? 'a' AND id = $1"),
            ("data ? ? AND \"d\"?|? AND f(x) ?& ?", "data ? $1 AND \"d\"?|$2 AND f(x) ?& $3"),
            ("? ? ?", "$1 ? $2"),
            ("data @? '$.a' AND data@?? '$.b'", "data @? '$.a' AND data@? '$.b'"),
            ("a::jsonb ? 'x', NULL ? 'x', b[1] ? 'x'", "a::jsonb ? 'x', NULL ? 'x', b[1] ? 'x'"),
            ("first ? 'x', rows ? (a)", "first ? 'x', rows ? (a)"),
            ("data ?? 'a' AND data ??| ? AND id=?", "data ? 'a' AND data ?| $1 AND id=$2"),
            ("data @?? '$.a' AND data ?? ?", "data @? '$.a' AND data ? $1"),
            ("data ???", "data ?$1"),
        ] {
            assert_eq!(shown(sql), meant);
        }
    }

    #[test]
    fn what_is_quoted_or_a_comment_is_left_alone() {
        for sql in [
            "SELECT '?', \"?\", $$?$$, E'\\'?', 'a''?' -- ?\n/* ? /* ? */ ? */",
            "SELECT $1, ?",
            "SELECT jsonb_path_exists(b, '$[*] ? (@ == 2)')",
        ] {
            assert_eq!(shown(sql), sql);
        }
    }

    #[test]
    fn the_parser_gets_numbered_parameters_with_their_places() {
        let tokens = read("SELECT a=?,\n ?-?").unwrap();
        let parameters = tokens.iter().filter(|token| matches!(token.token, Token::Placeholder(_)));
        let found: Vec<_> =
            parameters.map(|token| (token.token.to_string(), token.span.start.line, token.span.start.column)).collect();
        let expected = [("$1", 1, 10), ("$2", 2, 2), ("$3", 2, 4)];
        assert_eq!(found, expected.map(|(name, line, column)| (name.to_owned(), line, column)));
        let shown: String = tokens.iter().map(|token| token.token.to_string()).collect();
        assert_eq!(shown, "SELECT a=$1,\n $2-$3");
    }
}
