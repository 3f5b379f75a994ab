//! JSON made of values of any type: `to_json`, `json_build_object`, `json_agg` and their like.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF, lit};

use crate::error::Error;
use crate::functions::aggregates::{collected, in_order_if_distinct};
use crate::functions::column::{Array1, Json, JsonText, Jsonb, JsonbText, Text};
use crate::functions::conversion::{as_output, print, written};
use crate::functions::function::{AggregateCall, Call, Function};
use crate::functions::growth::{Growth, spread};
use crate::functions::strict::{result_of, rows_of, strict1, strict2};
use crate::functions::udf::{Evaluate, Udf};
use crate::pg_type::{Category, PgType};
use crate::postgres::datetime::zone::Zone;
use crate::postgres::error::ValueResult;
use crate::postgres::json::build::{
    ObjectOptions, Scalar, json_build_array, json_build_object, json_object, jsonb_build_array, jsonb_build_object,
    jsonb_object,
};
use crate::postgres::json::{self, write_string};
use crate::query::Surroundings;

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::made("to_json", vec![PgType::AnyElement], PgType::Json, |call| only(call, &PgType::Json)),
        Function::made("to_jsonb", vec![PgType::AnyElement], PgType::Jsonb, |call| only(call, &PgType::Jsonb)),
        Function::made("row_to_json", vec![PgType::AnyElement], PgType::Json, |call| only(call, &PgType::Json)),
        Function::made("array_to_json", vec![PgType::AnyArray], PgType::Json, |call| only(call, &PgType::Json)),
        strict1::<Array1<Text>, _, _>("json_object", |pairs| {
            json_object(in_pairs(&pairs.iter().collect::<Vec<_>>())?).map(JsonText)
        }),
        strict1::<Array1<Text>, _, _>("jsonb_object", |pairs| {
            jsonb_object(in_pairs(&pairs.iter().collect::<Vec<_>>())?).map(JsonbText)
        }),
        strict2::<Array1<Text>, Array1<Text>, _, _>("json_object", |keys, values| {
            json::build::check_two_arrays(&lengths(keys.len()), &lengths(values.len()))?;
            json_object(keys.iter().zip(values.iter())).map(JsonText)
        }),
        strict2::<Array1<Text>, Array1<Text>, _, _>("jsonb_object", |keys, values| {
            json::build::check_two_arrays(&lengths(keys.len()), &lengths(values.len()))?;
            jsonb_object(keys.iter().zip(values.iter())).map(JsonbText)
        }),
    ];
    functions.extend(built("json_build_object", PgType::Json, true, |parts| {
        json_build_object(parts, ObjectOptions::default())
    }));
    functions.extend(built("jsonb_build_object", PgType::Jsonb, true, |parts| {
        jsonb_build_object(parts, ObjectOptions::default())
    }));
    functions.extend(built("json_build_array", PgType::Json, false, |parts| Ok(json_build_array(parts))));
    functions.extend(built("jsonb_build_array", PgType::Jsonb, false, jsonb_build_array));
    // What is behind JSON_OBJECT and JSON_ARRAY with that clause, and no function of PostgreSQL's.
    const ABSENT: ObjectOptions = ObjectOptions { absent_on_null: true, unique_keys: false };
    functions.extend(built("json_object absent on null", PgType::Json, true, |parts| json_build_object(parts, ABSENT)));
    functions
        .extend(built("jsonb_object absent on null", PgType::Jsonb, true, |parts| jsonb_build_object(parts, ABSENT)));
    functions
        .extend(built("json_array absent on null", PgType::Json, false, |parts| Ok(json_build_array(&present(parts)))));
    functions
        .extend(built("jsonb_array absent on null", PgType::Jsonb, false, |parts| jsonb_build_array(&present(parts))));
    functions
}

fn present<'a>(parts: &[Scalar<'a>]) -> Vec<Scalar<'a>> {
    parts.iter().copied().filter(|part| *part != Scalar::Null).collect()
}

fn lengths(length: usize) -> Vec<usize> {
    if length == 0 { vec![] } else { vec![length] }
}

fn in_pairs<'a>(
    elements: &[Option<&'a str>],
) -> ValueResult<impl Iterator<Item = (Option<&'a str>, Option<&'a str>)> + use<'a>> {
    json::build::check_pairs(&lengths(elements.len()))?;
    let pairs: Vec<_> = elements.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    Ok(pairs.into_iter())
}

fn only(call: Call<'_>, to: &PgType) -> Result<Expr> {
    let Call { mut arguments, types, surroundings, .. } = call;
    match (arguments.pop(), types.first()) {
        (Some(value), Some(pg_type)) => Ok(as_json(value, pg_type, to, surroundings)),
        _ => datafusion::common::internal_err!("nothing to make JSON of"),
    }
}

