//! Casts of arrays: of the texts that they are written as, and of their elements.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, ScalarValue, not_impl_err};
use datafusion::logical_expr::{Expr, cast, col};

use super::{Limit, converted as convert_element, read as read_element};
use crate::bind::Typed;
use crate::error::{Error, Result};
use crate::pg_type::{PgType, list_of};
use crate::postgres::array_text::ArrayLiteral;
use crate::query::Surroundings;

/// The separator of elements in all types that are kept here as arrays.
const DELIMITER: char = ',';

/// What an element is called in the cast of one.
const ELEMENT: &str = "element";

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
    surroundings: &Surroundings,
) -> datafusion::common::Result<Expr> {
    // What one element would be cast by.
    let schema = DFSchema::try_from(Schema::new(vec![Field::new(ELEMENT, from.arrow(), true)]))?;
    each::applied(convert_element(col(ELEMENT), from, to, &schema, surroundings)?, expr)
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
    use std::iter::once;

    use arrow::array::{Array, AsArray, ListArray, UInt64Array};
    use arrow::compute::take;
    use datafusion::common::Result;
    use datafusion::common::config::ConfigOptions;
    use datafusion::logical_expr::expr::ScalarFunction;
    use datafusion::logical_expr::{
        self, ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    };

    use super::{Arc, DataType, Expr, Field, ScalarValue, list_of, not_impl_err};
    use crate::functions::column::as_list;
    use crate::functions::strict::result_of;

    /// A cast of one element, applied to those of arrays.
    pub(super) fn applied(cast: Expr, arrays: Expr) -> Result<Expr> {
        match cast {
            Expr::Column(_) => Ok(arrays),
            Expr::Cast(inner) => {
                let elements = list_of(inner.field.data_type().clone());
                Ok(logical_expr::cast(applied(*inner.expr, arrays)?, elements))
            }
            Expr::ScalarFunction(ScalarFunction { func: function, args }) => {
                let mut args = args.into_iter();
                let Some(element) = args.next() else { return not_impl_err!("a cast of nothing") };
                let further = args.map(|argument| match argument {
                    Expr::Literal(value, _) => Ok(value),
                    other => not_impl_err!("a cast of the elements of an array by {other}"),
                });
                let further = further.collect::<Result<_>>()?;
                let signature = Signature::any(1, Volatility::Immutable);
                let each = ScalarUDF::from(Each { function, further, signature });
                Ok(each.call(vec![applied(element, arrays)?]))
            }
            other => not_impl_err!("a cast of the elements of an array by {other}"),
        }
    }

    /// A function of one element, applied to all.
    struct Each {
        function: Arc<ScalarUDF>,
        /// Its arguments behind the element.
        further: Vec<ScalarValue>,
        signature: Signature,
    }

    impl fmt::Debug for Each {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_struct("Each").field("function", &self.function.name()).finish_non_exhaustive()
        }
    }

    impl PartialEq for Each {
        fn eq(&self, other: &Self) -> bool {
            (&self.function, &self.further) == (&other.function, &other.further)
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
            let element = match types.first() {
                Some(DataType::List(field)) => field.data_type().clone(),
                _ => DataType::Null,
            };
            let types: Vec<_> = once(element).chain(self.further.iter().map(ScalarValue::data_type)).collect();
            Ok(list_of(self.function.return_type(&types)?))
        }

        fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
            let arrays = ColumnarValue::values_to_arrays(&args.args)?;
            let Some(lists) = arrays.first() else { return not_impl_err!("a cast of nothing") };
            let lists = with_own_elements(&as_list(lists)?)?;
            let elements = lists.values();
            let DataType::List(field) = args.return_field.data_type() else { return not_impl_err!("no list") };
            let further = self.further.iter().cloned().map(ColumnarValue::Scalar);
            let values: Vec<_> = once(ColumnarValue::Array(Arc::clone(elements))).chain(further).collect();
            let inner = ScalarFunctionArgs {
                arg_fields: values.iter().map(|value| Arc::new(Field::new("each", value.data_type(), true))).collect(),
                args: values,
                number_rows: elements.len(),
                return_field: Arc::clone(field),
                config_options: Arc::new(ConfigOptions::default()),
            };
            let elements = self.function.invoke_with_args(inner)?.to_array(elements.len())?;
            let field = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
            let cast = ListArray::try_new(field, lists.offsets().clone(), elements, lists.nulls().cloned())?;
            result_of(Arc::new(cast), &args.args)
        }
    }

    /// The lists without elements that are of no row, or of one that is NULL: nobody has asked for their cast, which may
    /// be an error.
    fn with_own_elements(lists: &ListArray) -> Result<ListArray> {
        let lengths = lists.offsets().lengths().enumerate();
        let own = lengths.filter(|(row, _)| lists.is_valid(*row)).map(|(_, length)| length);
        if own.sum::<usize>() == lists.values().len() {
            return Ok(lists.clone());
        }
        let rows = UInt64Array::from_iter_values(0..lists.len() as u64);
        Ok(take(lists, &rows, None)?.as_list::<i32>().clone())
    }
}
