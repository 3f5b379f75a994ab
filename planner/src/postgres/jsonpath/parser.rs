//! The grammar of `jsonpath`.

use super::ast::{Comparison, Expression, JsonPath, Predicate, Start};
use super::lexer::{Token, Word, leading_blanks, syntax_error, words};
use super::pattern::Pattern;
use crate::postgres::error::{ValueError, ValueResult};

mod arithmetic;
mod steps;

/// How deep paths nest, as what reads them and walks over them is recursive: chained steps count once, operators twice,
/// parentheses and subscripts more, for the operators of all kinds that are looked for in them. PostgreSQL walks over
/// 3,000 steps or 8,000 operators in its stack of 2 MB. These take two thirds of such a stack without optimization,
/// however they are mixed.
const MAX_DEPTH: usize = 500;
const STEP_DEPTH: usize = 1;
const OPERATOR_DEPTH: usize = 2;
const NESTING_DEPTH: usize = 10;

impl JsonPath {
    /// Reads a text, as `jsonpath_in` does.
    pub(crate) fn parse(text: &str) -> ValueResult<Self> {
        let (words, end) = words(text);
        let mut parser =
            Parser { text, words, end, misplaced: Ok(()), at: 0, depth: 0, height: 0, filters: 0, subscripts: 0 };
        if parser.words.is_empty() {
            let empty = || ValueError::new("22P02", format!("invalid input syntax for type jsonpath: \"{text}\""));
            return parser.end.and_then(|()| Err(empty()));
        }
        let is_strict = parser.takes_keyword("strict");
        if !is_strict {
            parser.takes_keyword("lax");
        }
        let root = parser.any()?.into_expression();
        if parser.peek().is_some() {
            return Err(parser.error());
        }
        parser.end.and(parser.misplaced).map(|()| Self { is_strict, root })
    }
}

/// What may be one or the other until its end is read.
enum Parsed {
    Expression(Expression),
    Predicate(Predicate),
}

impl Parsed {
    fn into_expression(self) -> Expression {
        match self {
            Self::Expression(expression) => expression,
            Self::Predicate(predicate) => start(Start::Predicate(Box::new(predicate))),
        }
    }
}

