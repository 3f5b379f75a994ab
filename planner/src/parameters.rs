//! Parameters: what a statement wants for `$1`, `$2`, ..., and the check of what it is given.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Error, Result};

/// The types that the plan wants for `$1` to the highest number that it uses.
pub(crate) fn wanted(plan: &LogicalPlan) -> Result<Vec<Option<DataType>>> {
    let mut numbered = BTreeMap::new();
    for (name, data_type) in plan.get_parameter_types()? {
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).filter(|&n| n > 0);
        let Some(number) = number else {
            return Err(Error::Parameter(format!("parameter {name}: parameters are written $1, $2, ...")));
        };
        numbered.insert(number, data_type);
    }
    let highest = numbered.last_key_value().map_or(0, |(&number, _)| number);
    Ok((1..=highest).map(|number| numbered.remove(&number).flatten()).collect())
}

/// Puts the values in.
///
/// # Errors
/// [`Error::Parameter`] when there are too few or too many, or a text is not of the wanted type.
pub(crate) fn bind(plan: LogicalPlan, values: &[ScalarValue]) -> Result<LogicalPlan> {
    let wanted = wanted(&plan)?;
    if wanted.len() != values.len() {
        return Err(Error::Parameter(format!(
            "the statement has {} parameter{}, but {} {} given",
            wanted.len(),
            if wanted.len() == 1 { "" } else { "s" },
            values.len(),
            if values.len() == 1 { "was" } else { "were" },
        )));
    }
    let mut typed = Vec::with_capacity(values.len());
    for (index, (value, wanted)) in values.iter().zip(&wanted).enumerate() {
        typed.push(match wanted {
            Some(wanted) => as_wanted(index + 1, value, wanted)?,
            None => value.clone(),
        });
    }
    Ok(plan.with_param_values(typed)?)
}

/// Text is read as the wanted type, as PostgreSQL reads a literal in quotes; other values keep their own
/// type, because a cast could round them before they are compared.
fn as_wanted(number: usize, value: &ScalarValue, wanted: &DataType) -> Result<ScalarValue> {
    let is_text = |data_type: &DataType| data_type.is_string();
    let own = value.data_type();
    if value.is_null() || (is_text(&own) && !is_text(wanted)) {
        return value
            .cast_to(wanted)
            .map_err(|_| Error::Parameter(format!("parameter ${number}: {value} cannot be read as {wanted}")));
    }
    let mismatch = is_text(wanted) && !is_text(&own)
        || wanted.is_numeric() && !own.is_numeric()
        || wanted.is_temporal() && own.is_numeric()
        || (wanted == &DataType::Boolean) != (own == DataType::Boolean);
    if mismatch {
        return Err(Error::Parameter(format!("parameter ${number} must be {wanted}, not {own}")));
    }
    Ok(value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_the_wanted_type() {
        let value = as_wanted(1, &ScalarValue::from("2026-01-31"), &DataType::Date32).unwrap();
        assert_eq!(value.data_type(), DataType::Date32);
        let message = as_wanted(2, &ScalarValue::from("soon"), &DataType::Int64).unwrap_err().to_string();
        assert_eq!(message, "parameter $2: soon cannot be read as Int64");
    }

    #[test]
    fn numbers_keep_their_own_precision() {
        let value = ScalarValue::Decimal128(Some(1_005), 4, 3);
        assert_eq!(as_wanted(1, &value, &DataType::Decimal128(12, 2)).unwrap(), value);
        let message = as_wanted(1, &value, &DataType::Utf8View).unwrap_err().to_string();
        assert!(message.starts_with("parameter $1 must be Utf8View, not Decimal128"), "{message}");
    }
}
