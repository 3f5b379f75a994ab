//! What the constants may take together that are computed while a statement is planned, and those that are given for
//! parameters, wherever they stand. Functions of constants are computed once, by the binder or by DataFusion, and their
//! values are parts of the plan, which no memory pool knows of; and every rule that writes the plan anew copies its
//! texts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use crate::error::Error;
use crate::interrupt::CurrentQuery;

/// Bytes of all constants of a statement. The longest array that a function returns as rows has room.
const LARGEST_BYTES: usize = 96 << 20;
/// How often a text is in memory while a statement is planned; arrays are shared.
const COPIES_OF_TEXTS: usize = 4;

/// The bytes that have been counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConstantsBudget(Arc<AtomicUsize>);

impl ConstantsBudget {
    /// Counts a constant. Once there were too many, there is room for none.
    ///
    /// # Errors
    /// When there is no room for it.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), Error> {
        let counted = |taken: usize| Some(taken.saturating_add(bytes));
        // It always is some.
        let _before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
        self.check()
    }

    /// # Errors
    /// When the constants of the statement were too large together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) <= LARGEST_BYTES {
            return Ok(());
        }
        Err(Error::TooLarge(format!(
            "the constants of the statement are too large together: at most {} MiB of texts, or {} MiB of \
             arrays, are kept in a plan",
            (LARGEST_BYTES / COPIES_OF_TEXTS) >> 20,
            LARGEST_BYTES >> 20
        )))
    }
}

/// Counts a constant that is in the plan of the statement that this thread plans.
///
/// # Errors
/// When there is no room for it.
pub(crate) fn count(constant: &ScalarValue) -> Result<(), Error> {
    // Arrays are shared with whoever gave them.
    if constant.data_type().is_nested() {
        return Ok(());
    }
    CurrentQuery::get().constants().map_or(Ok(()), |constants| constants.add(bytes(constant)))
}

/// What a function makes of its arguments; counted if they are constants of a statement that is planned.
///
/// # Errors
/// Those of the function, and when there is no room for a constant.
pub(crate) fn counted(
    arguments: &[ColumnarValue],
    compute: impl FnOnce() -> Result<ColumnarValue>,
) -> Result<ColumnarValue> {
    if !arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
        return compute();
    }
    let query = CurrentQuery::get();
    let Some(constants) = query.constants() else { return compute() };
    constants.check()?;
    let value = compute()?;
    if let ColumnarValue::Scalar(constant) = &value {
        constants.add(bytes(constant))?;
    }
    Ok(value)
}

fn bytes(constant: &ScalarValue) -> usize {
    match constant.data_type().is_nested() {
        true => constant.size(),
        false => constant.size().saturating_mul(COPIES_OF_TEXTS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_an_end() {
        let constants = ConstantsBudget::default();
        constants.add(LARGEST_BYTES / 2).unwrap();
        constants.clone().add(LARGEST_BYTES / 2).unwrap();
        assert!(matches!(constants.add(1), Err(Error::TooLarge(_))));
        assert!(constants.check().is_err());
        assert!(constants.add(usize::MAX).is_err());
    }
}
