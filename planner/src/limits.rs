//! The limits of a query, and the check of its text before anything recursive sees it.

use std::path::PathBuf;
use std::time::Duration;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use crate::error::{Error, Result};

/// What queries may use together and each.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory of all running queries together, in bytes. What needs more spills to disk or fails.
    pub memory_bytes: usize,
    /// Where queries spill: a folder of this server alone.
    pub spill_dir: PathBuf,
    /// Disk of all running queries together, in bytes.
    pub spill_bytes: u64,
    /// How long a query may take, planning and sending its result included.
    pub timeout: Duration,
    /// How many queries run at a time.
    pub max_queries: usize,
    /// How long a query waits until it may run.
    pub queue_timeout: Duration,
    /// Memory for results that are kept, in bytes.
    pub result_cache_bytes: u64,
    /// Memory for columns of tables that are kept, in bytes: of what the server has, so much is not the queries'.
    pub cache_bytes: u64,
}

impl Limits {
    /// All that is counted, in bytes.
    pub(crate) fn all_bytes(&self) -> usize {
        let kept = self.result_cache_bytes.saturating_add(self.cache_bytes);
        self.memory_bytes.saturating_add(usize::try_from(kept).unwrap_or(usize::MAX))
    }
}

/// SQL longer than this is data in disguise; a parameter or a table carries it better.
pub const MAX_SQL_BYTES: usize = 1 << 20;
/// Operators in one statement. A chain of them is a tree as deep as it is long, which planning walks many
/// times: 1,000 plan within a second, 5,000 within half a minute, 10,000 overflowed the stack.
const MAX_OPERATORS: usize = 1_000;

/// Words, values and signs in one statement, such as a list of 65,000 numbers with their commas. Each takes half a kilobyte
/// while the statement is read.
const MAX_TOKENS: usize = 131_072;

/// Parentheses in one statement. Whatever they belong to takes a kilobyte while it is read.
const MAX_PARENTHESES: usize = 32_768;

/// What the parser reads within itself without counting: EXPLAIN of EXPLAIN, and types that are tables of columns.
const MAX_UNCOUNTED: usize = 64;

/// Refuses statements that would cost much to read.
pub(crate) fn check_length(sql: &str) -> Result<()> {
    if sql.len() > MAX_SQL_BYTES {
        return Err(Error::TooLarge(format!(
            "the statement has {} bytes; at most {MAX_SQL_BYTES} are read. Pass values as parameters",
            sql.len()
        )));
    }
    Ok(())
}

/// Refuses statements of which reading would take much memory; of many spaces in a row one is kept then.
pub(crate) fn check_count(tokens: &mut Vec<TokenWithSpan>) -> Result<()> {
    if tokens.len() <= MAX_TOKENS {
        return Ok(());
    }
    let is_space = |token: &TokenWithSpan| {
        matches!(token.token, Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab))
    };
    tokens.dedup_by(|next, before| is_space(next) && is_space(before));
    let words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
    if words > MAX_TOKENS {
        return Err(Error::TooLarge(format!(
            "the statement has {words} words and signs; at most {MAX_TOKENS} are read. Pass values as parameters"
        )));
    }
    Ok(())
}

/// Refuses statements that would cost much before they run.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<()> {
    let operators = tokens.iter().filter(|token| is_operator(&token.token)).count();
    if operators > MAX_OPERATORS {
        return Err(Error::TooLarge(format!(
            "the statement has {operators} operators; at most {MAX_OPERATORS} are planned. Write a list as IN (...) or = ANY($1)"
        )));
    }
    let parentheses = tokens.iter().filter(|token| token.token == Token::LParen).count();
    if parentheses > MAX_PARENTHESES {
        return Err(Error::TooLarge(format!(
            "the statement has {parentheses} parentheses; at most {MAX_PARENTHESES} are read. Pass values as parameters"
        )));
    }
    let words = || tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_)));
    let uncounted = words().zip(words().skip(1)).filter(|(token, next)| match token {
        Token::Word(word) => match word.keyword {
            Keyword::EXPLAIN => true,
            Keyword::TABLE => **next == Token::LParen,
            _ => false,
        },
        _ => false,
    });
    if uncounted.count() > MAX_UNCOUNTED {
        return Err(Error::TooLarge(format!(
            "the statement has more EXPLAIN, or types that are a TABLE, than can be read; at most {MAX_UNCOUNTED} are"
        )));
    }
    Ok(())
}

