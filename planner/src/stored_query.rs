//! Stored queries: statements that the operator has written down, with a name and with typed parameters, `:name`. They
//! are asked as PostgreSQL asks prepared statements, `EXECUTE name(arguments)`, by any client that can send SQL. What is
//! planned is the stored text, whose parameters are `$1`, `$2` and so on, each cast to its type; what a client writes
//! becomes their values, and no part of any text.

mod constant;
mod execute;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value, visit_expressions};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use self::execute::Given;
use crate::bind::{Tables, bind, check_type};
use crate::error::{Error, Result};
use crate::limits::check_length;
use crate::query::Surroundings;
use crate::statement::{self, query_of};
use crate::tokens::{Meaning, ends_operand, place_of, question_marks, starts};

pub use self::constant::Constant;
pub use self::execute::Execute;

/// PostgreSQL's longest name, in bytes.
const MAX_NAME_BYTES: usize = 63;
/// As many as a function of PostgreSQL may have.
const MAX_PARAMETERS: usize = 100;

/// A parameter of a stored query.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredParameter {
    /// A plain name: see [`is_plain_name`].
    pub name: String,
    /// As SQL names it, for example `int4[]`.
    pub type_name: String,
    /// What it is where it is not given. Without it, it has to be given.
    pub default: Option<Constant>,
}

/// A stored query, read once.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredQuery {
    /// The statement, with `CAST($1 AS type)` for its first parameter.
    sql: String,
    /// The casts alone.
    casts: String,
    parameters: Vec<StoredParameter>,
}

/// What a call gives for the parameters of a stored query, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments(Vec<Given>);

/// Whether a name means the same in SQL without quotes, in Python and in a file: small letters, digits and `_`.
pub fn is_plain_name(name: &str) -> bool {
    let is_letter = |character: char| character.is_ascii_lowercase();
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(is_letter)
        && name.chars().all(|character| is_letter(character) || character.is_ascii_digit() || character == '_')
}

impl StoredParameter {
    /// What stands in a statement for the parameter of this place, counted from 0.
    fn cast(&self, place: usize) -> String {
        format!("CAST(${} AS {})", place + 1, self.type_name)
    }
}

impl StoredQuery {
    /// Reads a stored query.
    ///
    /// # Errors
    /// When it is no query, a parameter is not declared, not used or of a type that there is not, or a default is not of
    /// its type. Tables and columns are looked up when it is asked.
    pub fn new(sql: &str, parameters: Vec<StoredParameter>) -> Result<Self> {
        check_parameters(&parameters)?;
        let (sql, used) = with_numbers(sql, &parameters)?;
        let unused = parameters.iter().enumerate().find(|(place, _)| !used.contains(place));
        if let Some((_, StoredParameter { name, .. })) = unused {
            return Err(Error::Parameter(format!(
                "the parameter \"{name}\" is not used; write :{name}, or leave it out"
            )));
        }
        let asked = statement::parse(&sql)?;
        let Some(query) = query_of(&asked.statement).filter(|_| asked.explain.is_none()) else {
            return Err(Error::Query("a stored query is a SELECT, VALUES or WITH".to_owned()));
        };
        let undeclared = visit_expressions(query, |expression| match expression {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(mark) if !is_own(mark, parameters.len()) => ControlFlow::Break(mark.clone()),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        });
        if let ControlFlow::Break(mark) = undeclared {
            return Err(Error::Parameter(format!("{mark} is no parameter of the query; parameters are written :name")));
        }
        Ok(Self { sql, casts: casts(&parameters), parameters })
    }

    pub fn parameters(&self) -> &[StoredParameter] {
        &self.parameters
    }

    /// The statement that is asked, with parameters in the order of [`Self::parameters`].
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// A statement of the same parameters that fails where one of them is not of its type, and reads nothing.
    pub fn casts(&self) -> &str {
        &self.casts
    }

