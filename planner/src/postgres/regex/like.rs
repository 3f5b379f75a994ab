//! `LIKE` and `ILIKE`. A pattern is read once for many texts. That it ends with its escape character is a mistake only
//! for texts with which a comparison comes so far, as in PostgreSQL.

use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::text::casing::{lower, lower_char};
use crate::postgres::text::from;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct LikePattern {
    ignores_case: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    /// Texts with `%` between them, and perhaps before and behind them.
    Texts {
        first: String,
        between: Vec<String>,
        last: Option<String>,
    },
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Letter(char),
    AnyLetter,
    AnyText,
    /// An escape character with nothing behind it.
    Escape,
}

impl LikePattern {
    /// `LIKE pattern ESCAPE escape`; without an escape it is the backslash, an empty one stands for none.
    pub(crate) fn new(pattern: &str, escape: Option<&str>) -> ValueResult<Self> {
        Ok(Self { ignores_case: false, matcher: matcher(tokens(pattern, escape_of(escape)?)) })
    }

    /// `ILIKE pattern ESCAPE escape`.
    pub(crate) fn ignoring_case(pattern: &str, escape: Option<&str>) -> ValueResult<Self> {
        let escape = escape_of(escape)?;
        // Case is lost after the escape character has done its work.
        let tokens = tokens(pattern, escape).into_iter().map(lowered).collect();
        Ok(Self { ignores_case: true, matcher: matcher(tokens) })
    }

    /// Whether a text is like the pattern.
    pub(crate) fn is_match(&self, text: &str) -> ValueResult<bool> {
        if self.ignores_case { self.is_match_as_is(&lower(text)) } else { self.is_match_as_is(text) }
    }

    fn is_match_as_is(&self, text: &str) -> ValueResult<bool> {
        match &self.matcher {
            Matcher::Texts { first, between, last } => Ok(has_texts(text, first, between, last.as_deref())),
            Matcher::Tokens(tokens) => matches_tokens(text, tokens),
        }
    }
}

/// The escape character of an `ESCAPE` clause.
pub(super) fn escape_of(escape: Option<&str>) -> ValueResult<Option<char>> {
    let Some(escape) = escape else { return Ok(Some('\\')) };
    let mut letters = escape.chars();
    let first = letters.next();
    match letters.next() {
        None => Ok(first),
        Some(_) => Err(ValueError::new("22025", "invalid escape string")),
    }
}

fn tokens(pattern: &str, escape: Option<char>) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            _ if Some(letter) == escape => letters.next().map_or(Token::Escape, Token::Letter),
            '%' => Token::AnyText,
            '_' => Token::AnyLetter,
            other => Token::Letter(other),
        });
    }
    tokens
}

fn lowered(token: Token) -> Token {
    match token {
        Token::Letter(letter) => Token::Letter(lower_char(letter)),
        other => other,
    }
}

fn matcher(tokens: Vec<Token>) -> Matcher {
    if tokens.iter().any(|token| matches!(token, Token::AnyLetter | Token::Escape)) {
        return Matcher::Tokens(tokens);
    }
    let text = |tokens: &[Token]| -> String {
        tokens.iter().filter_map(|token| if let Token::Letter(letter) = token { Some(*letter) } else { None }).collect()
    };
    let mut parts = tokens.split(|token| *token == Token::AnyText).map(text);
    let first = parts.next().unwrap_or_default();
    let last = parts.next_back();
    Matcher::Texts { first, between: parts.filter(|part| !part.is_empty()).collect(), last }
}

fn has_texts(text: &str, first: &str, between: &[String], last: Option<&str>) -> bool {
    let Some(last) = last else { return text == first };
    let Some(rest) = text.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for part in between {
        match rest.find(part.as_str()) {
            Some(at) => rest = from(rest, at + part.len()),
            None => return false,
        }
    }
    true
}

/// How a comparison up to the next `%` ends.
#[derive(PartialEq, Eq)]
enum Outcome {
    Match,
    Mismatch,
    /// The text is over before the pattern is.
    Over,
}

