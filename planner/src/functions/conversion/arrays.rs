//! Casts of arrays: of the texts that they are written as, and of their elements.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, ScalarValue, not_impl_err};
use datafusion::logical_expr::{Expr, cast};

use super::{Limit, read as read_element};
use crate::bind::Typed;
use crate::error::{Error, Result};
use crate::pg_type::{Category, PgType, list_of};
use crate::postgres::array_text::ArrayLiteral;
use crate::query::Surroundings;

/// The separator of elements in all types that are kept here as arrays.
const DELIMITER: char = ',';

/// An array from its text.
pub(super) fn read(text: &str, element: &PgType, surroundings: &Surroundings) -> Result<ScalarValue> {
    let literal = ArrayLiteral::parse(text, DELIMITER).map_err(Error::Value)?;
    if literal.dims.len() > 1 || literal.lower_bounds.iter().any(|&bound| bound != 1) {
        return Err(Error::Unsupported(
            "not supported: arrays of more than one dimension, or that do not begin at 1".to_owned(),
        ));
    }
    let mut values = Vec::with_capacity(literal.elements.len());
    for text in &literal.elements {
        values.push(match text {
            Some(text) => read_element(text, element, surroundings)?,
            None => ScalarValue::try_from(element.arrow())?,
        });
    }
    let data_type = element_type(&mut values, element)?;
    Ok(ScalarValue::List(ScalarValue::new_list(&values, &data_type, true)))
}

/// The Arrow type of the elements: numerics have as many digits as the longest of them.
fn element_type(values: &mut [ScalarValue], element: &PgType) -> Result<DataType> {
    if *element != PgType::Numeric {
        return Ok(element.arrow());
    }
    let (mut whole, mut scale) = (1_u8, 0_i8);
    for value in values.iter() {
        match value {
            ScalarValue::Decimal128(Some(_), precision, own) => {
                whole = whole.max(precision.saturating_sub(own.unsigned_abs()));
                scale = scale.max(*own);
            }
            ScalarValue::Decimal256(..) => return Ok(not_impl_err!("arrays of numerics of more than 38 digits")?),
            _ => {}
        }
    }
    let data_type = DataType::Decimal128((whole + scale.unsigned_abs()).clamp(1, 38), scale);
    for value in values {
        *value = value.cast_to(&data_type)?;
    }
    Ok(data_type)
}

/// An array of elements of another type.
pub(super) fn converted(
    expr: Expr,
    from: &PgType,
    to: &PgType,
    _schema: &DFSchema,
    surroundings: &Surroundings,
) -> datafusion::common::Result<Expr> {
    if from.is_textual() && to.is_textual() && !matches!(to, PgType::Uuid | PgType::Json | PgType::Jsonb) {
        return Ok(expr);
    }
    let is_number = |pg_type: &PgType| pg_type.category() == Category::Number;
    let is_exact = |pg_type: &PgType| pg_type.is_integer() || is_number(pg_type) && *pg_type != PgType::Numeric;
    if is_exact(from) && is_exact(to) && (from.is_integer() || !to.is_integer()) {
        return Ok(cast(expr, list_of(to.arrow())));
    }
    if from.is_integer() && *to == PgType::Numeric {
        return Ok(cast(expr, list_of(DataType::Decimal128(crate::pg_type::BIGINT_DIGITS, 0))));
    }
    each::converted(expr, from, to, surroundings)
}

/// `numeric(10, 2)[]`.
pub(super) fn with_modifier(expr: Expr, element: &PgType, limit: Limit) -> Result<Typed> {
    let pg_type = element.clone().array();
    match (limit, element) {
        (Limit::Digits { precision, scale }, PgType::Numeric) => {
            let digits = (u8::try_from(precision), i8::try_from(scale));
            let (Ok(precision @ 1..=38), Ok(scale @ 0..)) = digits else {
                return Err(Error::Unsupported("not supported: arrays of numerics of so many digits".to_owned()));
            };
            Ok(Typed::new(cast(expr, list_of(DataType::Decimal128(precision, scale))), pg_type))
        }
        (Limit::None, _) => Ok(Typed::new(expr, pg_type)),
        _ => Err(Error::Unsupported(format!("not supported: a length for the elements of {pg_type}"))),
    }
}

/// Casts that are done element by element.
mod each {
    use std::fmt;
    use std::hash::{Hash, Hasher};

    use arrow::array::{Array, ListArray};
    use datafusion::common::Result;
    use datafusion::common::config::ConfigOptions;
    use datafusion::logical_expr::expr::ScalarFunction;
    use datafusion::logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
    };

    use super::{Arc, DFSchema, DataType, Expr, Field, PgType, Surroundings, list_of, not_impl_err};
    use crate::functions::column::as_list;

    pub(super) fn converted(expr: Expr, from: &PgType, to: &PgType, surroundings: &Surroundings) -> Result<Expr> {
        // What one element would be cast by.
        let element = lit(0);
        let cast = super::super::converted(element, from, to, &DFSchema::empty(), surroundings)?;
        let Expr::ScalarFunction(function) = cast else {
            return not_impl_err!("a cast from {from}[] to {to}[]");
        };
        let signature = Signature::any(1, Volatility::Immutable);
        Ok(ScalarUDF::from(Each { function, to: to.clone(), signature }).call(vec![expr]))
    }

    /// A function of one element, applied to all.
    struct Each {
        function: ScalarFunction,
        to: PgType,
        signature: Signature,
    }

    impl fmt::Debug for Each {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_struct("Each").field("function", &self.function.name()).finish_non_exhaustive()
        }
    }

    impl PartialEq for Each {
        fn eq(&self, other: &Self) -> bool {
            self.function == other.function
        }
    }

    impl Eq for Each {}

    impl Hash for Each {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.function.hash(state);
        }
    }

    impl ScalarUDFImpl for Each {
        fn name(&self) -> &str {
            "each"
        }

        fn signature(&self) -> &Signature {
            &self.signature
        }

        fn return_type(&self, types: &[DataType]) -> Result<DataType> {
            match (types.first(), &self.to) {
                (Some(DataType::List(element)), PgType::Numeric) => {
                    Ok(list_of(self.function.func.return_type(&[element.data_type().clone()])?))
                }
                _ => Ok(list_of(self.to.arrow())),
            }
        }

        fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
            let arrays = ColumnarValue::values_to_arrays(&args.args)?;
            let Some(lists) = arrays.first() else { return not_impl_err!("a cast of nothing") };
            let lists = as_list(lists)?;
            let elements = lists.values();
            let DataType::List(field) = args.return_field.data_type() else { return not_impl_err!("no list") };
            let mut values = vec![ColumnarValue::Array(Arc::clone(elements))];
            for further in self.function.args.iter().skip(1) {
                let Expr::Literal(value, _) = further else { return not_impl_err!("a cast that needs a column") };
                values.push(ColumnarValue::Scalar(value.clone()));
            }
            let inner = ScalarFunctionArgs {
                arg_fields: values.iter().map(|value| Arc::new(Field::new("each", value.data_type(), true))).collect(),
                args: values,
                number_rows: elements.len(),
                return_field: Arc::clone(field),
                config_options: Arc::new(ConfigOptions::default()),
            };
            let elements = self.function.func.invoke_with_args(inner)?.to_array(elements.len())?;
            let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
            let cast = ListArray::try_new(field, lists.offsets().clone(), elements, lists.nulls().cloned())?;
            super::super::super::strict::result_of(Arc::new(cast), &args.args)
        }
    }
}