    /// What a call gives for each parameter.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the arguments are not those of the parameters.
    pub fn arguments(&self, execute: &Execute) -> Result<Arguments> {
        let wrong = |what: String| Error::Parameter(format!("{}: {what}", execute.name));
        let mut given: Vec<Option<Given>> = vec![None; self.parameters.len()];
        for (index, argument) in execute.arguments.iter().enumerate() {
            let place = match &argument.name {
                None => index,
                Some(name) => {
                    let known = self.parameters.iter().position(|parameter| &parameter.name == name);
                    known.ok_or_else(|| wrong(format!("there is no parameter \"{name}\"; {}", self.names())))?
                }
            };
            let (Some(given), Some(parameter)) = (given.get_mut(place), self.parameters.get(place)) else {
                let count = execute.arguments.len();
                return Err(wrong(format!("{count} arguments are given; {}", self.names())));
            };
            if given.replace(argument.value.clone()).is_some() {
                return Err(wrong(format!("the parameter \"{}\" is given twice", parameter.name)));
            }
        }
        let values = self.parameters.iter().zip(given).map(|(parameter, given)| {
            let value = given.or_else(|| parameter.default.clone().map(Given::Constant));
            value.ok_or_else(|| {
                wrong(format!("the parameter \"{}\" ({}) is missing", parameter.name, parameter.type_name))
            })
        });
        values.collect::<Result<_>>().map(Arguments)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        if names.is_empty() {
            "it has no parameters".to_owned()
        } else {
            format!("its parameters are {}", names.join(", "))
        }
    }

    /// An error about one of the parameters, which calls it by its name.
    pub fn named(&self, error: Error) -> Error {
        let name = |number: usize| Some(&self.parameters.get(number.checked_sub(1)?)?.name);
        match error {
            Error::ParameterValue { number, ref message } => match name(number) {
                Some(name) => Error::Parameter(format!("parameter \"{name}\": {message}")),
                None => error,
            },
            other => other,
        }
    }
}

impl Arguments {
    /// The values of the statement's parameters, from those that the client gives for its own; `None` before it has.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the client gives more or fewer than the call has.
    pub fn values(&self, client: Option<&[ScalarValue]>) -> Result<Option<Vec<ScalarValue>>> {
        let count = self.parameters();
        match client {
            Some(values) if values.len() != count => Err(Error::parameter_count(count, values.len())),
            None if count > 0 => Ok(None),
            client => {
                let value = |given: &Given| match given {
                    Given::Constant(constant) => constant.to_value(),
                    Given::Parameter(number) => {
                        client.and_then(|values| values.get(number - 1)).cloned().unwrap_or(ScalarValue::Null)
                    }
                };
                Ok(Some(self.0.iter().map(value).collect()))
            }
        }
    }

    /// For the client's parameters the types that those of the statement want, which they stand for.
    pub fn wanted(&self, of_statement: &[Option<DataType>]) -> Vec<Option<DataType>> {
        let mut wanted = vec![None; self.parameters()];
        for (given, data_type) in self.0.iter().zip(of_statement) {
            if let Given::Parameter(number) = given
                && let Some(wanted) = wanted.get_mut(number - 1)
            {
                wanted.clone_from(data_type);
            }
        }
        wanted
    }

    /// How many parameters the call has, which the client gives: the highest number.
    pub fn parameters(&self) -> usize {
        let number = |given: &Given| match given {
            Given::Constant(_) => 0,
            Given::Parameter(number) => *number,
        };
        self.0.iter().map(number).max().unwrap_or(0)
    }
}

fn casts(parameters: &[StoredParameter]) -> String {
    let casts = parameters.iter().enumerate().map(|(place, parameter)| parameter.cast(place));
    format!("SELECT {}", casts.collect::<Vec<_>>().join(", "))
}

fn is_own(mark: &str, parameters: usize) -> bool {
    let number = mark.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
    number.is_some_and(|number| (1..=parameters).contains(&number))
}

fn check_parameters(parameters: &[StoredParameter]) -> Result<()> {
    if parameters.len() > MAX_PARAMETERS {
        let count = parameters.len();
        return Err(Error::Parameter(format!("there are {count} parameters; at most {MAX_PARAMETERS} are taken")));
    }
    let mut names = BTreeSet::new();
    for parameter in parameters {
        let StoredParameter { name, type_name, default } = parameter;
        if !is_plain_name(name) {
            return Err(Error::Parameter(format!(
                "the parameter \"{name}\" has no plain name: it begins with a small letter, and has small letters, digits \
                 and _, at most {MAX_NAME_BYTES}"
            )));
        }
        if !names.insert(name) {
            return Err(Error::Parameter(format!("two parameters are named \"{name}\"")));
        }
        let checked = check_type_name(type_name).and_then(|()| match default {
            Some(default) => check_default(default, parameter),
            None => Ok(()),
        });
        checked.map_err(|error| Error::Parameter(format!("the parameter \"{name}\": {error}")))?;
    }
    Ok(())
}

