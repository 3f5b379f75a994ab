//! `string_agg` of texts and of `bytea`, whose delimiters may be another for each row.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::cast::{as_binary_view_array, as_int64_array};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::AggregateUDF;

use super::fold::{Fold, Folded};
use crate::error::Error;
use crate::functions::column::{Argument, Bytea, Text};
use crate::functions::growth::Growth;

/// The aggregate of texts.
pub(super) fn joined_texts() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Folded::<Joined<Text>>::aggregate("string_agg_text", DataType::Utf8View, |joined| {
            let text = joined.without_first_delimiter().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            Ok(ScalarValue::Utf8View(text))
        })
    });
    Arc::clone(&FUNCTION)
}

/// The aggregate of `bytea`.
pub(super) fn joined_bytes() -> Arc<AggregateUDF> {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| {
        Folded::<Joined<Bytea>>::aggregate("string_agg_bytea", DataType::BinaryView, |joined| {
            Ok(ScalarValue::BinaryView(joined.without_first_delimiter().map(<[u8]>::to_vec)))
        })
    });
    Arc::clone(&FUNCTION)
}

/// Values, each behind its delimiter: the first one's is left out at the end, when it is known which is the first.
struct Joined<A> {
    bytes: Vec<u8>,
    /// The length of the first delimiter; none where there is no value.
    first: Option<usize>,
    of: std::marker::PhantomData<fn(A)>,
}

impl<A> Joined<A> {
    fn without_first_delimiter(&self) -> Option<&[u8]> {
        self.bytes.get(self.first?..)
    }
}

impl<A> Default for Joined<A> {
    fn default() -> Self {
        Self { bytes: vec![], first: None, of: std::marker::PhantomData }
    }
}

impl<A> fmt::Debug for Joined<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Joined").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl<A> Fold for Joined<A>
where
    A: Argument,
    for<'a> A::Value<'a>: AsRef<[u8]>,
{
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let [values, delimiters] = columns else { return internal_err!("string_agg takes two arguments") };
        let (rows, values, delimiters) = (values.len(), A::read(values)?, A::read(delimiters)?);
        let delimiter = |row| match A::is_null(&delimiters, row) {
            true => None,
            false => Some(A::value(&delimiters, row)),
        };
        // The memory pool is told of what was added afterwards, and one long delimiter may be that of every row.
        let mut growth = Growth::of(&[]);
        for row in 0..rows {
            growth.add(delimiter(row).map_or(0, |delimiter| delimiter.as_ref().len())).map_err(Error::Value)?;
        }
        for row in (0..rows).filter(|&row| !A::is_null(&values, row)) {
            if let Some(delimiter) = delimiter(row) {
                self.bytes.extend_from_slice(delimiter.as_ref());
            }
            self.first.get_or_insert(self.bytes.len());
            self.bytes.extend_from_slice(A::value(&values, row).as_ref());
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        let bytes = self.first.map(|_| self.bytes.clone());
        Ok(vec![ScalarValue::BinaryView(bytes), ScalarValue::Int64(self.first.and_then(|first| first.try_into().ok()))])
    }

    fn state_types() -> Vec<DataType> {
        vec![DataType::BinaryView, DataType::Int64]
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [bytes, firsts] = states else { return internal_err!("string_agg has lost its state") };
        for (bytes, first) in as_binary_view_array(bytes)?.iter().zip(as_int64_array(firsts)?) {
            if let (Some(bytes), Some(first)) = (bytes, first) {
                self.first = self.first.or(first.try_into().ok());
                self.bytes.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}
