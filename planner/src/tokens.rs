//! The statement's tokens, as PostgreSQL's lexer reads them. The parser's own lexer knows no `0b11` or `1e1_0`, takes
//! `1a` for a number with an alias, and ends operators elsewhere (`>-` is one, and `!=-` are two). What its parser does
//! not know (ISNULL, COLLATE behind a cast, BETWEEN SYMMETRIC, LIKE ALL, TABLE) it gets in other words. Every token
//! keeps its place in the text, for what errors say.

mod number;
mod question_mark;

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace};

use self::number::{MAX_DIGITS, NoNumber, number};
use crate::error::{Error, Result};
use crate::limits::check_count;
use crate::operators::{AT_LOCAL, COLLATE, SYMMETRIC};

pub(crate) use self::question_mark::{Meaning, QuestionMark, ends_operand, question_marks};

/// Of which at least most texts have for each token. The tokens of a long one are not copied as they become more.
const BYTES_OF_TOKEN: usize = 2;
/// How deep VALUES are looked into. The parser allows no more either.
const MAX_NESTED: usize = 64;

/// The tokens of a statement.
pub(crate) fn read(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let mut tokens = Vec::with_capacity(sql.len() / BYTES_OF_TOKEN);
    Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location_into_buf(&mut tokens)
        .map_err(|error| Error::Syntax(error.to_string()))?;
    check_count(&mut tokens)?;
    // Definitions of columns have words that mean something else, and are refused anyway.
    let first = tokens.iter().map(|token| &token.token).find(|token| !is_space(token));
    if matches!(first, Some(Token::Word(word)) if matches!(word.keyword, Keyword::CREATE | Keyword::ALTER)) {
        return Ok(tokens);
    }
    let starts = starts(sql, &tokens);
    let marks = question_marks(sql, &tokens, &starts);
    let read = Vec::with_capacity(tokens.len());
    Reading { sql, tokens, starts, marks, next: 0, read, ends_of_values: Vec::new() }.run()
}

/// The byte at which each token starts.
pub(crate) fn starts(sql: &str, tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(tokens.len() + 1);
    let mut place = Location::new(1, 1);
    let mut characters = sql.char_indices();
    let mut offset = 0;
    for token in tokens {
        while place < token.span.start {
            let Some((at, character)) = characters.next() else { break };
            offset = at + character.len_utf8();
            place = match character {
                '\n' => Location::new(place.line + 1, 1),
                _ => Location::new(place.line, place.column + 1),
            };
        }
        starts.push(offset);
    }
    starts.push(sql.len());
    starts
}

struct Reading<'a> {
    sql: &'a str,
    tokens: Vec<TokenWithSpan>,
    starts: Vec<usize>,
    marks: Vec<QuestionMark>,
    next: usize,
    read: Vec<TokenWithSpan>,
    /// The tokens behind lists of VALUES that are in a FROM here.
    ends_of_values: Vec<usize>,
}

