//! Functions and operators of texts and bytes.

mod bytes;
mod patterns;
mod several;

pub(crate) use self::patterns::with_default_escape;

use std::sync::{Arc, LazyLock};

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use super::column::{Bool, Bpchar, Bytea, Inet, Int4, Int8, Text};
use super::function::Function;
use super::strict::{cached3, strict1, strict2, strict3, strict4, udf1, udf2};
use crate::postgres::error::ValueResult;
use crate::postgres::text::{
    casing, concatenation, hashing, identifiers, integers, padding, parts, quoting, rewriting, trimming, unicode,
};
use crate::postgres::{bytea, inet, text};

/// What is removed from the ends of a text unless something is said.
const BLANK: &str = " ";

pub(super) fn operators() -> Vec<Function> {
    let mut operators = several::operators();
    operators.extend(patterns::operators());
    operators.push(strict2::<Text, Text, _, _>("^@", concatenation::starts_with));
    operators.push(strict2::<Bytea, Bytea, _, _>("||", |left: &[u8], right: &[u8]| [left, right].concat()));
    operators
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = lengths();
    functions.extend(cases());
    functions.extend(pieces());
    functions.extend(trims());
    functions.extend(rewritten());
    functions.extend(numbers_as_text());
    functions.extend(quoted());
    functions.extend(bytes::functions());
    functions.push(strict1::<Inet, _, _>("host", |address: &str| inet::host(address).to_owned()));
    functions.extend(patterns::functions());
    functions.extend(several::functions());
    functions
}

fn lengths() -> Vec<Function> {
    let mut functions: Vec<Function> = ["length", "char_length", "character_length"]
        .into_iter()
        .map(|name| strict1::<Text, _, _>(name, text::char_length))
        .collect();
    functions.extend([
        strict1::<Text, _, _>("octet_length", |value: &str| text::octet_length(value.as_bytes())),
        strict1::<Bpchar, _, _>("octet_length", |value: &str| text::octet_length(value.as_bytes())),
        strict1::<Text, _, _>("bit_length", |value: &str| text::bit_length(value.as_bytes())),
    ]);
    functions
}

/// How letters become capitals and small letters, where that is not one for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Casing {
    /// Letters of ASCII alone do.
    Ascii,
    /// One can become several, and what it becomes can depend on those around it.
    Full,
}

/// A call of a function that changes case in another way; none where the function does not, or that way is not had.
pub(crate) fn cased(name: &str, casing: Casing, arguments: &[Expr]) -> Option<Expr> {
    macro_rules! function {
        ($name:literal, $change:path) => {{
            static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
                Arc::new(ScalarUDF::from(udf1::<(), Text, _, _>($name, |(), text: &str| $change(text))))
            });
            &FUNCTION
        }};
    }
    let function = match (name, casing) {
        ("upper", Casing::Ascii) => function!("upper_ascii", str::to_ascii_uppercase),
        ("lower", Casing::Ascii) => function!("lower_ascii", str::to_ascii_lowercase),
        ("initcap", Casing::Ascii) => function!("initcap_ascii", casing::initcap_ascii),
        ("upper", Casing::Full) => function!("upper_full", casing::upper_full),
        ("lower", Casing::Full) => function!("lower_full", casing::lower_full),
        _ => return None,
    };
    Some(function.call(arguments.to_vec()))
}

fn cases() -> Vec<Function> {
    vec![
        strict1::<Text, _, _>("upper", casing::upper),
        strict1::<Text, _, _>("lower", casing::lower),
        strict1::<Text, _, _>("initcap", casing::initcap),
        strict1::<Text, _, _>("casefold", casing::casefold),
    ]
}

fn pieces() -> Vec<Function> {
    let mut functions = vec![];
    for name in ["substring", "substr"] {
        functions.push(strict2::<Text, Int4, _, _>(name, |value: &str, start| {
            parts::substring(value, start, None).map(str::to_owned)
        }));
        functions.push(strict3::<Text, Int4, Int4, _, _>(name, |value: &str, start, count| {
            parts::substring(value, start, Some(count)).map(str::to_owned)
        }));
    }
    for name in ["position", "strpos"] {
        functions.push(strict2::<Text, Text, _, _>(name, concatenation::strpos));
    }
    functions.extend([
        strict2::<Text, Int4, _, _>("left", |value: &str, count| parts::left(value, count).to_owned()),
        strict2::<Text, Int4, _, _>("right", |value: &str, count| parts::right(value, count).to_owned()),
        strict3::<Text, Text, Int4, _, _>("split_part", |value: &str, delimiter: &str, field| {
            parts::split_part(value, delimiter, field).map(str::to_owned)
        }),
        strict1::<Text, _, _>("ascii", parts::ascii),
        strict1::<Int4, _, _>("chr", |code| parts::chr(code).map(String::from)),
        strict2::<Text, Text, _, _>("starts_with", concatenation::starts_with),
        strict3::<Text, Text, Int4, _, _>("overlay", |value: &str, new: &str, start| {
            rewriting::overlay(value, new, start, None)
        }),
        strict4::<Text, Text, Int4, Int4, _, _>("overlay", |value: &str, new: &str, start, count| {
            rewriting::overlay(value, new, start, Some(count))
        }),
    ]);
    functions
}

