//! Parameters: `$1`, `$2`, ... take the type of the place they stand in. Given values are constants of their own type,
//! but for texts, which are read as what their place wants, like texts in quotes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::metadata::FieldMetadata;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;

use super::typed::Typed;
use crate::constants_budget::count;
use crate::error::{Error, Result};
use crate::pg_type::PgType;

/// The values of the parameters, once they are there.
pub(crate) type Given<'a> = Option<&'a [ScalarValue]>;

/// For `$1` to the highest number in the statement the type that it wants; `None` where any will do.
pub(crate) type Wanted = Vec<Option<DataType>>;

/// As many as the protocol of PostgreSQL has numbers for.
const MAX_PARAMETERS: usize = 65_535;

#[derive(Debug)]
pub(super) struct Parameters<'a> {
    given: Given<'a>,
    wanted: BTreeMap<usize, Option<(PgType, DataType)>>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(given: Given<'a>) -> Self {
        Self { given, wanted: BTreeMap::new() }
    }

    /// What a parameter stands for.
    pub(super) fn get(&mut self, name: &str) -> Result<Typed> {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).filter(|&n| n > 0);
        let Some(number) = number else {
            return Err(Error::Parameter(format!("parameter {name}: parameters are written $1, $2, ...")));
        };
        if number > MAX_PARAMETERS {
            return Err(Error::Parameter(format!("there is no parameter {name}: there are at most {MAX_PARAMETERS}")));
        }
        let known = self.wanted.entry(number).or_default();
        match self.given {
            Some(values) => match values.get(number - 1) {
                Some(value) => {
                    count(value)?;
                    Ok(marked(constant(value)?, number))
                }
                // The count is checked at the end, when it is known how many there are.
                None => Ok(Typed::null()),
            },
            None => {
                let (pg_type, data_type) =
                    known.clone().map_or((PgType::Unknown, None), |(pg_type, data_type)| (pg_type, Some(data_type)));
                Ok(Typed::new(placeholder(name, data_type), pg_type))
            }
        }
    }

    /// The parameter as one of the type that its place wants.
    pub(super) fn settle(&mut self, id: &str, pg_type: &PgType) -> Typed {
        self.settle_as(id, pg_type, pg_type.arrow())
    }

    /// The same where it is known how many digits it is compared with.
    pub(super) fn settle_as(&mut self, id: &str, pg_type: &PgType, data_type: DataType) -> Typed {
        if let Some(number) = id.strip_prefix('$').and_then(|number| number.parse().ok()) {
            self.wanted.insert(number, Some((pg_type.clone(), data_type.clone())));
        }
        Typed::new(placeholder(id, Some(data_type)), pg_type.clone())
    }

    pub(super) fn wanted(self) -> Wanted {
        let highest = self.wanted.last_key_value().map_or(0, |(&number, _)| number);
        let wanted = |number| {
            let (pg_type, data_type) = self.wanted.get(&number)?.as_ref()?;
            // The engine's own form of texts is no client's.
            Some(match data_type {
                _ if pg_type.is_textual() => DataType::Utf8,
                DataType::BinaryView => DataType::Binary,
                other => other.clone(),
            })
        };
        (1..=highest).map(wanted).collect()
    }
}

fn placeholder(id: &str, data_type: Option<DataType>) -> Expr {
    let field = data_type.map(|data_type| Arc::new(Field::new(id, data_type, true)));
    Expr::Placeholder(Placeholder::new_with_field(id.to_owned(), field))
}

/// The mark of constants that were given for a parameter: its number.
const PARAMETER: &str = "parameter";

fn marked(mut typed: Typed, number: usize) -> Typed {
    if let Expr::Literal(_, metadata) = &mut typed.expr {
        *metadata = Some(FieldMetadata::from(BTreeMap::from([(PARAMETER.to_owned(), number.to_string())])));
    }
    typed
}

/// An error about a constant, which says of which parameter.
pub(super) fn named<'a>(error: Error, mut constants: impl Iterator<Item = &'a Typed>) -> Error {
    let number = constants.find_map(|typed| match &typed.expr {
        Expr::Literal(_, Some(metadata)) => metadata.inner().get(PARAMETER)?.parse().ok(),
        _ => None,
    });
    match (number, error) {
        (Some(number), error @ (Error::Query(_) | Error::Value(_) | Error::Unsupported(_))) => {
            Error::ParameterValue { number, message: error.to_string() }
        }
        (_, error) => error,
    }
}

/// A given value. Integers are as short as literals would be, texts are like texts in quotes.
fn constant(value: &ScalarValue) -> Result<Typed> {
    if let Some(text) = value.try_as_str() {
        return Ok(text.map_or_else(Typed::null, Typed::unknown));
    }
    if value.is_null() {
        return Ok(Typed::null());
    }
    let integer = match value {
        ScalarValue::Int8(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int16(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int32(Some(value)) => Some(i64::from(*value)),
        ScalarValue::Int64(Some(value)) => Some(*value),
        ScalarValue::UInt8(Some(value)) => Some(i64::from(*value)),
        ScalarValue::UInt16(Some(value)) => Some(i64::from(*value)),
        ScalarValue::UInt32(Some(value)) => Some(i64::from(*value)),
        ScalarValue::UInt64(Some(value)) => i64::try_from(*value).ok(),
        _ => None,
    };
    if let Some(integer) = integer {
        return Ok(super::literal::integer(integer));
    }
    let given = value.data_type();
    let pg_type = PgType::of_arrow(&given);
    let own = match pg_type {
        PgType::Numeric => given.clone(),
        PgType::Array(_) => own_elements(&given),
        ref pg_type => pg_type.arrow(),
    };
    if own == given {
        return Ok(Typed::constant(value.clone(), pg_type));
    }
    let value = value
        .cast_to(&own)
        .map_err(|_| Error::Parameter(format!("a parameter of type {given} cannot be read as {pg_type}")))?;
    Ok(Typed::constant(value, pg_type))
}

/// The type of an array whose elements have the units and widths that the engine has; texts and decimals are as they are.
fn own_elements(given: &DataType) -> DataType {
    match (given, PgType::of_arrow(given)) {
        (DataType::List(element), _) => {
            DataType::List(Arc::new(element.as_ref().clone().with_data_type(own_elements(element.data_type()))))
        }
        (DataType::Struct(fields), _) => DataType::Struct(
            fields.iter().map(|field| field.as_ref().clone().with_data_type(own_elements(field.data_type()))).collect(),
        ),
        (_, PgType::Text | PgType::Bytea | PgType::Numeric | PgType::Unknown) => given.clone(),
        (_, own) => own.arrow(),
    }
}