impl Reading<'_> {
    fn run(mut self) -> Result<Vec<TokenWithSpan>> {
        loop {
            self.end_values();
            let Some(token) = self.tokens.get(self.next) else { break };
            let first = self.text(self.next).chars().next().unwrap_or_default();
            match &token.token {
                Token::Number(..) | Token::HexStringLiteral(_) if first == '.' || first.is_ascii_digit() => {
                    self.number()?;
                }
                Token::Placeholder(name) => {
                    let digits = name.trim_start_matches('$');
                    if digits.starts_with(|first: char| first.is_ascii_digit())
                        && !digits.chars().all(|digit| digit.is_ascii_digit())
                    {
                        return Err(syntax("trailing junk after parameter", token.span.start));
                    }
                    self.keep();
                }
                Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                    // The parser has no keyword of this name.
                    _ if word.value.eq_ignore_ascii_case("isnull") => self.is_null(),
                    Keyword::COLLATE if !self.is_name() => {
                        self.replace(vec![Token::CustomBinaryOperator(COLLATE.to_owned())]);
                    }
                    Keyword::AT if self.word_ahead(1) == Some(Keyword::LOCAL) => {
                        self.replace(vec![Token::CustomBinaryOperator(AT_LOCAL.to_owned())]);
                        self.skip_spaces();
                        self.replace(vec![Token::make_keyword("NULL")]);
                    }
                    Keyword::TABLE if self.may_begin_query() => {
                        self.replace(words(&["SELECT", "*", "FROM"]));
                    }
                    Keyword::VALUES if self.ends_of_values.len() < MAX_NESTED && self.is_subquery_of_expression() => {
                        self.values()
                    }
                    Keyword::NOT | Keyword::LIKE | Keyword::ILIKE if !self.is_name() => self.like(),
                    Keyword::SYMMETRIC | Keyword::ASYMMETRIC if self.is_behind(Keyword::BETWEEN) => {
                        self.symmetric(word.keyword == Keyword::SYMMETRIC);
                    }
                    _ => self.keep(),
                },
                Token::LBrace => return Err(syntax("a brace belongs to no statement", token.span.start)),
                Token::Whitespace(_) => self.keep(),
                _ if is_operator_character(first) => self.operators()?,
                _ => self.keep(),
            }
        }
        Ok(self.read)
    }

    fn text(&self, token: usize) -> &str {
        match self.starts.get(token..=token + 1) {
            Some(&[start, end]) => self.sql.get(start..end).unwrap_or_default(),
            _ => "",
        }
    }

    fn keep(&mut self) {
        self.read.extend(self.tokens.get(self.next).cloned());
        self.next += 1;
    }

    fn skip_spaces(&mut self) {
        while self.tokens.get(self.next).is_some_and(|token| is_space(&token.token)) {
            self.next += 1;
        }
    }

    /// Puts other tokens where one stands.
    fn replace(&mut self, by: Vec<Token>) {
        if let Some(TokenWithSpan { span, .. }) = self.tokens.get(self.next) {
            self.read.extend(by.into_iter().map(|token| TokenWithSpan::new(token, *span)));
        }
        self.next += 1;
    }

    /// Whether a keyword stands where any word is a name: as a label, or behind a period.
    fn is_name(&self) -> bool {
        self.before() == Some(&Token::Period) || self.is_behind(Keyword::AS)
    }

    fn is_behind(&self, keyword: Keyword) -> bool {
        matches!(self.before(), Some(Token::Word(word)) if word.keyword == keyword)
    }

    fn before(&self) -> Option<&Token> {
        self.backwards().next()
    }

    fn backwards(&self) -> impl Iterator<Item = &Token> {
        self.read.iter().rev().map(|token| &token.token).filter(|token| !is_space(token))
    }

    fn word_ahead(&self, count: usize) -> Option<Keyword> {
        match self.ahead().nth(count) {
            Some((_, Token::Word(word))) => Some(word.keyword),
            _ => None,
        }
    }

    fn may_begin_query(&self) -> bool {
        match self.before() {
            None | Some(Token::LParen | Token::RParen) => true,
            Some(Token::Word(word)) => {
                use Keyword::{ALL, DISTINCT, EXCEPT, INTERSECT, UNION};
                matches!(word.keyword, UNION | EXCEPT | INTERSECT | ALL | DISTINCT)
            }
            _ => false,
        }
    }

    /// Whether VALUES stands where the parser knows SELECT alone, and takes it for a function.
    fn is_subquery_of_expression(&self) -> bool {
        let mut backwards = self.backwards();
        matches!(self.ahead().nth(1), Some((_, Token::LParen)))
            && backwards.next() == Some(&Token::LParen)
            && match backwards.next() {
                None | Some(Token::LParen) => false,
                Some(Token::Word(word)) => !matches!(
                    word.keyword,
                    Keyword::FROM
                        | Keyword::JOIN
                        | Keyword::LATERAL
                        | Keyword::AS
                        | Keyword::MATERIALIZED
                        | Keyword::IN
                        | Keyword::UNION
                        | Keyword::EXCEPT
                        | Keyword::INTERSECT
                ),
                Some(_) => true,
            }
    }

    /// `VALUES (1), (2)` becomes `SELECT * FROM (VALUES (1), (2)) AS "values"`.
    fn values(&mut self) {
        let mut depth = 0_usize;
        let mut end = self.next;
        for (place, token) in self.ahead().skip(1) {
            match token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen => depth -= 1,
                Token::Comma => {}
                _ if depth == 0 => break,
                _ => {}
            }
            end = place + 1;
        }
        self.ends_of_values.push(end);
        self.replace(words(&["SELECT", "*", "FROM", "(", "VALUES"]));
    }

    fn end_values(&mut self) {
        while self.ends_of_values.last() == Some(&self.next) {
            self.ends_of_values.pop();
            let span = self.read.last().map_or(Span::empty(), |token| token.span);
            let name = Token::make_word("values", Some('"'));
            let close = [Token::RParen, space(), Token::make_keyword("AS"), space(), name];
            self.read.extend(close.into_iter().map(|token| TokenWithSpan::new(token, span)));
        }
    }

    /// The next tokens that are no space, with their places in the list.
    fn ahead(&self) -> impl Iterator<Item = (usize, &Token)> {
        let ahead = self.tokens.get(self.next..).unwrap_or_default();
        let ahead = ahead.iter().enumerate().map(|(place, token)| (self.next + place, &token.token));
        ahead.filter(|(_, token)| !is_space(token))
    }

    fn like(&mut self) {
        let Some((operator, next)) = self.like_quantified() else { return self.keep() };
        self.replace(vec![operator]);
        self.next = next;
    }

    /// LIKE ALL, which the parser does not know, is `~~ ALL`, which it does.
    fn like_quantified(&self) -> Option<(Token, usize)> {
        let mut ahead = self.ahead();
        let mut word = || match ahead.next() {
            Some((place, Token::Word(word))) => Some((place, word.keyword)),
            _ => None,
        };
        let mut first = word()?;
        let negated = first.1 == Keyword::NOT;
        if negated {
            first = word()?;
        }
        let operator = match (first.1, negated) {
            (Keyword::LIKE, false) => Token::DoubleTilde,
            (Keyword::LIKE, true) => Token::ExclamationMarkDoubleTilde,
            (Keyword::ILIKE, false) => Token::DoubleTildeAsterisk,
            (Keyword::ILIKE, true) => Token::ExclamationMarkDoubleTildeAsterisk,
            _ => return None,
        };
        matches!(word()?.1, Keyword::ALL | Keyword::SOME).then_some((operator, first.0 + 1))
    }

    /// ASYMMETRIC says what is so without it.
    fn symmetric(&mut self, is_so: bool) {
        self.replace(match is_so {
            true => vec![Token::make_keyword("NULL"), Token::CustomBinaryOperator(SYMMETRIC.to_owned())],
            false => Vec::new(),
        });
    }

    fn is_null(&mut self) {
        let is_call = matches!(self.ahead().nth(1), Some((_, Token::LParen)));
        if is_call || self.is_name() {
            return self.keep();
        }
        self.replace(words(&["IS", "NULL"]));
    }

    /// A number, of which the lexer may have made several tokens.
    fn number(&mut self) -> Result<()> {
        let Some((&TokenWithSpan { span, .. }, &start)) = self.tokens.get(self.next).zip(self.starts.get(self.next))
        else {
            return Ok(());
        };
        let (length, digits) = number(self.sql.get(start..).unwrap_or_default()).map_err(|why| match why {
            NoNumber::Malformed(why) => syntax(why, span.start),
            NoNumber::TooLong => Error::TooLarge(format!(
                "a number in another base has more than {MAX_DIGITS} digits{}",
                place_of(span.start)
            )),
        })?;
        let end = moved(span.start, length);
        self.read.push(TokenWithSpan::new(Token::Number(digits, false), Span::new(span.start, end)));
        self.skip_to(start + length);
        Ok(())
    }

    fn skip_to(&mut self, end: usize) {
        while self.next < self.tokens.len() && self.starts.get(self.next).is_some_and(|start| *start < end) {
            self.next += 1;
        }
    }

    /// Operators without space between them.
    fn operators(&mut self) -> Result<()> {
        let Some((&TokenWithSpan { span, .. }, &start)) = self.tokens.get(self.next).zip(self.starts.get(self.next))
        else {
            return Ok(());
        };
        let run = operators_of(self.sql.get(start..).unwrap_or_default());
        let end = start + run.len();
        let mut from = start;
        while from < end {
            let first = self.marks.partition_point(|mark| mark.start < from);
            let mark = self.marks.get(first).copied().filter(|mark| mark.start < end);
            let place = moved(span.start, from - start);
            match mark {
                Some(mark) if mark.start == from => {
                    let token = match mark.meaning {
                        Meaning::Parameter(number) => Token::Placeholder(format!("${number}")),
                        Meaning::Operator(operator) => operator_token(operator),
                    };
                    self.read.push(TokenWithSpan::new(token, Span::new(place, moved(place, mark.length))));
                    self.skip_to(mark.end());
                    from = mark.end();
                }
                _ => {
                    let to = mark.map_or(end, |mark| mark.start);
                    self.plain_operators(self.sql.get(from..to).unwrap_or_default(), from, place);
                    from = to;
                }
            }
        }
        // The lexer takes a comment, and what follows `&>`, for a part of the operator.
        let swallowed = self.starts.get(self.next).and_then(|next| self.sql.get(end..*next)).unwrap_or_default();
        if !swallowed.trim().is_empty() {
            return Err(syntax("put a space behind the operator", span.start));
        }
        Ok(())
    }

    /// Operators that are what they look like.
    fn plain_operators(&mut self, run: &str, start: usize, place: Location) {
        let mut from = 0;
        while from < run.len() {
            // Behind the first there are only signs left.
            let length = if from == 0 { operator_length(run) } else { 1 };
            let operator = &run[from..from + length];
            let is_same = self.starts.get(self.next) == Some(&(start + from)) && self.text(self.next) == operator;
            let own = self.tokens.get(self.next).filter(|_| is_same);
            if own.is_some_and(|own| is_token_of(&own.token, operator)) {
                self.keep();
            } else {
                let place = moved(place, from);
                let span = Span::new(place, moved(place, operator.len()));
                self.read.push(TokenWithSpan::new(operator_token(operator), span));
                self.skip_to(start + from + operator.len());
            }
            from += operator.len();
        }
    }
}

