//! Arrays made of the elements of others.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, cast, interleave};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Int32Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::constants_budget::counted;
use crate::error::Error;
use crate::functions::column::as_list;
use crate::functions::function::Function;
use crate::functions::growth::{Growth, row_by_row};
use crate::functions::strict::{result_of, rows_of};
use crate::functions::udf::null_for_null;
use crate::pg_type::{PgType, list_of};
use crate::postgres::error::ValueResult;

/// An element of the result: one of an argument's, by its place among all of that argument's.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pick {
    Element(usize, usize),
}

impl Pick {
    /// Elements of one argument.
    pub(super) fn of(argument: usize) -> impl Fn(usize) -> Self + Copy {
        move |place| Self::Element(argument, place)
    }
}

/// An argument: the lists of the rows and all of their elements, or values.
struct Argument {
    /// None for an argument that is no array.
    lists: Option<ListArray>,
    values: ArrayRef,
    /// Whether there is one for all rows.
    is_constant: bool,
}

/// The arguments of a call.
pub(super) struct Picks {
    arguments: Vec<Argument>,
    /// Makes the values comparable.
    converter: Option<RowConverter>,
    /// The values in that form, of all arguments with the type of the elements, once they are compared.
    keys: Vec<OnceCell<Option<Rows>>>,
}

/// The places of one array's elements.
#[derive(Clone)]
pub(super) struct List(Range<usize>);

impl List {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn places(&self) -> Range<usize> {
        self.0.clone()
    }
}

/// Elements that are looked through one by one faster than they are put in order.
const FEW: usize = 8;

/// Elements, as bytes, among which others are sought.
pub(super) enum Known<'a> {
    Few(Vec<&'a [u8]>),
    Many(HashSet<&'a [u8]>),
}

impl Known<'_> {
    pub(super) fn contains(&self, element: &[u8]) -> bool {
        match self {
            Self::Few(elements) => elements.contains(&element),
            Self::Many(elements) => elements.contains(element),
        }
    }
}

impl Picks {
    fn new(arguments: &[ColumnarValue]) -> Result<Self> {
        let mut read = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (array, is_constant) = match argument {
                ColumnarValue::Array(array) => (Arc::clone(array), false),
                ColumnarValue::Scalar(constant) => (constant.to_array()?, true),
            };
            read.push(match array.data_type() {
                DataType::List(_) | DataType::LargeList(_) | DataType::ListView(_) => {
                    let lists = as_list(&array)?;
                    Argument { values: Arc::clone(lists.values()), lists: Some(lists), is_constant }
                }
                _ => Argument { values: array, lists: None, is_constant },
            });
        }
        let types: Vec<(bool, DataType)> =
            read.iter().map(|argument| (argument.lists.is_some(), argument.values.data_type().clone())).collect();
        let element = common_element(&types);
        if let Some(element) = &element {
            for argument in &mut read {
                if is_alike(argument.values.data_type(), element) {
                    argument.values = cast(&argument.values, element)?;
                }
            }
        }
        let options = SortOptions { descending: false, nulls_first: false };
        let converter = element.map(|element| RowConverter::new(vec![SortField::new_with_options(element, options)]));
        let keys = read.iter().map(|_| OnceCell::new()).collect();
        Ok(Self { arguments: read, converter: converter.transpose()?, keys })
    }

    /// The values of an argument in a form that can be compared; none of one that is of another type than the elements.
    fn keys(&self, argument: usize) -> Option<&Rows> {
        let convert = || {
            let values = &self.arguments.get(argument)?.values;
            self.converter.as_ref()?.convert_columns(&[Arc::clone(values)]).ok()
        };
        self.keys.get(argument)?.get_or_init(convert).as_ref()
    }

    /// The array of a row; none where it is NULL.
    pub(super) fn list(&self, argument: usize, row: usize) -> Option<List> {
        let argument = self.arguments.get(argument)?;
        let row = if argument.is_constant { 0 } else { row };
        let lists = argument.lists.as_ref().filter(|lists| lists.is_valid(row))?;
        let offsets = lists.value_offsets();
        Some(List(offsets[row] as usize..offsets[row + 1] as usize))
    }

    /// The place of a row's value, of an argument that is no array.
    pub(super) fn value(&self, argument: usize, row: usize) -> usize {
        self.arguments.get(argument).map_or(row, |argument| if argument.is_constant { 0 } else { row })
    }

    pub(super) fn integer(&self, argument: usize, row: usize) -> Option<i32> {
        self.integer_at(argument, self.value(argument, row))
    }

    pub(super) fn integer_at(&self, argument: usize, place: usize) -> Option<i32> {
        let values = self.arguments.get(argument)?.values.as_primitive_opt::<Int32Type>()?;
        values.is_valid(place).then(|| values.value(place))
    }

    pub(super) fn boolean(&self, argument: usize, row: usize) -> Option<bool> {
        let place = self.value(argument, row);
        let values = self.arguments.get(argument)?.values.as_boolean_opt()?;
        values.is_valid(place).then(|| values.value(place))
    }

    pub(super) fn is_null(&self, argument: usize, place: usize) -> bool {
        self.arguments.get(argument).is_none_or(|argument| argument.values.is_null(place))
    }

    /// How two elements are ordered; NULL is the largest, and equal to itself.
    pub(super) fn compare(&self, (one, place): (usize, usize), (other, other_place): (usize, usize)) -> Ordering {
        match (self.keys(one), self.keys(other)) {
            (Some(left), Some(right)) => left.row(place).cmp(&right.row(other_place)),
            _ => Ordering::Less,
        }
    }

    /// The elements of an array among which others are sought. NULL is like none.
    pub(super) fn known(&self, argument: usize, list: &List) -> Known<'_> {
        let elements = list.places().filter_map(|place| self.element(argument, place));
        if list.len() <= FEW { Known::Few(elements.collect()) } else { Known::Many(elements.collect()) }
    }

    /// An element, as bytes that are those of equal elements; none for NULL.
    pub(super) fn element(&self, argument: usize, place: usize) -> Option<&[u8]> {
        let keys = self.keys(argument)?;
        (!self.is_null(argument, place)).then(|| keys.row(place).data())
    }

    pub(super) fn equal(&self, one: (usize, usize), other: (usize, usize)) -> bool {
        self.compare(one, other) == Ordering::Equal
    }

    /// The memory that picked elements take.
    fn bytes(&self, picked: &[Pick]) -> usize {
        let of_value = |&Pick::Element(argument, place): &Pick| {
            let values = self.arguments.get(argument).map(|argument| &argument.values)?;
            let text = values.as_string_view_opt().map(|texts| texts.value(place).len());
            text.or_else(|| values.as_binary_view_opt().map(|values| values.value(place).len()))
        };
        size_of_val(picked) + picked.iter().filter_map(of_value).sum::<usize>()
    }

    /// Where elements of a type are picked from.
    fn sources(&self, data_type: &DataType) -> Sources {
        let mut sources =
            Sources { arrays: vec![new_null_array(data_type, 1)], numbers: vec![0; self.arguments.len()] };
        for (number, argument) in sources.numbers.iter_mut().zip(&self.arguments) {
            if argument.values.data_type() == data_type {
                *number = sources.arrays.len();
                sources.arrays.push(Arc::clone(&argument.values));
            }
        }
        sources
    }
}