/// Sees to it that a text is the name of a type that casts know, and nothing else.
fn check_type_name(name: &str) -> Result<()> {
    let no_type = || Error::Query(format!("\"{name}\" is not the name of a type"));
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(name).map_err(|_| no_type())?;
    let data_type = parser.parse_data_type().map_err(|_| no_type())?;
    if parser.peek_token_ref().token != Token::EOF || name.contains("--") || name.contains("/*") {
        return Err(no_type());
    }
    check_type(&data_type)
}

fn check_default(default: &Constant, parameter: &StoredParameter) -> Result<()> {
    let asked = statement::parse(&casts(std::slice::from_ref(parameter)))?;
    let values = [default.to_value()];
    let bound =
        query_of(&asked.statement).map(|query| bind(query, &Tables::new(), &Surroundings::default(), Some(&values)));
    bound.transpose().map(|_| ()).map_err(|error| match error {
        Error::Parameter(message) | Error::ParameterValue { message, .. } => {
            Error::Parameter(format!("its default: {message}"))
        }
        other => other,
    })
}

/// The text with `$1` for its parameters, and the places of those that are used.
fn with_numbers(sql: &str, parameters: &[StoredParameter]) -> Result<(String, BTreeSet<usize>)> {
    check_length(sql)?;
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| Error::Syntax(error.to_string()))?;
    let starts = starts(sql, &tokens);
    if question_marks(sql, &tokens, &starts).iter().any(|mark| matches!(mark.meaning, Meaning::Operator(_))) {
        return Err(Error::Syntax("in a stored query, write the operator ? and not ??".to_owned()));
    }
    let text = |from: usize, to: usize| sql.get(from..to).unwrap_or_default();
    if let Some(token) = tokens.iter().find(|token| matches!(token.token, Token::Placeholder(_))) {
        let (mark, place) = (&token.token, place_of(token.span.start));
        return Err(Error::Syntax(format!("{mark} is no parameter of the query; parameters are written :name{place}")));
    }
    let (mut numbered, mut used, mut written) = (String::with_capacity(sql.len()), BTreeSet::new(), 0);
    for (index, pair) in tokens.windows(2).enumerate() {
        let ([colon, name], Some(&[start, name_start, end])) = (pair, starts.get(index..index + 3)) else {
            continue;
        };
        let before = index.checked_sub(1).and_then(|before| Some((tokens.get(before)?, *starts.get(before)?)));
        // A colon behind an operand is that of a slice, as in `a[1:n]`.
        let is_slice = before.is_some_and(|(token, from)| ends_operand(&token.token, text(from, start)));
        let Some(name) = parameter_name(colon, name).filter(|_| !is_slice && name_start == start + ':'.len_utf8())
        else {
            continue;
        };
        let known = parameters.iter().enumerate().find(|(_, parameter)| parameter.name == name);
        let Some((place, parameter)) = known else {
            let place = place_of(colon.span.start);
            return Err(Error::Syntax(format!("there is no parameter \"{name}\" among those of the query{place}")));
        };
        numbered += &format!("{} {}", text(written, start), parameter.cast(place));
        used.insert(place);
        written = end;
    }
    numbered += text(written, sql.len());
    Ok((numbered, used))
}

