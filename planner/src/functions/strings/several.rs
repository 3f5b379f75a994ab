//! `||`, `concat`, `format` and their like, which take values of any type, and NULL, by their texts.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF};

use crate::error::Error;
use crate::functions::column::{Array1, Output, Text};
use crate::functions::conversion::{as_output, converted};
use crate::functions::function::{Call, Function};
use crate::functions::growth::{Growth, spread};
use crate::functions::strict::{Operand, argument, result_of, rows_of, udf1};
use crate::functions::udf::{Evaluate, Udf};
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::text::{checked_length, concatenation, format, quoting};

pub(super) fn operators() -> Vec<Function> {
    let pairs =
        [[PgType::Text, PgType::Text], [PgType::Text, PgType::AnyNonArray], [PgType::AnyNonArray, PgType::Text]];
    let udf = Arc::new(ScalarUDF::from(Udf::new("||", PgType::Text, Arc::new(Concatenated)).strict()));
    pairs
        .into_iter()
        .map(|pair| {
            let udf = Arc::clone(&udf);
            Function::made("||", pair.into(), PgType::Text, move |call| Ok(udf.call(as_texts(call)?)))
        })
        .collect()
}

/// Two texts in a row.
struct Concatenated;

impl Evaluate for Concatenated {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let left = Operand::<Text>::read(argument(arguments, 0)?)?;
        let right = Operand::<Text>::read(argument(arguments, 1)?)?;
        let mut growth = Growth::of(arguments);
        let mut texts = StringViewBuilder::with_capacity(rows);
        let mut text = String::new();
        for row in 0..rows {
            let (Some(left), Some(right)) = (left.value(row), right.value(row)) else {
                texts.append_null();
                continue;
            };
            let bytes = checked_length(left.len().checked_add(right.len())).map_err(Error::Value)?;
            growth.add(bytes).map_err(Error::Value)?;
            text.clear();
            text.push_str(left);
            text.push_str(right);
            texts.append_value(&text);
        }
        result_of(Arc::new(texts.finish()), arguments)
    }
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        of_texts("concat", vec![PgType::Any], |texts| concatenation::concat(texts).map(Some)).variadic(),
        of_texts("concat_ws", vec![PgType::Text, PgType::Any], |texts| {
            let separated = texts.split_first().and_then(|(separator, texts)| Some(((*separator)?, texts)));
            separated.map(|(separator, texts)| concatenation::concat_ws(separator, texts)).transpose()
        })
        .variadic(),
        of_texts("format", vec![PgType::Text], formatted),
        of_texts("format", vec![PgType::Text, PgType::Any], formatted).variadic(),
        of_texts("quote_nullable", vec![PgType::AnyElement], |texts| {
            Ok(texts.first().map(|text| quoting::quote_nullable(*text)))
        }),
        of_texts("quote_literal", vec![PgType::AnyNonArray], |texts| {
            Ok(texts.first().and_then(|text| text.map(quoting::quote_literal)))
        }),
    ];
    functions.extend(split());
    functions.extend(joined());
    functions
}

/// `string_to_array`, whose delimiter may be NULL: then each letter is an element.
fn split() -> Vec<Function> {
    let udf = Udf::new("string_to_array", PgType::Text.array(), Arc::new(Split));
    let of = |count| Function::scalar("string_to_array", vec![PgType::Text; count], udf.clone());
    vec![of(2), of(3), of(2).named("string_to_table").set(&[]), of(3).named("string_to_table").set(&[])]
}

/// `array_to_string` of arrays of any type. What stands for NULL may be NULL: then it is left out.
fn joined() -> Vec<Function> {
    let udf = Udf::new("array_to_string", PgType::Text, Arc::new(Joined));
    let of = |arguments: Vec<PgType>, udf: Udf| {
        let udf = ScalarUDF::from(udf);
        Function::made("array_to_string", arguments, PgType::Text, move |mut call| {
            let of_texts = PgType::Text.array();
            let own = call.types.first().cloned().unwrap_or_else(|| of_texts.clone());
            let array = call.arguments.remove(0);
            // Addresses are printed without the bits that a cast has.
            let array = match own == PgType::inet().array() {
                true => array,
                false => converted(array, &own, &of_texts, call.schema, call.surroundings)?,
            };
            call.arguments.insert(0, array);
            Ok(udf.call(call.arguments))
        })
    };
    let arguments = [PgType::AnyArray, PgType::Text, PgType::Text];
    vec![of(arguments[..2].to_vec(), udf.clone().strict()), of(arguments.to_vec(), udf)]
}

struct Joined;