/// Arrays of one type from which elements are picked. The first has NULL only.
struct Sources {
    arrays: Vec<ArrayRef>,
    /// The number of each argument's array; 0 for one of another type.
    numbers: Vec<usize>,
}

impl Sources {
    /// The number of an array, and a place in it.
    fn place(&self, pick: Option<Pick>) -> (usize, usize) {
        let Some(Pick::Element(argument, place)) = pick else { return (0, 0) };
        match self.numbers.get(argument) {
            Some(0) | None => (0, 0),
            Some(number) => (*number, place),
        }
    }

    /// The elements at such places as one array.
    fn elements(&self, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
        match (places, arrays.first()) {
            ([], Some(nothing)) => Ok(arrow::array::new_empty_array(nothing.data_type())),
            _ => Ok(interleave(&arrays, places)?),
        }
    }
}

/// Whether values of the types are of one type in PostgreSQL, of which columns and constants have different forms.
fn is_alike(one: &DataType, other: &DataType) -> bool {
    one == other
        || one.is_string() && other.is_string()
        || one.is_decimal() && other.is_decimal()
        || one.is_binary() && other.is_binary()
        || one.is_null()
}

/// The type of the elements of arrays and of what is put into them; the flags tell which are arrays.
fn common_element(types: &[(bool, DataType)]) -> Option<DataType> {
    let mut lists = types.iter().filter(|(is_list, element)| *is_list && !element.is_null());
    let any = || types.iter().find(|(is_list, _)| *is_list);
    let mut common = lists.next().or_else(any)?.1.clone();
    if common.is_string() {
        return Some(DataType::Utf8View);
    }
    if common.is_binary() {
        return Some(DataType::BinaryView);
    }
    for (_, other) in types {
        if let (DataType::Decimal128(precision, scale), DataType::Decimal128(other_precision, other_scale)) =
            (&common, other)
        {
            let whole = |precision: u8, scale: i8| precision.saturating_sub(scale.unsigned_abs());
            let digits = whole(*precision, *scale).max(whole(*other_precision, *other_scale));
            let scale = *scale.max(other_scale);
            let precision = (digits + scale.unsigned_abs()).min(DECIMAL128_MAX_PRECISION);
            common = DataType::Decimal128(precision, scale);
        }
    }
    Some(common)
}

type MakeList = fn(&Picks, usize) -> ValueResult<Option<Vec<Pick>>>;
type MakeElement = fn(&Picks, usize) -> Option<Pick>;

/// A function that gives an array like the one that it is given.
pub(super) fn made(name: &'static str, arguments: Vec<PgType>, make: MakeList) -> Function {
    let is_compatible = arguments.contains(&PgType::AnyCompatibleArray);
    let returns = if is_compatible { PgType::AnyCompatibleArray } else { PgType::AnyArray };
    of(name, arguments, returns, Make::List(make))
}

