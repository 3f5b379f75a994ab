//! Functions of columns made of functions of values, which are not called where an argument is NULL, as most of
//! PostgreSQL's are (`STRICT`).

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::column::{Argument, Output};
use super::function::Function;
use super::growth::Growth;
use super::udf::{Evaluate, Udf};
use crate::error::Error;
use crate::postgres::error::ValueResult;

/// What a function of values may return.
pub(crate) trait Outcome {
    type Value: Output;

    fn outcome(self) -> ValueResult<Option<Self::Value>>;
}

impl<T: Output> Outcome for T {
    type Value = T;

    fn outcome(self) -> ValueResult<Option<T>> {
        Ok(Some(self))
    }
}

impl<T: Output> Outcome for Option<T> {
    type Value = T;

    fn outcome(self) -> ValueResult<Self> {
        Ok(self)
    }
}

impl<T: Output> Outcome for ValueResult<T> {
    type Value = T;

    fn outcome(self) -> ValueResult<Option<T>> {
        self.map(Some)
    }
}

impl<T: Output> Outcome for ValueResult<Option<T>> {
    type Value = T;

    fn outcome(self) -> Self {
        self
    }
}

/// A column or a constant, ready to be read.
pub(super) struct Operand<A: Argument> {
    column: A::Column,
    is_constant: bool,
}

impl<A: Argument> Operand<A> {
    pub(super) fn read(value: &ColumnarValue) -> Result<Self> {
        let (array, is_constant) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(constant) => (constant.to_array()?, true),
        };
        Ok(Self { column: A::read(&array)?, is_constant })
    }

    pub(super) fn value(&self, row: usize) -> Option<A::Value<'_>> {
        let row = if self.is_constant { 0 } else { row };
        (!A::is_null(&self.column, row)).then(|| A::value(&self.column, row))
    }
}

/// How many rows are to be computed: one if all arguments are constants.
pub(super) fn rows_of(arguments: &[ColumnarValue], rows: usize) -> usize {
    let is_constant = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    if is_constant { 1 } else { rows }
}

/// A column, or a constant where all arguments are.
pub(super) fn result_of(array: ArrayRef, arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let is_constant = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
    Ok(match is_constant {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
        false => ColumnarValue::Array(array),
    })
}

/// Defines functions of a number of arguments, without and with something that is kept from row to row of a batch, such
/// as a compiled pattern.
macro_rules! arity {
    ($cached:ident, $udf:ident, $kernel:ident, $($argument:ident $value:ident $index:literal),+) => {
        /// The loop over the rows, which functions of the same types have in common.
        struct $kernel<S, $($argument: Argument,)+ V: Output>(
            Box<dyn for<'s, 'a> Fn(&'s mut S, $($argument::Value<'a>),+) -> ValueResult<Option<V>> + Send + Sync>,
        );

        impl<S: Default, $($argument: Argument,)+ V: Output> Evaluate for $kernel<S, $($argument,)+ V> {
            fn evaluate(&self, arguments: &[ColumnarValue], rows: usize, returns: &DataType) -> Result<ColumnarValue> {
                $(let $value = Operand::<$argument>::read(argument(arguments, $index)?)?;)+
                let rows = rows_of(arguments, rows);
                let mut state = S::default();
                let mut growth = Growth::of(arguments);
                let mut builder = V::builder(rows, returns);
                for row in 0..rows {
                    let value = match ($($value.value(row),)+) {
                        ($(Some($value),)+) => self.0(&mut state, $($value),+).map_err(Error::Value)?,
                        _ => None,
                    };
                    growth.add(value.as_ref().map_or(0, V::bytes)).map_err(Error::Value)?;
                    V::append(&mut builder, value).map_err(Error::Value)?;
                }
                result_of(V::finish(builder)?, arguments)
            }
        }

        /// A function of this many arguments that is NULL where one of them is, with a state that rows of one batch
        /// share.
        pub(crate) fn $cached<S: Default + 'static, $($argument: Argument,)+ R: Outcome + 'static, F>(
            name: &'static str,
            function: F,
        ) -> Function
        where
            F: for<'s, 'a> Fn(&'s mut S, $($argument::Value<'a>),+) -> R + Send + Sync + 'static,
        {
            Function::scalar(name, vec![$($argument::pg_type()),+], $udf::<S, $($argument,)+ R, F>(name, function))
        }

        /// The same without the types that the binder chooses it by.
        pub(crate) fn $udf<S: Default + 'static, $($argument: Argument,)+ R: Outcome + 'static, F>(
            name: &'static str,
            function: F,
        ) -> Udf
        where
            F: for<'s, 'a> Fn(&'s mut S, $($argument::Value<'a>),+) -> R + Send + Sync + 'static,
        {
            let kernel: $kernel<S, $($argument,)+ R::Value> =
                $kernel(Box::new(move |state, $($value),+| function(state, $($value),+).outcome()));
            Udf::new(name, R::Value::pg_type(), Arc::new(kernel)).strict()
        }
    };
}

/// Defines functions of a number of arguments that keep nothing.
macro_rules! stateless {
    ($strict:ident, $cached:ident, $($argument:ident $value:ident),+) => {
        /// A function of this many arguments that is NULL where one of them is.
        pub(crate) fn $strict<$($argument: Argument,)+ R: Outcome + 'static, F>(name: &'static str, function: F) -> Function
        where
            F: for<'a> Fn($($argument::Value<'a>),+) -> R + Send + Sync + 'static,
        {
            $cached::<(), $($argument,)+ R, _>(name, move |(), $($value),+| function($($value),+))
        }
    };
}

/// What a function was given in a place.
pub(super) fn argument(arguments: &[ColumnarValue], index: usize) -> Result<&ColumnarValue> {
    arguments.get(index).ok_or_else(|| Error::Internal("a function was given too few arguments".into()).into())
}

arity!(cached1, udf1, Kernel1, A a 0);
arity!(cached2, udf2, Kernel2, A a 0, B b 1);
arity!(cached3, udf3, Kernel3, A a 0, B b 1, C c 2);
arity!(cached4, udf4, Kernel4, A a 0, B b 1, C c 2, D d 3);
arity!(cached5, udf5, Kernel5, A a 0, B b 1, C c 2, D d 3, E e 4);
arity!(cached6, udf6, Kernel6, A a 0, B b 1, C c 2, D d 3, E e 4, G g 5);
arity!(cached7, udf7, Kernel7, A a 0, B b 1, C c 2, D d 3, E e 4, G g 5, H h 6);
stateless!(strict1, cached1, A a);
stateless!(strict2, cached2, A a, B b);
stateless!(strict3, cached3, A a, B b, C c);
stateless!(strict4, cached4, A a, B b, C c, D d);
stateless!(strict6, cached6, A a, B b, C c, D d, E e, G g);
stateless!(strict7, cached7, A a, B b, C c, D d, E e, G g, H h);