impl Evaluate for Joined {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let lists = Operand::<Array1<Text>>::read(argument(arguments, 0)?)?;
        let delimiters = Operand::<Text>::read(argument(arguments, 1)?)?;
        let nulls = arguments.get(2).map(Operand::<Text>::read).transpose()?;
        let mut growth = Growth::of(arguments);
        let mut texts = StringViewBuilder::with_capacity(rows);
        for row in 0..rows {
            let null = nulls.as_ref().and_then(|nulls| nulls.value(row));
            let (Some(list), Some(delimiter)) = (lists.value(row), delimiters.value(row)) else {
                texts.append_null();
                continue;
            };
            let text = concatenation::array_to_string(&list.iter().collect::<Vec<_>>(), delimiter, null)
                .map_err(Error::Value)?;
            growth.add(text.len()).map_err(Error::Value)?;
            texts.append_value(&text);
        }
        result_of(Arc::new(texts.finish()), arguments)
    }
}

struct Split;

impl Evaluate for Split {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let operands = arguments.iter().map(Operand::<Text>::read).collect::<Result<Vec<_>>>()?;
        let mut growth = Growth::of(arguments);
        let mut builder = <Vec<Option<String>> as Output>::builder(rows, returns);
        for row in 0..rows {
            let value = |place: usize| operands.get(place).and_then(|operand| operand.value(row));
            let parts = value(0).map(|text| concatenation::string_to_array(text, value(1), value(2))).transpose();
            let parts = parts.map_err(Error::Value)?;
            growth.add(parts.as_ref().map_or(0, Output::bytes)).map_err(Error::Value)?;
            Output::append(&mut builder, parts).map_err(Error::Value)?;
        }
        result_of(<Vec<Option<String>> as Output>::finish(builder)?, arguments)
    }
}

fn formatted(texts: &[Option<&str>]) -> ValueResult<Option<String>> {
    match texts {
        [Some(template), arguments @ ..] => format::format(template, arguments).map(Some),
        _ => Ok(None),
    }
}

/// A function of the texts of its arguments, any of which may be NULL.
fn of_texts(
    name: &'static str,
    arguments: Vec<PgType>,
    function: fn(&[Option<&str>]) -> ValueResult<Option<String>>,
) -> Function {
    let udf = Udf::new(name, PgType::Text, Arc::new(OfTexts(function)));
    let udf = Arc::new(ScalarUDF::from(udf));
    let is_cast = name.starts_with("quote");
    Function::made(name, arguments, PgType::Text, move |call| {
        Ok(udf.call(if is_cast { as_texts(call)? } else { as_printed(call)? }))
    })
}

/// The arguments as they are printed where they are not cast.
fn as_printed(call: Call<'_>) -> Result<Vec<Expr>> {
    let Call { arguments, types, schema, surroundings, .. } = call;
    let typed = arguments.into_iter().zip(&types);
    let printed = typed.map(|(argument, pg_type)| {
        let text = as_output(argument, pg_type, schema, surroundings)?;
        Ok(if *pg_type == PgType::Bool { first_letter(text) } else { text })
    });
    printed.collect()
}

/// `t` and `f` of truth values.
fn first_letter(text: Expr) -> Expr {
    static LETTER: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let letter = udf1::<(), Text, _, _>("first_letter", |(), text: &str| text.chars().take(1).collect::<String>());
        Arc::new(ScalarUDF::from(letter))
    });
    LETTER.call(vec![text])
}

fn as_texts(call: Call<'_>) -> Result<Vec<Expr>> {
    let Call { arguments, types, schema, surroundings, .. } = call;
    let typed = arguments.into_iter().zip(&types);
    typed.map(|(argument, pg_type)| converted(argument, pg_type, &PgType::Text, schema, surroundings)).collect()
}

struct OfTexts(fn(&[Option<&str>]) -> ValueResult<Option<String>>);

impl Evaluate for OfTexts {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let texts = |argument: &ColumnarValue| -> Result<StringViewArray> {
            let array: ArrayRef = spread(argument, rows)?;
            Ok(arrow::compute::cast(&array, &DataType::Utf8View)?.as_string_view().clone())
        };
        let columns = arguments.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let mut growth = Growth::of(arguments);
        let mut results = StringViewBuilder::with_capacity(rows);
        let mut row_texts: Vec<Option<&str>> = Vec::with_capacity(columns.len());
        for row in 0..rows {
            row_texts.clear();
            row_texts.extend(columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))));
            let result = (self.0)(&row_texts).map_err(Error::Value)?;
            growth.add(result.as_ref().map_or(0, String::len)).map_err(Error::Value)?;
            results.append_option(result);
        }
        result_of(Arc::new(results.finish()), arguments)
    }
}