/// The operators that a text begins with, up to where something else or a comment does.
fn operators_of(text: &str) -> &str {
    let run = text.find(|character| !is_operator_character(character)).map_or(text, |end| &text[..end]);
    ["--", "/*"].iter().filter_map(|comment| run.find(comment)).min().map_or(run, |end| &run[..end])
}

fn space() -> Token {
    Token::Whitespace(Whitespace::Space)
}

/// Keywords and symbols with spaces between them.
fn words(words: &[&str]) -> Vec<Token> {
    let token = |word: &&str| match *word {
        "*" => Token::Mul,
        "(" => Token::LParen,
        keyword => Token::make_keyword(keyword),
    };
    words.iter().map(token).flat_map(|token| [token, space()]).collect()
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

fn is_operator_character(character: char) -> bool {
    "~!@#^&|`?+-*/%<>=".contains(character)
}

/// The length of the operator that begins a run of its characters. Only with certain characters in it may one
/// end in a sign, which otherwise belongs to what follows.
fn operator_length(run: &str) -> usize {
    match run.trim_end_matches(['+', '-']) {
        "" => 1,
        unsigned if unsigned.contains(['~', '!', '@', '#', '^', '&', '|', '`', '?', '%']) => run.len(),
        unsigned => unsigned.len(),
    }
}

/// The lexer's token for an operator, or one that the parser takes for an operator that someone defined.
fn operator_token(operator: &str) -> Token {
    match Tokenizer::new(&PostgreSqlDialect {}, operator).tokenize().as_deref() {
        Ok([token]) if is_token_of(token, operator) => token.clone(),
        _ => Token::CustomBinaryOperator(operator.to_owned()),
    }
}

/// Not every token is what was written: `==` is `=` to the parser, and `<|` another operator to the lexer.
fn is_token_of(token: &Token, operator: &str) -> bool {
    match operator {
        "==" => false,
        "!=" => *token == Token::Neq,
        _ => token.to_string() == operator,
    }
}

/// A place further right, by characters of ASCII.
fn moved(place: Location, by: usize) -> Location {
    Location::new(place.line, place.column + by as u64)
}

/// The end of a message of a syntax error. What no text says has no place.
pub(crate) fn place_of(place: Location) -> String {
    match place.line {
        0 => String::new(),
        line => format!(" at Line: {line}, Column: {}", place.column),
    }
}

fn syntax(why: &str, place: Location) -> Error {
    Error::Syntax(format!("{why}{}", place_of(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> String {
        read(sql).unwrap().iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn numbers_have_bases_and_underscores() {
        for (written, meant) in [
            ("0b11", "3"),
            ("0o17", "15"),
            ("0xFF", "255"),
            ("0X_ff_ff", "65535"),
            ("1_000.000_1", "1000.0001"),
            ("1e1_0", "1e10"),
            (".5e-3", ".5e-3"),
            ("0xffffffffffffffffffff", "1208925819614629174706175"),
            ("0x3b9aca00", "1000000000"),
            ("00b", ""),
        ] {
            match meant {
                "" => assert!(read(written).is_err()),
                _ => {
                    assert_eq!(shown(&format!("SELECT {written}, '{written}'")), format!("SELECT {meant}, '{written}'"))
                }
            }
        }
    }

    #[test]
    fn what_follows_a_number_at_once_is_refused_with_its_place() {
        for sql in ["1a", "1_", "1__0", "1.5e", "1e+", "0b12", "0xfg", "1_000_a", "1.a", "1L", "1.5é", "$1a"] {
            let message = read(&format!("SELECT\n {sql}")).unwrap_err().to_string();
            assert!(message.contains("trailing junk"), "{sql}: {message}");
            assert!(message.ends_with("at Line: 2, Column: 2"), "{sql}: {message}");
        }
        assert!(read("0x").unwrap_err().to_string().contains("invalid hexadecimal integer"));
        assert!(matches!(read(&format!("0x{}", "f".repeat(20_000))), Err(Error::TooLarge(_))));
    }

    #[test]
    fn operators_end_where_postgresql_ends_them() {
        let operators = |sql: &str| -> Vec<String> {
            let tokens = read(sql).unwrap();
            let is_operator = |text: &String| text.starts_with(is_operator_character);
            tokens.iter().map(|token| token.token.to_string()).filter(is_operator).collect()
        };
        for (sql, expected) in [
            ("1>-2", vec![">", "-"]),
            ("1>=-2", vec![">=", "-"]),
            ("1<>-2", vec!["<>", "-"]),
            ("1 !=-2", vec!["!=-"]),
            ("1 !=- 2", vec!["!=-"]),
            ("j->-1", vec!["->", "-"]),
            ("1<<-1", vec!["<<", "-"]),
            ("1||-1", vec!["||-"]),
            ("2^-1", vec!["^-"]),
            ("1=~1", vec!["=~"]),
            ("1==1", vec!["=="]),
            ("1+-+-2", vec!["+", "-", "+", "-"]),
            ("a<-2", vec!["<", "-"]),
            ("f(a=>-1)", vec!["=>", "-"]),
            ("1*-2", vec!["*", "-"]),
            ("1+--2\n3", vec!["+"]),
            ("a &> 2", vec!["&>"]),
        ] {
            let read: Vec<String> = operators(sql).into_iter().filter(|text| !text.starts_with("--")).collect();
            assert_eq!(read, expected, "{sql}");
        }
        assert!(read("1 ||-- x\n 2").unwrap_err().to_string().contains("space"));
    }

    #[test]
    fn what_the_parser_does_not_know_it_gets_in_other_words() {
        for (sql, read) in [
            ("TABLE t ORDER BY 1", "SELECT * FROM  t ORDER BY 1"),
            ("SELECT EXISTS (TABLE t)", "SELECT EXISTS (SELECT * FROM  t)"),
            ("SELECT 1 AS table", "SELECT 1 AS table"),
            (
                "SELECT 1 = ANY (VALUES (1), (f(2)) LIMIT 1)",
                "SELECT 1 = ANY (SELECT * FROM ( VALUES  (1), (f(2))) AS \"values\" LIMIT 1)",
            ),
            ("SELECT 1 IN (VALUES (1))", "SELECT 1 IN (VALUES (1))"),
            ("SELECT * FROM (VALUES (1)) AS t", "SELECT * FROM (VALUES (1)) AS t"),
            ("SELECT a NOT LIKE ALL (b)", "SELECT a !~~ ALL (b)"),
            ("SELECT a ISNULL", "SELECT a IS NULL "),
            ("CREATE TABLE t (a text COLLATE b)", "CREATE TABLE t (a text COLLATE b)"),
        ] {
            assert_eq!(shown(sql), read);
        }
        assert!(read("SELECT {d '2024-01-01'}").is_err());
    }

    #[test]
    fn tokens_keep_their_places() {
        let sql = "SELECT é,\r\n  0xff, a ISNULL, b>-1 COLLATE \"C\" -- 0x\n, 'x''y' AS isnull, t.collate";
        let own = read(sql).unwrap();
        for (token, text) in [
            (Token::Number("255".to_owned(), false), "0xff"),
            (Token::Minus, "-1"),
            (Token::make_keyword("NULL"), "ISNULL"),
            (Token::CustomBinaryOperator("COLLATE".to_owned()), "COLLATE"),
        ] {
            let found = own.iter().find(|own| own.token == token).unwrap();
            let line = sql.lines().nth(found.span.start.line as usize - 1).unwrap();
            let rest: String = line.chars().skip(found.span.start.column as usize - 1).collect();
            assert!(rest.starts_with(text), "{rest}");
        }
        assert_eq!(own.iter().filter(|own| own.token.to_string().eq_ignore_ascii_case("isnull")).count(), 1);
        assert_eq!(own.iter().filter(|own| own.token.to_string() == "collate").count(), 1);
    }
}