/// Whether the token makes the tree of an expression or of a query deeper: any symbol that is no punctuation,
/// and the words that stand for operators.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::AT
                | Keyword::BETWEEN
                | Keyword::CASE
                | Keyword::EXCEPT
                | Keyword::ILIKE
                | Keyword::INTERSECT
                | Keyword::IS
                | Keyword::JOIN
                | Keyword::LIKE
                | Keyword::NOT
                | Keyword::OR
                | Keyword::SELECT
                | Keyword::SIMILAR
                | Keyword::UNION
        ),
        Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Period
        | Token::SemiColon
        | Token::Number(..)
        | Token::Placeholder(_)
        | Token::Whitespace(_)
        | Token::EOF => false,
        literal if is_string(literal) => false,
        _ => true,
    }
}

fn is_string(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens;

    fn check_text(sql: &str) -> Result<()> {
        check_length(sql)?;
        check_tokens(&tokens::read(sql)?)
    }

    #[test]
    fn long_chains_are_refused_and_long_lists_are_not() {
        for operator in ["+", " & ", " # ", " = ", " OR ", "::text||", " IS DISTINCT FROM "] {
            let chain = format!("SELECT {}", vec!["1"; 2_000].join(operator));
            let message = check_text(&chain).unwrap_err().to_string();
            assert!(message.contains("operators; at most 1000 are planned"), "{operator}: {message}");
        }
        let list = format!("SELECT 1 WHERE 1 IN ({})", vec!["1"; 20_000].join(","));
        check_text(&list).unwrap();
    }

    #[test]
    fn so_many_words_are_read() {
        let list = |count| format!("SELECT 1 WHERE 1 IN ({})", vec!["1"; count].join(", "));
        check_text(&list(MAX_TOKENS / 2 - 4)).unwrap();
        let message = check_text(&list(MAX_TOKENS / 2)).unwrap_err().to_string();
        assert!(message.contains("words and signs; at most 131072 are read"), "{message}");
        check_text(&format!("SELECT{}1", " ".repeat(MAX_TOKENS * 2))).unwrap();
    }

    #[test]
    fn so_many_parentheses_are_read() {
        let calls = |count| format!("SELECT {}1", "(".repeat(count));
        check_text(&calls(MAX_PARENTHESES)).unwrap();
        let message = check_text(&calls(MAX_PARENTHESES + 1)).unwrap_err().to_string();
        assert!(message.contains("at most 32768 are read"), "{message}");
    }

    #[test]
    fn what_the_parser_reads_within_itself_without_counting_is_refused() {
        for (first, repeated, last) in [
            ("", "EXPLAIN ", "SELECT 1"),
            ("", "EXPLAIN (ANALYZE) ", "SELECT 1"),
            ("SELECT NULL::", "TABLE (a ", "int"),
        ] {
            let text = |depth| format!("{first}{}{last}", repeated.repeat(depth));
            let message = check_text(&text(65)).unwrap_err().to_string();
            assert!(message.contains("at most 64 are"), "{repeated}: {message}");
            check_text(&text(64)).unwrap();
        }
    }

    #[test]
    fn an_unterminated_string_is_a_syntax_error_with_its_place() {
        let message = check_text("SELECT 'x").unwrap_err().to_string();
        assert!(message.contains("Line: 1, Column: 8"), "{message}");
    }
}