fn trims() -> Vec<Function> {
    macro_rules! trim {
        ($name:ident) => {
            [
                strict1::<Text, _, _>(stringify!($name), |value: &str| trimming::$name(value, BLANK).to_owned()),
                strict2::<Text, Text, _, _>(stringify!($name), |value: &str, set: &str| {
                    trimming::$name(value, set).to_owned()
                }),
                strict2::<Bytea, Bytea, _, _>(stringify!($name), |value: &[u8], set: &[u8]| {
                    bytea::$name(value, set).to_vec()
                }),
            ]
        };
    }
    trim!(btrim).into_iter().chain(trim!(ltrim)).chain(trim!(rtrim)).collect()
}

/// The letters of the last translation of a batch.
#[derive(Default)]
struct LastTranslation(Option<(String, String, rewriting::Translation)>);

impl LastTranslation {
    fn get(&mut self, from: &str, to: &str) -> ValueResult<&rewriting::Translation> {
        let known = self.0.take().filter(|(known_from, known_to, _)| known_from == from && known_to == to);
        let translation = match known {
            Some(known) => known,
            None => (from.to_owned(), to.to_owned(), rewriting::Translation::new(from, to)?),
        };
        Ok(&self.0.insert(translation).2)
    }
}

fn rewritten() -> Vec<Function> {
    vec![
        strict2::<Text, Int4, _, _>("lpad", |value: &str, length| padding::lpad(value, length, BLANK)),
        strict3::<Text, Int4, Text, _, _>("lpad", padding::lpad),
        strict2::<Text, Int4, _, _>("rpad", |value: &str, length| padding::rpad(value, length, BLANK)),
        strict3::<Text, Int4, Text, _, _>("rpad", padding::rpad),
        strict2::<Text, Int4, _, _>("repeat", padding::repeat),
        strict1::<Text, _, _>("reverse", rewriting::reverse),
        strict3::<Text, Text, Text, _, _>("replace", rewriting::replace),
        cached3::<LastTranslation, Text, Text, Text, _, _>("translate", |last, value: &str, from: &str, to: &str| {
            last.get(from, to)?.apply(value)
        }),
        strict1::<Text, _, _>("unistr", unicode::unistr),
        strict1::<Text, _, _>("normalize", |value: &str| unicode::normalize(value, unicode::NormalForm::Nfc)),
        strict2::<Text, Text, _, _>("normalize", |value: &str, form: &str| {
            Ok(unicode::normalize(value, unicode::NormalForm::parse(form)?))
        }),
        strict2::<Text, Text, _, _>("is_normalized", |value: &str, form: &str| {
            Ok(unicode::is_normalized(value, unicode::NormalForm::parse(form)?))
        }),
        strict1::<Text, _, _>("md5", |value: &str| hashing::md5(value.as_bytes())),
    ]
}

fn numbers_as_text() -> Vec<Function> {
    vec![
        strict1::<Int4, _, _>("to_hex", integers::int4_to_hex),
        strict1::<Int8, _, _>("to_hex", integers::int8_to_hex),
        strict1::<Int4, _, _>("to_oct", integers::int4_to_oct),
        strict1::<Int8, _, _>("to_oct", integers::int8_to_oct),
        strict1::<Int4, _, _>("to_bin", integers::int4_to_bin),
        strict1::<Int8, _, _>("to_bin", integers::int8_to_bin),
    ]
}

fn quoted() -> Vec<Function> {
    vec![
        strict1::<Text, _, _>("quote_ident", |value: &str| quoting::quote_ident(value).into_owned()),
        strict1::<Text, _, _>("quote_literal", quoting::quote_literal),
        strict1::<Text, _, _>("parse_ident", |value: &str| identifiers::parse_ident(value, true).map(some_of)),
        strict2::<Text, Bool, _, _>("parse_ident", |value: &str, strict| {
            identifiers::parse_ident(value, strict).map(some_of)
        }),
    ]
}

/// How a function makes texts longer than those that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengthening {
    /// To the length that is its second argument.
    ToLength,
    /// As many times as its second argument says.
    Times,
}

/// Whether, and how, a function lengthens texts.
pub(crate) fn lengthening(function: &ScalarUDF) -> Option<Lengthening> {
    match function.name() {
        "lpad" | "rpad" | PADDED => Some(Lengthening::ToLength),
        "repeat" => Some(Lengthening::Times),
        _ => None,
    }
}

const PADDED: &str = "padded";

/// Elements of an array, none of which is NULL.
fn some_of(values: Vec<String>) -> Vec<Option<String>> {
    values.into_iter().map(Some).collect()
}

/// A text with blanks behind it, as long as a `character(n)` comes.
pub(crate) fn padded(text: Expr, width: i32) -> Expr {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let pad = udf2::<(), Text, Int4, _, _>(PADDED, |(), value: &str, width| padding::rpad(value, width, BLANK));
        Arc::new(ScalarUDF::from(pad))
    });
    FUNCTION.call(vec![text, lit(width)])
}

/// A text without the blanks behind it.
pub(crate) fn unpadded(text: Expr) -> Expr {
    static UNPADDED: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let trim = udf1::<(), Text, _, _>("unpadded", |(), value: &str| trimming::rtrim(value, BLANK).to_owned());
        Arc::new(ScalarUDF::from(trim))
    });
    match text {
        Expr::Literal(ScalarValue::Utf8View(Some(text)), metadata) => {
            Expr::Literal(ScalarValue::Utf8View(Some(trimming::rtrim(&text, BLANK).to_owned())), metadata)
        }
        text => UNPADDED.call(vec![text]),
    }
}
