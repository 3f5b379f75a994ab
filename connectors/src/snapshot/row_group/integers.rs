//! Columns of integers, and of what Parquet keeps as such: dates, times, decimals.

use std::collections::HashSet;

use arrow::buffer::NullBuffer;
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::schema::types::ColumnDescPtr;

use super::bit_packing::width_of;
use super::delta::{self, Integer};
use super::dictionary::Dictionary;
use super::hybrid::encode_levels;
use super::pages::{EncodedChunk, PageValues, Pages};
use super::{PAGE_ROWS, SAMPLE, repeats_little};

/// Differences of so many bits at most take no more room than places in a dictionary and the dictionary.
const SMALL_BITS: u32 = 16;

/// Whether values should be looked up in a dictionary. Most should not: differences are small, or values repeat little.
/// Among large ones, as generated keys are, there may be few that repeat.
pub(super) fn should_be_looked_up(values: &[i64]) -> bool {
    let sample = &values[..values.len().min(SAMPLE)];
    let differences = || sample.windows(2).map(|pair| pair[0].difference(pair[1]));
    let smallest = differences().min().unwrap_or_default();
    let all = differences().fold(0, |all, difference| all | difference.above(smallest));
    width_of(all) > SMALL_BITS && !repeats_little(sample.iter().collect::<HashSet<_>>().len(), sample.len())
}

/// The values of a row group, as their differences.
pub(super) struct Integers<T> {
    pages: Pages,
    /// The smallest and the largest value; of unsigned ones, with the sign turned, so that they compare as signed ones.
    bounds: Option<(T, T)>,
    are_signed: bool,
    nulls: u64,
}

impl<T: Integer> Integers<T> {
    pub(super) fn new(column: ColumnDescPtr) -> Self {
        let are_signed = column.sort_order().is_signed();
        Self { pages: Pages::new(column), bounds: None, are_signed, nulls: 0 }
    }

    /// Appends values. In the place of NULL there may be any.
    pub(super) fn write(&mut self, values: &[T], nulls: Option<&NullBuffer>) -> Result<()> {
        for (page, start) in values.chunks(PAGE_ROWS).zip((0..).step_by(PAGE_ROWS)) {
            self.write_page(page, nulls.map(|nulls| nulls.slice(start, page.len())))?;
        }
        Ok(())
    }

    fn write_page(&mut self, values: &[T], nulls: Option<NullBuffer>) -> Result<()> {
        let mut content = Vec::with_capacity(size_of_val(values));
        if self.pages.have_levels() {
            encode_levels(nulls.as_ref(), values.len(), &mut content);
        }
        let without_nulls: Vec<T>;
        let present = match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => values,
            Some(nulls) => {
                self.nulls += nulls.null_count() as u64;
                without_nulls = nulls.valid_indices().map(|index| values[index]).collect();
                &without_nulls
            }
        };
        let bounds = self.widen_bounds(present);
        delta::encode(present, &mut content);
        let bounds = bounds.map(|(smallest, largest)| (smallest.plain(), largest.plain()));
        let known = PageValues { nulls: values.len() - present.len(), bounds };
        self.pages.add(values.len(), Encoding::DELTA_BINARY_PACKED, content, known)
    }

    /// Takes the values into the bounds of the column. Their own.
    fn widen_bounds(&mut self, values: &[T]) -> Option<(T, T)> {
        let ordered = || values.iter().map(|value| self.ordered(*value));
        let (smallest, largest) = ordered().min().zip(ordered().max())?;
        self.bounds = Some(match self.bounds {
            Some((before, after)) => (before.min(smallest), after.max(largest)),
            None => (smallest, largest),
        });
        Some((self.ordered(smallest), self.ordered(largest)))
    }

    /// A value as a signed one of the same order, and back.
    fn ordered(&self, value: T) -> T {
        if self.are_signed { value } else { value.with_sign_turned() }
    }

    pub(super) fn finish(self) -> Result<EncodedChunk> {
        let bounds = self.bounds.map(|(smallest, largest)| (self.ordered(smallest), self.ordered(largest)));
        let statistics = T::statistics(bounds.unzip(), self.nulls);
        self.pages.finish(Dictionary::new(), Some(statistics))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_values_that_repeat_are_looked_up() {
        let keys: Vec<i64> = (1..=100_i64).map(|key| key.wrapping_mul(0x5851_F42D_4C95_7F2D)).collect();
        let repeated: Vec<i64> = (0..10_000).map(|index| keys[index * 7 % 100]).collect();
        assert!(should_be_looked_up(&repeated));
        assert!(!should_be_looked_up(&keys));
        assert!(!should_be_looked_up(&(0..10_000).map(|index| index / 4).collect::<Vec<_>>()));
        assert!(!should_be_looked_up(&[]));
    }
}