/// The same, which is NULL where an argument is.
pub(super) fn strict(name: &'static str, arguments: Vec<PgType>, make: MakeList) -> Function {
    of(name, arguments, PgType::AnyArray, Make::StrictList(make))
}

/// A function that gives an array of values that it is given.
pub(super) fn of_elements(name: &'static str, arguments: Vec<PgType>, make: MakeList) -> Function {
    of(name, arguments, PgType::AnyArray, Make::ListOfFirst(make))
}

/// A function that gives one element.
pub(super) fn element(name: &'static str, arguments: Vec<PgType>, make: MakeElement) -> Function {
    of(name, arguments, PgType::AnyElement, Make::Element(make))
}

fn of(name: &'static str, arguments: Vec<PgType>, returns: PgType, make: Make) -> Function {
    let signature = Signature::variadic_any(Volatility::Immutable);
    let udf = Arc::new(ScalarUDF::from(PickUdf { name, make, signature }));
    Function::made(name, arguments, returns, move |call| Ok(udf.call(call.arguments)))
}

#[derive(Clone, Copy)]
enum Make {
    List(MakeList),
    StrictList(MakeList),
    ListOfFirst(MakeList),
    Element(MakeElement),
}

pub(in crate::functions) struct PickUdf {
    name: &'static str,
    make: Make,
    signature: Signature,
}

impl fmt::Debug for PickUdf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PickUdf").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Each has a name of its own.
impl PartialEq for PickUdf {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for PickUdf {}

impl Hash for PickUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for PickUdf {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let elements: Vec<(bool, DataType)> = types
            .iter()
            .map(|data_type| match data_type {
                DataType::List(element) => (true, element.data_type().clone()),
                other => (false, other.clone()),
            })
            .collect();
        let element = common_element(&elements);
        match (&self.make, element, types.first()) {
            (Make::List(_) | Make::StrictList(_), Some(element), _) => Ok(list_of(element)),
            (Make::Element(_), Some(element), _) => Ok(element),
            (Make::ListOfFirst(_), _, Some(first)) => Ok(list_of(first.clone())),
            _ => internal_err!("{} without an array", self.name),
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.make {
            Make::StrictList(_) => null_for_null(self, args, info),
            Make::List(_) | Make::ListOfFirst(_) | Make::Element(_) => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        counted(&args.args, || self.picked(&args))
    }
}

impl PickUdf {
    fn picked(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
        let picks = Picks::new(&args.args)?;
        let rows = rows_of(&args.args, args.number_rows);
        let returns = args.return_field.data_type();
        let make = match self.make {
            Make::Element(make) => {
                let mut asked = row_by_row(&args.args);
                let sources = picks.sources(returns);
                let pick = |row| asked.next(0).map(|()| sources.place(make(&picks, row)));
                let places = (0..rows).map(pick).collect::<ValueResult<Vec<_>>>().map_err(Error::Value)?;
                return result_of(sources.elements(&places)?, &args.args);
            }
            Make::List(make) | Make::StrictList(make) | Make::ListOfFirst(make) => make,
        };
        let DataType::List(field) = returns else { return internal_err!("{} returns a list", self.name) };
        let mut growth = Growth::of(&args.args);
        let sources = picks.sources(field.data_type());
        let mut places = Vec::new();
        let mut lengths = Vec::with_capacity(rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let made = make(&picks, row).map_err(Error::Value)?;
            valid.push(made.is_some());
            let made = made.unwrap_or_default();
            growth.add(picks.bytes(&made)).map_err(Error::Value)?;
            lengths.push(made.len());
            places.reserve_exact(if rows == 1 { made.len() } else { 0 });
            places.extend(made.into_iter().map(|pick| sources.place(Some(pick))));
        }
        let elements = sources.elements(&places)?;
        let field = Arc::new(Field::new_list_field(field.data_type().clone(), true));
        let lists =
            ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), elements, Some(NullBuffer::from(valid)))?;
        result_of(Arc::new(lists), &args.args)
    }
}

/// A function of arrays that gives a value for each row.
pub(super) fn read<T>(arguments: &[ColumnarValue], rows: usize, value: impl Fn(&Picks, usize) -> T) -> Result<Vec<T>> {
    let mut values = Vec::with_capacity(rows_of(arguments, rows));
    each(arguments, rows, |picks, row| {
        values.push(value(picks, row));
        Ok(())
    })?;
    Ok(values)
}

/// Does something for each row, as long as somebody waits.
pub(super) fn each(
    arguments: &[ColumnarValue],
    rows: usize,
    mut take: impl FnMut(&Picks, usize) -> ValueResult<()>,
) -> Result<()> {
    let picks = Picks::new(arguments)?;
    let mut asked = row_by_row(arguments);
    for row in 0..rows_of(arguments, rows) {
        asked.next(0).and_then(|()| take(&picks, row)).map_err(Error::Value)?;
    }
    Ok(())
}