fn parameter_name(colon: &TokenWithSpan, name: &TokenWithSpan) -> Option<String> {
    match &name.token {
        Token::Word(word) if colon.token == Token::Colon && word.quote_style.is_none() => {
            Some(word.value.to_ascii_lowercase())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, type_name: &str, default: Option<Constant>) -> StoredParameter {
        StoredParameter { name: name.to_owned(), type_name: type_name.to_owned(), default }
    }

    fn text(text: &str) -> ScalarValue {
        ScalarValue::Utf8(Some(text.to_owned()))
    }

    fn decimal(digits: i128, scale: i8) -> ScalarValue {
        ScalarValue::Decimal128(Some(digits), 38, scale)
    }

    fn users() -> StoredQuery {
        let parameters = vec![
            parameter("ages", "int4[]", None),
            parameter("region", "text", Some(Constant::Text("it's NA".to_owned()))),
        ];
        let sql = "SELECT count(*), ':ages' AS x, a[1:2] FROM users -- of :nobody\n\
                   WHERE age BETWEEN (:ages)[1] AND (:AGES)[2] AND NOT:region=region AND '1'::int = 1";
        StoredQuery::new(sql, parameters).unwrap()
    }

    fn arguments(sql: &str) -> Result<Arguments> {
        users().arguments(&Execute::parse(sql)?.unwrap())
    }

    #[test]
    fn parameters_are_cast_to_their_types() {
        assert_eq!(
            users().sql(),
            "SELECT count(*), ':ages' AS x, a[1:2] FROM users -- of :nobody\n\
             WHERE age BETWEEN ( CAST($1 AS int4[]))[1] AND ( CAST($1 AS int4[]))[2] \
             AND NOT CAST($2 AS text)=region AND '1'::int = 1"
        );
    }

    #[test]
    fn its_casts_are_asked_apart() {
        assert_eq!(users().casts(), "SELECT CAST($1 AS int4[]), CAST($2 AS text)");
        assert_eq!(StoredQuery::new("SELECT 1", vec![]).unwrap().casts(), "SELECT ");
    }

    #[test]
    fn arguments_are_values() {
        for (sql, ages, region) in [
            ("EXECUTE users(ARRAY[20, -30, NULL])", text("{20,-30,NULL}"), text("it's NA")),
            (";execute \"users\" ( -1.50 , 'x'' OR true --' ) ;", decimal(-150, 2), text("x' OR true --")),
            ("EXECUTE users(region => NULL, ages => '{1,2}')", text("{1,2}"), ScalarValue::Null),
            ("/* a /* b */ c */ -- d\n EXECUTE users(-7, E'a\\'b')", ScalarValue::Int64(Some(-7)), text("a'b")),
            ("EXECUTE users(12e1, U&'\\0061')", decimal(120, 0), text("a")),
            ("EXECUTE users(true, $x$a'b$x$)", ScalarValue::Boolean(Some(true)), text("a'b")),
        ] {
            assert_eq!(arguments(sql).unwrap().values(None).unwrap(), Some(vec![ages, region]), "{sql}");
        }
    }

    #[test]
    fn parameters_of_the_client_stand_for_those_of_the_query() {
        let wanted = [Some(DataType::Int32), Some(DataType::Utf8)];
        for (sql, values, types, expected) in [
            ("EXECUTE users($1)", vec![text("a")], vec![&wanted[0]], [text("a"), text("it's NA")]),
            ("EXECUTE users(?, ?)", vec![text("a"), text("b")], vec![&wanted[0], &wanted[1]], [text("a"), text("b")]),
            ("EXECUTE users($2, $1)", vec![text("a"), text("b")], vec![&wanted[1], &wanted[0]], [text("b"), text("a")]),
            (
                "EXECUTE users(1, region => $1)",
                vec![text("a")],
                vec![&wanted[1]],
                [ScalarValue::Int64(Some(1)), text("a")],
            ),
        ] {
            let arguments = arguments(sql).unwrap();
            assert_eq!(arguments.values(None).unwrap(), None, "{sql}");
            assert_eq!(arguments.values(Some(&values)).unwrap(), Some(expected.to_vec()), "{sql}");
            assert_eq!(arguments.wanted(&wanted), types.into_iter().cloned().collect::<Vec<_>>(), "{sql}");
            assert!(arguments.values(Some(&[])).is_err(), "{sql}");
        }
        assert!(arguments("EXECUTE users(1)").unwrap().values(Some(&[text("a")])).is_err());
    }

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        for (call, expected) in [
            ("", "users: the parameter \"ages\" (int4[]) is missing"),
            ("()", "the parameter \"ages\" (int4[]) is missing"),
            ("(1, 2, 3)", "3 arguments are given; its parameters are ages, region"),
            ("(age => 1)", "no parameter \"age\"; its parameters are ages, region"),
            ("(1, ages => 1)", "the parameter \"ages\" is given twice"),
            ("(region => 1, region => 2)", "the parameter \"region\" is given twice"),
            ("(region => 1, 2)", "behind named ones"),
            ("($0)", "no parameter $0"),
            ("($70000)", "no parameter $70000"),
            ("(ARRAY[[[[[[[1]]]]]]])", "at most 6 dimensions"),
        ] {
            let message = arguments(&format!("EXECUTE users{call}")).unwrap_err().to_string();
            assert!(message.contains(expected), "{call}: {message}");
        }
        let error = users().named(Error::ParameterValue { number: 2, message: "it is wrong".to_owned() });
        assert_eq!(error.to_string(), "parameter \"region\": it is wrong");
    }

    #[test]
    fn an_argument_is_a_constant_or_a_parameter() {
        for argument in [
            "(SELECT 1)",
            "region",
            "upper('x')",
            "1 + 1",
            "1) OR (1 = 1",
            "*",
            "'x' || 'y'",
            "ARRAY(SELECT 1)",
            "'1'::int",
            "CAST(1 AS int)",
            "ARRAY[region]",
            "ARRAY[1",
            "ARRAY",
            "ARRAY[$1]",
            "-'x'",
            "$1 -- x\n + 1",
            "DEFAULT",
            "\"x\"",
            "1; SELECT 1",
            ":region",
        ] {
            let sql = format!("EXECUTE users({argument})");
            assert!(arguments(&sql).is_err(), "{sql}: {:?}", arguments(&sql));
        }
        let message = arguments("EXECUTE users(\n region)").unwrap_err();
        assert_eq!(message.place().map(|place| (place.line, place.column)), Some((2, 2)), "{message}");
    }

    #[test]
    fn long_calls_are_refused_at_once() {
        let many = format!("EXECUTE users({})", vec!["1"; 20_000].join(","));
        assert!(arguments(&many).unwrap_err().to_string().contains("at most 100 parameters"));
        let long = format!("EXECUTE users('{}')", "x".repeat(100_000));
        assert!(matches!(arguments(&long), Err(Error::TooLarge(_))));
    }

    #[test]
    fn what_is_no_execute_is_left_alone() {
        for sql in [
            "SELECT 1",
            "",
            " ",
            "-- EXECUTE x\nSELECT 1",
            "EXECUTED",
            "EXPLAIN EXECUTE users(1)",
            "/*",
            "--",
            "/* */ 1",
        ] {
            assert_eq!(Execute::parse(sql).unwrap(), None, "{sql}");
        }
        for sql in ["EXECUTE", "EXECUTE 1", "EXECUTE a.b(1)", "EXECUTE u(1) LIMIT 1", "EXECUTE u(1", "EXECUTE u(1,)"] {
            assert!(matches!(Execute::parse(sql), Err(Error::Syntax(_))), "{sql}: {:?}", Execute::parse(sql));
        }
    }

    #[test]
    fn a_stored_query_that_is_wrong_is_refused_when_it_is_read() {
        let int = |name| parameter(name, "int4", None);
        let default = |type_name, text: &str| parameter("a", type_name, Some(Constant::Text(text.to_owned())));
        for (sql, parameters, expected) in [
            ("SELECT :a", vec![], "no parameter \"a\""),
            ("SELECT 1", vec![int("a")], "\"a\" is not used"),
            ("SELECT ':a'", vec![int("a")], "\"a\" is not used"),
            ("SELECT :a", vec![int("a"), int("a")], "two parameters"),
            ("SELECT :a", vec![parameter("a", "no_such_type", None)], "no_such_type"),
            ("SELECT :a", vec![parameter("a", "int4) + (1", None)], "not the name of a type"),
            ("SELECT :a", vec![parameter("a", "int4 --", None)], "not the name of a type"),
            ("SELECT :a", vec![parameter("a", "", None)], "not the name of a type"),
            ("SELECT :a", vec![int("A")], "no plain name"),
            ("SELECT :a", vec![int("_a")], "no plain name"),
            ("SELECT :a", vec![default("date", "tomorow")], "\"a\": its default: invalid input syntax for type date"),
            ("SELECT $1", vec![], "written :name at Line: 1, Column: 8"),
            ("SELECT :1", vec![], "written :name"),
            ("SELECT :\"x\"", vec![], "written :name"),
            ("SELECT ?", vec![], "written :name"),
            ("SELECT '{}'::jsonb ?? 'a'", vec![], "the operator ? and not ??"),
            ("DELETE FROM t", vec![], "DELETE is refused"),
            ("EXPLAIN SELECT 1", vec![], "is a SELECT"),
            ("SHOW TABLES", vec![], "is a SELECT"),
            ("SELECT 1; SELECT 2", vec![], "several statements"),
            ("SELECT (", vec![], "syntax error"),
            ("", vec![], "empty"),
        ] {
            let message = StoredQuery::new(sql, parameters).unwrap_err().to_string();
            assert!(message.contains(expected), "{sql}: {message}");
        }
        StoredQuery::new("SELECT data ? :a FROM t", vec![default("text", "x")]).unwrap();
        StoredQuery::new("SELECT data ? 'a' FROM t", vec![]).unwrap();
    }
}
