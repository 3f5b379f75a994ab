//! `||`, `concat`, `format` and their like, which take values of any type, and NULL, by their texts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, Operator};

use crate::error::Error;
use crate::functions::column::{Output, Text};
use crate::functions::conversion::converted;
use crate::functions::function::{Call, Function};
use crate::functions::strict::{Operand, result_of, rows_of};
use crate::functions::udf::{Evaluate, Udf};
use crate::pg_type::PgType;
use crate::postgres::error::ValueResult;
use crate::postgres::text::{concatenation, format, quoting};

pub(super) fn operators() -> Vec<Function> {
    let pairs =
        [[PgType::Text, PgType::Text], [PgType::Text, PgType::AnyNonArray], [PgType::AnyNonArray, PgType::Text]];
    pairs
        .into_iter()
        .map(|pair| {
            Function::made("||", pair.into(), PgType::Text, |call| {
                let mut texts = as_texts(call)?.into_iter();
                match (texts.next(), texts.next()) {
                    (Some(left), Some(right)) => {
                        let concatenation = BinaryExpr::new(Box::new(left), Operator::StringConcat, Box::new(right));
                        Ok(Expr::BinaryExpr(concatenation))
                    }
                    _ => exec_err!("|| stands between two texts"),
                }
            })
        })
        .collect()
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        of_texts("concat", vec![PgType::Any], |texts| Ok(Some(concatenation::concat(texts)))).variadic(),
        of_texts("concat_ws", vec![PgType::Text, PgType::Any], |texts| {
            Ok(texts.split_first().and_then(|(separator, texts)| Some(concatenation::concat_ws((*separator)?, texts))))
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
    functions
}

/// `string_to_array`, whose delimiter may be NULL: then each letter is an element.
fn split() -> Vec<Function> {
    let udf = Udf::new("string_to_array", PgType::Text.array(), Arc::new(Split));
    let of = |count| Function::scalar("string_to_array", vec![PgType::Text; count], udf.clone());
    vec![of(2), of(3), of(2).named("string_to_table").set(&[]), of(3).named("string_to_table").set(&[])]
}

struct Split;

impl Evaluate for Split {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let operands = arguments.iter().map(Operand::<Text>::read).collect::<Result<Vec<_>>>()?;
        let mut builder = <Vec<Option<String>> as Output>::builder(rows, returns);
        for row in 0..rows {
            let value = |place: usize| operands.get(place).and_then(|operand| operand.value(row));
            let parts = value(0).map(|text| concatenation::string_to_array(text, value(1), value(2)));
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
    let udf = Arc::new(datafusion::logical_expr::ScalarUDF::from(udf));
    Function::made(name, arguments, PgType::Text, move |call| Ok(udf.call(as_texts(call)?)))
}

fn as_texts(call: Call<'_>) -> Result<Vec<Expr>> {
    let Call { arguments, types, schema, surroundings } = call;
    let typed = arguments.into_iter().zip(&types);
    typed.map(|(argument, pg_type)| converted(argument, pg_type, &PgType::Text, schema, surroundings)).collect()
}

struct OfTexts(fn(&[Option<&str>]) -> ValueResult<Option<String>>);

impl Evaluate for OfTexts {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let texts = |argument: &ColumnarValue| -> Result<StringViewArray> {
            let array: ArrayRef = argument.to_array(rows)?;
            Ok(arrow::compute::cast(&array, &DataType::Utf8View)?.as_string_view().clone())
        };
        let columns = arguments.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let mut results = StringViewBuilder::with_capacity(rows);
        let mut row_texts: Vec<Option<&str>> = Vec::with_capacity(columns.len());
        for row in 0..rows {
            row_texts.clear();
            row_texts.extend(columns.iter().map(|column| column.is_valid(row).then(|| column.value(row))));
            results.append_option((self.0)(&row_texts).map_err(Error::Value)?);
        }
        result_of(Arc::new(results.finish()), arguments)
    }
}