/// A value as JSON; NULL stays NULL.
fn as_json(value: Expr, pg_type: &PgType, to: &PgType, surroundings: &Surroundings) -> Expr {
    if pg_type == to || (pg_type, to) == (&PgType::Jsonb, &PgType::Json) {
        return value;
    }
    let is_binary = *to == PgType::Jsonb;
    let name = if is_binary { "to_jsonb" } else { "to_json" };
    let evaluate = ToJson { pg_type: pg_type.clone(), is_binary };
    let function = ScalarUDF::from(Udf::new(name, to.clone(), Arc::new(evaluate)));
    function.call(vec![value, lit(surroundings.zone.as_str())])
}

struct ToJson {
    pg_type: PgType,
    is_binary: bool,
}

impl Evaluate for ToJson {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        written(arguments, rows, |array, row, zone, text| {
            write(array, row, &self.pg_type, zone, text)?;
            if self.is_binary {
                *text = json::canonical(text).map_err(Error::Value)?;
            }
            Ok(())
        })
    }

    fn made_for(&self) -> Option<&PgType> {
        Some(&self.pg_type)
    }
}

/// Writes the value of a row as `json`.
fn write(array: &ArrayRef, row: usize, pg_type: &PgType, zone: &Zone, out: &mut String) -> Result<()> {
    if array.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match (pg_type, array.data_type()) {
        (PgType::Array(element), DataType::List(_)) => {
            let elements = array.as_list::<i32>().value(row);
            out.push('[');
            for place in 0..elements.len() {
                if place > 0 {
                    out.push(',');
                }
                write(&elements, place, element, zone, out)?;
            }
            out.push(']');
        }
        (PgType::Record(fields), DataType::Struct(_)) => {
            let columns = array.as_struct().columns();
            out.push('{');
            for (number, ((name, pg_type), column)) in fields.iter().zip(columns).enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write_string(out, name);
                out.push(':');
                write(column, row, pg_type, zone, out)?;
            }
            out.push('}');
        }
        _ => write_scalar(array, row, pg_type, zone, out)?,
    }
    Ok(())
}

fn write_scalar(array: &ArrayRef, row: usize, pg_type: &PgType, zone: &Zone, out: &mut String) -> Result<()> {
    let mut text = String::new();
    print(array, row, pg_type, zone, &mut text)?;
    match pg_type {
        PgType::Bool => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        PgType::Json | PgType::Jsonb => out.push_str(&text),
        PgType::Timestamp | PgType::Timestamptz => {
            // ISO 8601 has a T between date and time, and minutes in offsets.
            let mut iso = text.replacen(' ', "T", 1);
            let end = iso.strip_suffix(BEFORE_CHRIST).map_or(iso.len(), str::len);
            if *pg_type == PgType::Timestamptz && iso.get(..end).is_some_and(has_short_offset) {
                iso.insert_str(end, ":00");
            }
            write_string(out, &iso);
        }
        number if number.category() == Category::Number && *number != PgType::Oid => {
            Scalar::Number(&text).write_json(out);
        }
        _ => write_string(out, &text),
    }
    Ok(())
}

/// What stands behind a moment that is so long ago.
const BEFORE_CHRIST: &str = " BC";

/// Whether an offset is one of hours alone: `+05`.
fn has_short_offset(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 3 && matches!(bytes[bytes.len() - 3], b'+' | b'-')
}

