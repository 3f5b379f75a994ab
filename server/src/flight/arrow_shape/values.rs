//! What Arrow's decoder does not look at: whether decimals have no more digits than their type says, and lists no NULLs
//! where their type says so. What computes with them takes that for granted.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Field};
use tonic::Status;

use super::unreadable;

/// # Errors
/// When a value is none of its type.
pub(super) fn check(array: &dyn Array) -> Result<(), Status> {
    let fits = match array.data_type() {
        DataType::Decimal32(..) => fits::<Decimal32Type>(array),
        DataType::Decimal64(..) => fits::<Decimal64Type>(array),
        DataType::Decimal128(..) => fits::<Decimal128Type>(array),
        DataType::Decimal256(..) => fits::<Decimal256Type>(array),
        DataType::List(item) => return check_items(item, array.as_list::<i32>().values()),
        DataType::LargeList(item) => return check_items(item, array.as_list::<i64>().values()),
        DataType::FixedSizeList(item, _) => return check_items(item, array.as_fixed_size_list().values()),
        DataType::Struct(_) => return array.as_struct().columns().iter().try_for_each(|column| check(column)),
        DataType::Union(fields, _) => {
            return fields.iter().try_for_each(|(id, _)| check(array.as_union().child(id)));
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(unreadable("a decimal has more digits than its type")) }
}

fn check_items(item: &Field, items: &dyn Array) -> Result<(), Status> {
    if items.is_nullable() && !item.is_nullable() {
        return Err(unreadable("a list has NULLs, and its type has none"));
    }
    check(items)
}

fn fits<T: DecimalType>(array: &dyn Array) -> bool {
    let array = array.as_primitive::<T>();
    let (precision, scale) = (array.precision(), array.scale());
    array.iter().flatten().all(|value| T::validate_decimal_precision(value, precision, scale).is_ok())
}
