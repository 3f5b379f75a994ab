//! The functions that a plan declares, and what they are in PostgreSQL's SQL. Substrait's standard functions are known by
//! their extension and name; a function of no extension, as DataFusion writes them, is PostgreSQL's of that name.

use std::collections::HashMap;

use rail_forge_planner::RESERVED_WORDS;

use super::options::Options;
use super::proto::{Extension, Plan};
use super::refusal::{Refusal, Result};

/// How the URNs of Substrait's own extensions begin.
const STANDARD_URN: &str = "extension:io.substrait:";
/// Those of which functions are known. As URIs they are files of these names.
const STANDARD_EXTENSIONS: &[&str] = &[
    "functions_aggregate_decimal_output",
    "functions_aggregate_generic",
    "functions_arithmetic",
    "functions_arithmetic_decimal",
    "functions_boolean",
    "functions_comparison",
    "functions_datetime",
    "functions_list",
    "functions_logarithmic",
    "functions_rounding",
    "functions_rounding_decimal",
    "functions_string",
];

/// How a function is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// Between its two operands.
    Infix(&'a str),
    /// Between as many as there are, in an order that makes no difference.
    Chain(&'a str),
    /// Before its operand.
    Prefix(&'a str),
    /// Behind its operand.
    Postfix(&'a str),
    /// A call.
    Call(&'a str),
    /// A call with two arguments the other way around, if there are two.
    Reversed(&'a str),
    /// A call of a function of PostgreSQL that Substrait does not know.
    Own(&'a str),
    /// `BETWEEN`
    Between,
    /// `LIKE` and the like, with an escape character as a third argument.
    Pattern(&'a str),
    /// Whether the second text is anywhere in the first, and whether the first ends with it.
    Contains,
    EndsWith,
    /// Parts of a moment.
    Extract,
    /// The moment at which clocks of a zone show a time, or begin a day.
    AssumeTimezone,
}

/// Substrait's scalar functions.
pub(super) const SCALAR_FUNCTIONS: &[(&str, Form<'static>)] = &[
    ("abs", Form::Call("abs")),
    ("acos", Form::Call("acos")),
    ("acosh", Form::Call("acosh")),
    ("add", Form::Infix("+")),
    ("add_intervals", Form::Infix("+")),
    ("and", Form::Chain("AND")),
    ("asin", Form::Call("asin")),
    ("asinh", Form::Call("asinh")),
    ("assume_timezone", Form::AssumeTimezone),
    ("atan", Form::Call("atan")),
    ("atan2", Form::Call("atan2")),
    ("atanh", Form::Call("atanh")),
    ("between", Form::Between),
    ("bit_length", Form::Call("bit_length")),
    ("bitwise_and", Form::Infix("&")),
    ("bitwise_not", Form::Prefix("~")),
    ("bitwise_or", Form::Infix("|")),
    ("bitwise_xor", Form::Infix("#")),
    ("cardinality", Form::Call("cardinality")),
    ("ceil", Form::Call("ceil")),
    ("char_length", Form::Call("char_length")),
    ("coalesce", Form::Call("coalesce")),
    ("concat", Form::Chain("||")),
    ("concat_ws", Form::Call("concat_ws")),
    ("contains", Form::Contains),
    ("cos", Form::Call("cos")),
    ("cosh", Form::Call("cosh")),
    ("degrees", Form::Call("degrees")),
    ("divide", Form::Infix("/")),
    ("ends_with", Form::EndsWith),
    ("equal", Form::Infix("=")),
    ("exp", Form::Call("exp")),
    ("extract", Form::Extract),
    ("factorial", Form::Call("factorial")),
    ("floor", Form::Call("floor")),
    ("greatest_skip_null", Form::Call("greatest")),
    ("gt", Form::Infix(">")),
    ("gte", Form::Infix(">=")),
    ("initcap", Form::Call("initcap")),
    ("is_distinct_from", Form::Infix("IS DISTINCT FROM")),
    ("is_false", Form::Postfix("IS FALSE")),
    ("is_not_distinct_from", Form::Infix("IS NOT DISTINCT FROM")),
    ("is_not_false", Form::Postfix("IS NOT FALSE")),
    ("is_not_null", Form::Postfix("IS NOT NULL")),
    ("is_not_true", Form::Postfix("IS NOT TRUE")),
    ("is_null", Form::Postfix("IS NULL")),
    ("is_true", Form::Postfix("IS TRUE")),
    ("least_skip_null", Form::Call("least")),
    ("left", Form::Call("left")),
    ("like", Form::Pattern("LIKE")),
    ("ln", Form::Call("ln")),
    ("local_timestamp", Form::Infix("AT TIME ZONE")),
    ("log10", Form::Call("log")),
    ("logb", Form::Reversed("log")),
    ("lower", Form::Call("lower")),
    ("lpad", Form::Call("lpad")),
    ("lt", Form::Infix("<")),
    ("lte", Form::Infix("<=")),
    ("ltrim", Form::Call("ltrim")),
    ("modulus", Form::Infix("%")),
    ("multiply", Form::Infix("*")),
    ("negate", Form::Prefix("-")),
    ("not", Form::Prefix("NOT")),
    ("not_equal", Form::Infix("<>")),
    ("nullif", Form::Call("nullif")),
    ("octet_length", Form::Call("octet_length")),
    ("or", Form::Chain("OR")),
    ("power", Form::Call("power")),
    ("radians", Form::Call("radians")),
    ("repeat", Form::Call("repeat")),
    ("replace", Form::Call("replace")),
    ("reverse", Form::Call("reverse")),
    ("right", Form::Call("right")),
    ("round", Form::Call("round")),
    ("rpad", Form::Call("rpad")),
    ("rtrim", Form::Call("rtrim")),
    ("shift_left", Form::Infix("<<")),
    ("shift_right", Form::Infix(">>")),
    ("sign", Form::Call("sign")),
    ("sin", Form::Call("sin")),
    ("sinh", Form::Call("sinh")),
    ("sqrt", Form::Call("sqrt")),
    ("starts_with", Form::Call("starts_with")),
    ("string_split", Form::Call("string_to_array")),
    ("strpos", Form::Call("strpos")),
    ("substring", Form::Call("substr")),
    ("subtract", Form::Infix("-")),
    ("tan", Form::Call("tan")),
    ("tanh", Form::Call("tanh")),
    ("trim", Form::Call("btrim")),
    ("upper", Form::Call("upper")),
    ("xor", Form::Infix("<>")),
];

/// Operators under the names that DataFusion gives to what Substrait has no function for, or another one.
const OTHER_OPERATORS: &[(&str, Form<'static>)] = &[
    ("bitwise_shift_left", Form::Infix("<<")),
    ("bitwise_shift_right", Form::Infix(">>")),
    ("concat", Form::Call("concat")),
    ("ilike", Form::Pattern("ILIKE")),
    ("is_not_unknown", Form::Postfix("IS NOT UNKNOWN")),
    ("is_unknown", Form::Postfix("IS UNKNOWN")),
    // DataFusion turns its arguments around.
    ("log", Form::Reversed("log")),
    ("regex_imatch", Form::Infix("~*")),
    ("regex_match", Form::Infix("~")),
    ("regex_not_imatch", Form::Infix("!~*")),
    ("regex_not_match", Form::Infix("!~")),
    ("str_concat", Form::Infix("||")),
];

/// Substrait's aggregate and window functions, and what PostgreSQL calls them.
pub(super) const AGGREGATE_FUNCTIONS: &[(&str, &str)] = &[
    ("any_value", "any_value"),
    ("avg", "avg"),
    ("bool_and", "bool_and"),
    ("bool_or", "bool_or"),
    ("corr", "corr"),
    ("count", "count"),
    ("cume_dist", "cume_dist"),
    ("dense_rank", "dense_rank"),
    ("first_value", "first_value"),
    ("lag", "lag"),
    ("last_value", "last_value"),
    ("lead", "lead"),
    ("max", "max"),
    ("min", "min"),
    ("nth_value", "nth_value"),
    ("ntile", "ntile"),
    ("percent_rank", "percent_rank"),
    ("rank", "rank"),
    ("row_number", "row_number"),
    ("std_dev", "stddev_samp"),
    ("string_agg", "string_agg"),
    ("sum", "sum"),
    ("variance", "var_samp"),
];

/// The functions of a plan by their anchors.
#[derive(Debug)]
pub(super) struct Functions<'a>(HashMap<u32, Declared<'a>>);

/// A function that a plan declares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared<'a> {
    /// Without the types of its arguments.
    pub(super) name: &'a str,
    extension: Option<&'a str>,
}

impl<'a> Functions<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let by_anchor = |extensions: &'a [Extension]| -> HashMap<u32, &'a str> {
            let named = extensions.iter().filter(|extension| !extension.name.is_empty());
            named.map(|extension| (extension.anchor, extension.name.as_str())).collect()
        };
        let (urns, uris) = (by_anchor(&plan.extension_urns), by_anchor(&plan.extension_uris));
        let functions = plan.extensions.iter().filter_map(|declared| declared.extension_function.as_ref());
        let declared = functions.map(|function| {
            let extension = urns
                .get(&function.extension_urn_reference)
                .or_else(|| uris.get(&function.extension_uri_reference))
                .copied();
            let name = function.name.split(':').next().unwrap_or_default();
            (function.function_anchor, Declared { name, extension })
        });
        Self(declared.collect())
    }

    /// The function of an anchor.
    ///
    /// # Errors
    /// When the plan declares none, or one of an extension that is not known.
    pub(super) fn declared(&self, anchor: u32) -> Result<Declared<'a>> {
        let declared = self.0.get(&anchor).copied();
        let declared =
            declared.ok_or_else(|| Refusal::invalid(format!("no function has the function_anchor {anchor}")))?;
        match declared.extension {
            Some(extension) if !is_standard(extension) => {
                Err(Refusal::unsupported(format!("function {} of the extension {extension}", declared.name)))
            }
            _ => Ok(declared),
        }
    }
}

impl<'a> Declared<'a> {
    /// How a scalar function is written.
    pub(super) fn form(&self) -> Result<Form<'a>> {
        let others = if self.extension.is_none() { OTHER_OPERATORS } else { &[] };
        match others.iter().chain(SCALAR_FUNCTIONS).find(|(name, _)| *name == self.name) {
            Some((_, form)) => Ok(*form),
            None => self.postgres_name().map(Form::Own),
        }
    }

    /// The name of an aggregate or window function.
    pub(super) fn aggregate(&self, options: &Options) -> Result<&'a str> {
        match AGGREGATE_FUNCTIONS.iter().find(|(name, _)| *name == self.name) {
            Some((_, "stddev_samp")) if options.of_population => Ok("stddev_pop"),
            Some((_, "var_samp")) if options.of_population => Ok("var_pop"),
            Some((_, name)) => Ok(*name),
            None => self.postgres_name(),
        }
    }

    /// The name of one of PostgreSQL's own functions.
    fn postgres_name(&self) -> Result<&'a str> {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
                && name.chars().all(|part| part.is_ascii_lowercase() || part.is_ascii_digit() || part == '_')
        };
        let is_callable = self.extension.is_none() && is_name(self.name) && !RESERVED_WORDS.contains(&self.name);
        is_callable.then_some(self.name).ok_or_else(|| self.unknown())
    }

    fn unknown(&self) -> Refusal {
        let of = self.extension.map(|extension| format!(" of the extension {extension}")).unwrap_or_default();
        Refusal::unsupported(format!("function {}{of}", self.name))
    }
}

fn is_standard(extension: &str) -> bool {
    let name = match extension.strip_prefix(STANDARD_URN) {
        Some(name) => name,
        None => extension.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap_or_default(),
    };
    STANDARD_EXTENSIONS.contains(&name)
}