/// A function of any number of values, which are made JSON first; keys of objects are texts.
fn built(
    name: &'static str,
    returns: PgType,
    has_keys: bool,
    build: fn(&[Scalar<'_>]) -> ValueResult<String>,
) -> Vec<Function> {
    let udf = Udf::new(name, returns.clone(), Arc::new(Built { build, has_keys, is_binary: returns == PgType::Jsonb }));
    let udf = Arc::new(ScalarUDF::from(udf));
    let of_any = |arguments: Vec<PgType>| {
        let (udf, to) = (Arc::clone(&udf), returns.clone());
        Function::made(name, arguments, returns.clone(), move |call| {
            let Call { arguments, types, schema, surroundings, .. } = call;
            let mut parts = Vec::with_capacity(arguments.len());
            for (place, (value, pg_type)) in arguments.into_iter().zip(&types).enumerate() {
                parts.push(match has_keys && place % 2 == 0 {
                    true => as_output(value, pg_type, schema, surroundings)?,
                    false => as_json(value, pg_type, &to, surroundings),
                });
            }
            if parts.is_empty() {
                parts.push(lit("nothing"));
            }
            Ok(udf.call(parts))
        })
    };
    vec![of_any(vec![]), of_any(vec![PgType::Any]).variadic()]
}

struct Built {
    build: fn(&[Scalar<'_>]) -> ValueResult<String>,
    has_keys: bool,
    is_binary: bool,
}

impl Evaluate for Built {
    fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, _returns: &DataType) -> Result<ColumnarValue> {
        let rows = rows_of(arguments, rows);
        let texts = |argument: &ColumnarValue| -> Result<StringViewArray> {
            let array: ArrayRef = spread(argument, rows)?;
            Ok(arrow::compute::cast(&array, &DataType::Utf8View)?.as_string_view().clone())
        };
        let columns = arguments.iter().map(texts).collect::<Result<Vec<_>>>()?;
        let mut growth = Growth::of(arguments);
        let mut built = StringViewBuilder::with_capacity(rows);
        let mut parts: Vec<Scalar<'_>> = Vec::with_capacity(columns.len());
        for row in 0..rows {
            parts.clear();
            for (place, column) in columns.iter().enumerate() {
                parts.push(match column.is_valid(row) {
                    false => Scalar::Null,
                    true if self.has_keys && place % 2 == 0 => Scalar::Text(column.value(row)),
                    true if self.is_binary => Scalar::Jsonb(column.value(row)),
                    true => Scalar::Json(column.value(row)),
                });
            }
            // A call without arguments has one that stands for none.
            if let ([Scalar::Text("nothing")] | [Scalar::Jsonb("nothing")] | [Scalar::Json("nothing")], 1) =
                (parts.as_slice(), columns.len())
            {
                parts.clear();
            }
            let text = (self.build)(&parts).map_err(Error::Value)?;
            growth.add(text.len()).map_err(Error::Value)?;
            built.append_value(text);
        }
        result_of(Arc::new(built.finish()), arguments)
    }
}

/// The aggregates collect the parts, and a function of values joins them.
pub(super) fn aggregates() -> Vec<Function> {
    let json_array = strict1::<Array1<Json>, _, _>("json_of_elements", |elements| {
        JsonText(json_array(elements.iter(), Scalar::Json))
    });
    let jsonb_array = strict1::<Array1<Jsonb>, _, _>("jsonb_of_elements", |elements| {
        let parts: Vec<Scalar<'_>> = elements.iter().map(|part| part.map_or(Scalar::Null, Scalar::Jsonb)).collect();
        jsonb_build_array(&parts).map(JsonbText)
    });
    let json_members = strict2::<Array1<Text>, Array1<Json>, _, _>("json_of_members", |keys, values| {
        let parts = members(keys.iter(), values.iter(), Scalar::Json);
        let built = json_build_object(&parts, ObjectOptions::default())?;
        // The aggregate writes blanks within its braces.
        Ok(JsonText(match built.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            Some(inside) => format!("{{ {inside} }}"),
            None => built,
        }))
    });
    let jsonb_members = strict2::<Array1<Text>, Array1<Jsonb>, _, _>("jsonb_of_members", |keys, values| {
        let parts = members(keys.iter(), values.iter(), Scalar::Jsonb);
        jsonb_build_object(&parts, ObjectOptions::default()).map(JsonbText)
    });
    let mut functions = vec![];
    for (name, to, joined) in [("json_agg", PgType::Json, json_array), ("jsonb_agg", PgType::Jsonb, jsonb_array)] {
        functions.push(Function::aggregate(name, vec![PgType::AnyElement], to.clone(), move |call| {
            let [value] = call.arguments.as_slice() else { return datafusion::common::internal_err!("no value") };
            let value = aggregated(&call, value.clone(), 0, &to);
            let call = in_order_if_distinct(call);
            joined.of_expressions(vec![call.of(collected(), vec![value])], call.schema)
        }));
    }
    for (name, to, joined) in
        [("json_object_agg", PgType::Json, json_members), ("jsonb_object_agg", PgType::Jsonb, jsonb_members)]
    {
        functions.push(Function::aggregate(name, vec![PgType::Any, PgType::Any], to.clone(), move |call| {
            let [key, value] = call.arguments.as_slice() else { return datafusion::common::internal_err!("no pair") };
            let value = aggregated(&call, value.clone(), 1, &to);
            let key = as_key(&call, key.clone())?;
            let call = in_order_if_distinct(call);
            let keys = call.of(collected(), vec![key]);
            joined.of_expressions(vec![keys, call.of(collected(), vec![value])], call.schema)
        }));
    }
    functions
}

fn aggregated(call: &AggregateCall<'_>, value: Expr, place: usize, to: &PgType) -> Expr {
    let pg_type = call.types.get(place).cloned().unwrap_or(PgType::Text);
    as_json(value, &pg_type, to, call.surroundings)
}

fn as_key(call: &AggregateCall<'_>, key: Expr) -> Result<Expr> {
    let pg_type = call.types.first().cloned().unwrap_or(PgType::Text);
    let schema: &DFSchema = call.schema;
    as_output(key, &pg_type, schema, call.surroundings)
}

fn json_array<'a>(elements: impl Iterator<Item = Option<&'a str>>, of: fn(&'a str) -> Scalar<'a>) -> String {
    let parts: Vec<Scalar<'a>> = elements.map(|part| part.map_or(Scalar::Null, of)).collect();
    json_build_array(&parts)
}

fn members<'a>(
    keys: impl Iterator<Item = Option<&'a str>>,
    values: impl Iterator<Item = Option<&'a str>>,
    of: fn(&'a str) -> Scalar<'a>,
) -> Vec<Scalar<'a>> {
    let pairs = keys.zip(values);
    pairs.flat_map(|(key, value)| [key.map_or(Scalar::Null, Scalar::Text), value.map_or(Scalar::Null, of)]).collect()
}