fn start(start: Start) -> Expression {
    Expression { start, steps: Vec::new() }
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Word>,
    /// What is wrong after the words.
    end: ValueResult<()>,
    /// The first `@` or `last` that means nothing, which is an error after all others.
    misplaced: ValueResult<()>,
    at: usize,
    /// What is open around this place.
    depth: usize,
    /// What nests in the expression, predicate or step that was read last.
    height: usize,
    /// Filters and subscripts around this place, where `@` and `last` mean something.
    filters: usize,
    subscripts: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.words.get(self.at).map(|word| &word.token)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn takes_symbol(&mut self, symbol: char) -> bool {
        self.takes(&Token::Symbol(symbol))
    }

    fn expect_symbol(&mut self, symbol: char) -> ValueResult<()> {
        if self.takes_symbol(symbol) { Ok(()) } else { Err(self.error()) }
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        // PostgreSQL wants these three in lower case.
        let is_exact = matches!(keyword, "null" | "true" | "false");
        match self.peek() {
            Some(Token::Name(name)) => name == keyword || (!is_exact && name.eq_ignore_ascii_case(keyword)),
            _ => false,
        }
    }

    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let is_next = self.is_keyword(keyword);
        self.at += usize::from(is_next);
        is_next
    }

    /// The error for the word that comes next.
    fn error(&self) -> ValueError {
        let Some(word) = self.words.get(self.at) else {
            return self.end.clone().err().unwrap_or_else(|| syntax_error(None));
        };
        match &word.token {
            // PostgreSQL has read on to see where a name ends, and shows what it has read last.
            Token::Name(_) => syntax_error(self.text.get(word.end..).and_then(leading_blanks)),
            Token::String(_) => syntax_error(Some("\"")),
            _ => match self.text.get(word.start..word.end) {
                Some(variable) if variable.ends_with('"') => syntax_error(Some("\"")),
                text => syntax_error(text),
            },
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> ValueResult<T>) -> ValueResult<T> {
        let result = self.within(read)?;
        self.grow(self.height + NESTING_DEPTH)?;
        Ok(result)
    }

    /// Reads what stands in parentheses of which nothing is left after that.
    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> ValueResult<T>) -> ValueResult<T> {
        self.depth += NESTING_DEPTH;
        check_depth(self.depth)?;
        let result = read(self)?;
        self.depth -= NESTING_DEPTH;
        Ok(result)
    }

    fn grow(&mut self, height: usize) -> ValueResult<()> {
        self.height = height;
        check_depth(height)
    }

    fn any(&mut self) -> ValueResult<Parsed> {
        self.chain(Self::conjunction, &Token::Or, Predicate::Or)
    }

    fn conjunction(&mut self) -> ValueResult<Parsed> {
        self.chain(Self::negation, &Token::And, Predicate::And)
    }

    fn chain(
        &mut self,
        mut operand: impl FnMut(&mut Self) -> ValueResult<Parsed>,
        operator: &Token,
        join: impl Fn(Box<Predicate>, Box<Predicate>) -> Predicate,
    ) -> ValueResult<Parsed> {
        let mut left = operand(self)?;
        while let Parsed::Predicate(first) = left {
            let height = self.height;
            if !self.takes(operator) {
                left = Parsed::Predicate(first);
                break;
            }
            match operand(self)? {
                Parsed::Predicate(second) => left = Parsed::Predicate(join(Box::new(first), Box::new(second))),
                Parsed::Expression(_) => return Err(self.error()),
            }
            self.grow(height.max(self.height) + OPERATOR_DEPTH)?;
        }
        Ok(left)
    }

    fn predicate(&mut self) -> ValueResult<Predicate> {
        match self.any()? {
            Parsed::Predicate(predicate) => Ok(predicate),
            Parsed::Expression(_) => Err(self.error()),
        }
    }

    fn expression(&mut self) -> ValueResult<Expression> {
        match self.sum()? {
            Parsed::Expression(expression) => Ok(expression),
            Parsed::Predicate(_) => Err(self.error()),
        }
    }

    fn negation(&mut self) -> ValueResult<Parsed> {
        if self.takes(&Token::Not) {
            let negated = match self.takes_keyword("exists") {
                true => self.exists()?,
                false => self.predicate_in_parentheses()?,
            };
            return Ok(Parsed::Predicate(Predicate::Not(Box::new(negated))));
        }
        // A method of that name would have a point before it.
        if self.takes_keyword("exists") {
            return self.exists().map(Parsed::Predicate);
        }
        self.comparison()
    }

    fn exists(&mut self) -> ValueResult<Predicate> {
        self.expect_symbol('(')?;
        let path = self.deeper(Self::expression)?;
        self.expect_symbol(')')?;
        Ok(Predicate::Exists(path))
    }

    fn predicate_in_parentheses(&mut self) -> ValueResult<Predicate> {
        self.expect_symbol('(')?;
        let predicate = self.deeper(Self::predicate)?;
        self.expect_symbol(')')?;
        Ok(predicate)
    }

    fn comparison(&mut self) -> ValueResult<Parsed> {
        let left = match self.sum()? {
            Parsed::Expression(left) => left,
            Parsed::Predicate(predicate) => {
                if !self.takes_keyword("is") {
                    return Ok(Parsed::Predicate(predicate));
                }
                return match self.takes_keyword("unknown") {
                    true => Ok(Parsed::Predicate(Predicate::IsUnknown(Box::new(predicate)))),
                    false => Err(self.error()),
                };
            }
        };
        let comparison = match self.peek() {
            Some(Token::Equal) => Comparison::Equal,
            Some(Token::NotEqual) => Comparison::NotEqual,
            Some(Token::Less) => Comparison::Less,
            Some(Token::Greater) => Comparison::Greater,
            Some(Token::LessOrEqual) => Comparison::LessOrEqual,
            Some(Token::GreaterOrEqual) => Comparison::GreaterOrEqual,
            _ => return self.text_comparison(left),
        };
        self.at += 1;
        let height = self.height;
        let right = self.expression()?;
        self.grow(height.max(self.height) + OPERATOR_DEPTH)?;
        Ok(Parsed::Predicate(Predicate::Compare(comparison, left, right)))
    }

    fn text_comparison(&mut self, left: Expression) -> ValueResult<Parsed> {
        if self.takes_keyword("starts") {
            if !self.takes_keyword("with") {
                return Err(self.error());
            }
            let prefix = match self.peek().cloned() {
                Some(Token::String(text)) => Start::String(text),
                Some(Token::Variable(name)) => Start::Variable(name),
                _ => return Err(self.error()),
            };
            self.at += 1;
            return Ok(Parsed::Predicate(Predicate::StartsWith(left, start(prefix))));
        }
        if self.takes_keyword("like_regex") {
            let pattern = self.string()?;
            let flags = if self.takes_keyword("flag") { self.string()? } else { String::new() };
            let pattern = Pattern::new(&pattern, &flags)?;
            return Ok(Parsed::Predicate(Predicate::LikeRegex(left, pattern)));
        }
        Ok(Parsed::Expression(left))
    }

    fn string(&mut self) -> ValueResult<String> {
        match self.peek().cloned() {
            Some(Token::String(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    fn primary(&mut self) -> ValueResult<Parsed> {
        if self.takes_symbol('(') {
            let inner = self.within(Self::any)?;
            self.expect_symbol(')')?;
            if matches!(inner, Parsed::Predicate(_)) && !self.is_before_step() {
                return Ok(inner);
            }
            let mut expression = inner.into_expression();
            self.steps(&mut expression.steps)?;
            return Ok(Parsed::Expression(expression));
        }
        let first = match self.peek().cloned() {
            Some(Token::String(text)) => Start::String(text),
            Some(Token::Number(number, _)) => Start::Number(number),
            Some(Token::Variable(name)) => Start::Variable(name),
            Some(Token::Symbol('$')) => Start::Root,
            Some(Token::Symbol('@')) => {
                self.check_place(self.filters, "@ is not allowed in root expressions");
                Start::Current
            }
            _ if self.is_keyword("null") => Start::Null,
            _ if self.is_keyword("true") => Start::Bool(true),
            _ if self.is_keyword("false") => Start::Bool(false),
            _ if self.is_keyword("last") => {
                self.check_place(self.subscripts, "LAST is allowed only in array subscripts");
                Start::Last
            }
            _ => return Err(self.error()),
        };
        self.at += 1;
        self.height = 0;
        let mut expression = start(first);
        self.steps(&mut expression.steps)?;
        Ok(Parsed::Expression(expression))
    }

    fn check_place(&mut self, around: usize, message: &str) {
        if around == 0 && self.misplaced.is_ok() {
            self.misplaced = Err(ValueError::new("42601", message));
        }
    }
}

fn check_depth(depth: usize) -> ValueResult<()> {
    match depth > MAX_DEPTH {
        true => Err(ValueError::new("54001", "stack depth limit exceeded")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::exists;
    use super::{JsonPath, MAX_DEPTH, NESTING_DEPTH, OPERATOR_DEPTH, STEP_DEPTH};

    #[test]
    fn errors_are_those_of_postgresql() {
        for (path, sqlstate, message) in [
            ("", "22P02", "invalid input syntax for type jsonpath: \"\""),
            ("$.", "42601", "syntax error at end of jsonpath input"),
            ("@.a", "42601", "@ is not allowed in root expressions"),
            ("last", "42601", "LAST is allowed only in array subscripts"),
            ("01", "42601", "trailing junk after numeric literal at or near \"01\" of jsonpath input"),
            ("1.type()", "42601", "trailing junk after numeric literal at or near \"1.t\" of jsonpath input"),
            ("$.a == 1 == 2", "42601", "syntax error at or near \"==\" of jsonpath input"),
            ("($.a == 1) + 1", "42601", "syntax error at or near \"+\" of jsonpath input"),
            ("$.decimal(1,2,3)", "42601", "invalid input syntax for type jsonpath"),
            ("$ like_regex \"a\" flag \"z\"", "42601", "invalid input syntax for type jsonpath"),
            ("\"\\u0000\"", "22P05", "unsupported Unicode escape sequence"),
        ] {
            let error = JsonPath::parse(path).expect_err(path);
            assert_eq!((error.sqlstate, error.message.as_str()), (sqlstate, message), "{path}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        for path in [
            "(".repeat(9999),
            "1+".repeat(9999) + "1",
            "-".repeat(9999) + "$",
            "$?(1==1||".repeat(9999),
            "$[".repeat(9999),
            "$".to_owned() + &"[0]".repeat(9999),
            "$".to_owned() + &".**".repeat(9999),
            "$".to_owned() + &".abs()".repeat(9999),
            "$".to_owned() + &" ? (@ == 1)".repeat(9999),
            // What stands in parentheses counts together with what follows.
            in_parentheses("$", &"[0]".repeat(400)),
            in_parentheses("1", &"+1".repeat(400)),
            in_parentheses("$ ? (1 == 1", &" && 1 == 1".repeat(400)),
            format!("${0} ? (@{0} == 1)", ".a".repeat(400)),
            format!("${}{}", "[0]".repeat(400), "+1".repeat(400)),
        ] {
            let start: String = path.chars().take(20).collect();
            assert_eq!(JsonPath::parse(&path).map_err(|error| error.sqlstate), Err("54001"), "{start}");
        }
    }

    /// As deep as that and twice.
    fn in_parentheses(start: &str, rest: &str) -> String {
        match start.split_once('(') {
            Some((before, first)) => format!("{before}((({first}{rest}){rest}){rest})"),
            None => format!("(({start}{rest}){rest}){rest}"),
        }
    }

    #[test]
    fn what_is_read_can_be_applied() {
        let most = MAX_DEPTH - NESTING_DEPTH;
        let filters = MAX_DEPTH / (2 * NESTING_DEPTH + 1);
        for (path, document) in [
            (format!("${}", "[0]".repeat(most)), "1"),
            (format!("${}", ".**".repeat(MAX_DEPTH)), "1"),
            (format!("${}", ".abs()".repeat(MAX_DEPTH)), "1"),
            (format!("${}", ".keyvalue()".repeat(MAX_DEPTH)), "{\"a\": 1}"),
            (format!("${}", " ? (@ == 1)".repeat(most - OPERATOR_DEPTH)), "1"),
            (format!("$ ? (@{} == 1)", "[*]".repeat(most - OPERATOR_DEPTH - STEP_DEPTH)), "1"),
            (format!("1{}", "+1".repeat(MAX_DEPTH / OPERATOR_DEPTH)), "1"),
            (format!("${}{}", " ? (exists(@".repeat(filters), "))".repeat(filters)), "1"),
        ] {
            let start: String = path.chars().take(20).collect();
            let parsed = JsonPath::parse(&path).expect(&start);
            assert!(exists(&parsed, document, None, true).is_ok(), "{start}");
            assert!(parsed.to_string().len() > filters, "{start}");
        }
    }
}