/// Compares piece by piece. Behind a `%` a piece is tried at one place after the other; only the last `%` that was
/// reached is ever tried again, as a later place for one before it could not help.
fn matches_tokens(text: &str, tokens: &[Token]) -> ValueResult<bool> {
    let (mut text, mut tokens) = (text, tokens);
    // Behind the last `%`: where the piece was tried last, and the piece.
    let mut last_try: Option<(&str, &[Token])> = None;
    loop {
        match compare_piece(&mut text, &mut tokens)? {
            // With no text left, PostgreSQL does not look for an escape character.
            Outcome::Match if text.is_empty() => return Ok(tokens.iter().all(|token| *token == Token::AnyText)),
            Outcome::Match => {
                let Some(place) = skip_any(text, &mut tokens)? else { return Ok(false) };
                if tokens.is_empty() {
                    return Ok(true);
                }
                let Some(place) = next_place(place, tokens) else { return Ok(false) };
                (text, last_try) = (place, Some((place, tokens)));
            }
            Outcome::Over => return Ok(false),
            Outcome::Mismatch => {
                let Some((place, piece)) = last_try else { return Ok(false) };
                let mut letters = place.chars();
                letters.next();
                let Some(place) = next_place(letters.as_str(), piece) else { return Ok(false) };
                (text, tokens, last_try) = (place, piece, Some((place, piece)));
            }
        }
    }
}

/// Skips `%` and the `_` around it; gives the text behind the latter, if there is enough of it.
fn skip_any<'t>(text: &'t str, tokens: &mut &[Token]) -> ValueResult<Option<&'t str>> {
    let mut letters = text.chars();
    while let Some((token @ (Token::AnyText | Token::AnyLetter), behind)) = tokens.split_first() {
        if *token == Token::AnyLetter && letters.next().is_none() {
            return Ok(None);
        }
        *tokens = behind;
    }
    if tokens.first() == Some(&Token::Escape) { Err(ends_with_escape()) } else { Ok(Some(letters.as_str())) }
}

/// The next place at which the first token fits.
fn next_place<'t>(text: &'t str, tokens: &[Token]) -> Option<&'t str> {
    match tokens.first() {
        Some(Token::Letter(letter)) => text.find(*letter).map(|at| from(text, at)),
        _ => (!text.is_empty()).then_some(text),
    }
}

/// Compares as far as there is a character for each token. A match means that the tokens are over, with the text, or
/// that a `%` comes next.
fn compare_piece(text: &mut &str, tokens: &mut &[Token]) -> ValueResult<Outcome> {
    loop {
        let mut letters = text.chars();
        let letter = letters.next();
        match (tokens.split_first(), letter) {
            (Some((Token::AnyText, _)), _) => return Ok(Outcome::Match),
            (None, None) => return Ok(Outcome::Match),
            (None, Some(_)) => return Ok(Outcome::Mismatch),
            (Some(_), None) => return Ok(Outcome::Over),
            (Some((Token::Escape, _)), Some(_)) => return Err(ends_with_escape()),
            (Some((Token::Letter(wanted), _)), Some(letter)) if *wanted != letter => return Ok(Outcome::Mismatch),
            (Some((_, behind)), Some(_)) => {
                *tokens = behind;
                *text = letters.as_str();
            }
        }
    }
}

fn ends_with_escape() -> ValueError {
    ValueError::new("22025", "LIKE pattern must not end with escape character")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> Result<bool, String> {
        LikePattern::new(pattern, None).unwrap().is_match(text).map_err(|error| error.message)
    }

    #[test]
    fn patterns() {
        assert_eq!(like("abc", "a%c"), Ok(true));
        assert_eq!(like("abc", "a_c"), Ok(true));
        assert_eq!(like("aéc", "a_c"), Ok(true));
        assert_eq!(like("a%c", r"a\%c"), Ok(true));
        assert_eq!(like("abc", r"a\%c"), Ok(false));
        assert_eq!(like("aXbXc", "%X_X%"), Ok(true));
        assert_eq!(like("ab", "ab%b"), Ok(false));
        assert_eq!(like("mississippi", "%is%ip_i"), Ok(true));
        let pattern = LikePattern::ignoring_case("É%", None).unwrap();
        assert_eq!(pattern.is_match("éA"), Ok(true));
    }

    #[test]
    fn escapes() {
        let mistake = Err("LIKE pattern must not end with escape character".to_owned());
        assert_eq!(like("abc", r"abc\"), Ok(false));
        assert_eq!(like("abcd", r"abc\"), mistake);
        assert_eq!(like("abc", r"%\"), mistake);
        assert_eq!(like("abc", r"x\"), Ok(false));
        assert_eq!(like("", r"%\"), Ok(false));
        let with = |escape| LikePattern::new("a#%", Some(escape)).and_then(|pattern| pattern.is_match("a%"));
        assert_eq!(with("#"), Ok(true));
        assert_eq!(with(""), Ok(false));
        assert_eq!(with("##").unwrap_err().message, "invalid escape string");
    }
}
