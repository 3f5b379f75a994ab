//! The smallest and the largest value of a page and of a column's part of a row group, by which scans leave them out. What
//! is kept of a text is cut off: what begins the smallest is not above it, and the largest gives way to what is above all
//! that begins as it does.

use arrow::array::{Array, GenericByteArray};
use arrow::datatypes::ByteArrayType;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// So much of a text is kept: as much as Parquet's own writer keeps.
const BOUND_BYTES: usize = 64;

/// A bound as it is kept, and whether it is the text itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bound {
    pub(super) bytes: Vec<u8>,
    is_exact: bool,
}

/// The smallest and the largest text of a page; the largest has no bound where nothing is above it.
pub(super) type TextBounds = (Bound, Option<Bound>);

/// A text behind its first bytes as a number, which tell most texts apart in one comparison.
type Prefixed<'t> = (u64, &'t [u8]);

fn prefixed(text: &[u8]) -> Prefixed<'_> {
    let mut first = [0; size_of::<u64>()];
    let length = text.len().min(first.len());
    first[..length].copy_from_slice(&text[..length]);
    (u64::from_be_bytes(first), text)
}

/// The smallest and the largest of some texts.
#[derive(Debug, Default)]
pub(super) struct Extremes<'t>(Option<(Prefixed<'t>, Prefixed<'t>)>);

impl<'t> Extremes<'t> {
    #[inline]
    pub(super) fn add(&mut self, text: &'t [u8]) {
        let text = prefixed(text);
        match &mut self.0 {
            Some((smallest, _)) if text < *smallest => *smallest = text,
            Some((_, largest)) if text > *largest => *largest = text,
            Some(_) => {}
            None => self.0 = Some((text, text)),
        }
    }

    /// Those of all texts that are not NULL.
    pub(super) fn of<T: ByteArrayType<Offset = i32>>(texts: &'t GenericByteArray<T>) -> Self {
        let (offsets, data) = (texts.value_offsets(), texts.value_data());
        let text = |index: usize| &data[offsets[index] as usize..offsets[index + 1] as usize];
        let mut extremes = Self::default();
        match texts.nulls() {
            None => (0..texts.len()).for_each(|index| extremes.add(text(index))),
            Some(nulls) => nulls.valid_indices().for_each(|index| extremes.add(text(index))),
        }
        extremes
    }

    /// What is kept of them; nothing where there was no text.
    pub(super) fn bounds(&self) -> Option<TextBounds> {
        self.0.map(|((_, smallest), (_, largest))| (cut_smallest(smallest), cut_largest(largest)))
    }
}

/// The bounds of all pages of a column.
#[derive(Debug, Default)]
pub(super) struct ChunkBounds {
    bounds: Option<TextBounds>,
    nulls: u64,
}

impl ChunkBounds {
    /// Adds a page.
    pub(super) fn add(&mut self, page: Option<TextBounds>, nulls: usize) {
        self.nulls += nulls as u64;
        let Some((smallest, largest)) = page else { return };
        self.bounds = Some(match self.bounds.take() {
            Some((before, after)) => {
                (before.min(smallest), after.zip(largest).map(|(after, largest)| after.max(largest)))
            }
            None => (smallest, largest),
        });
    }

    /// What the footer of a file says of them.
    pub(super) fn statistics(self) -> Statistics {
        let (smallest, largest) = self.bounds.unzip();
        let largest = largest.flatten();
        let exact = |bound: &Option<Bound>| bound.as_ref().is_some_and(|bound| bound.is_exact);
        let (min_is_exact, max_is_exact) = (exact(&smallest), exact(&largest));
        let value = |bound: Option<Bound>| bound.map(|bound| ByteArray::from(bound.bytes));
        Statistics::ByteArray(
            ValueStatistics::new(value(smallest), value(largest), None, Some(self.nulls), false)
                .with_min_is_exact(min_is_exact)
                .with_max_is_exact(max_is_exact),
        )
    }
}

/// The first bytes of a text, without a part of a letter. Bytes that are no text are cut off anywhere.
fn first(text: &[u8]) -> &[u8] {
    let is_boundary = |end: &usize| text.get(*end).is_none_or(|byte| byte & 0xC0 != 0x80);
    let longest = text.len().min(BOUND_BYTES);
    let end = (longest.saturating_sub(3)..=longest).rev().find(is_boundary).unwrap_or(longest);
    &text[..end]
}

fn cut_smallest(text: &[u8]) -> Bound {
    let kept = first(text);
    Bound { bytes: kept.to_vec(), is_exact: kept.len() == text.len() }
}

fn cut_largest(text: &[u8]) -> Option<Bound> {
    let kept = first(text);
    if kept.len() == text.len() {
        return Some(Bound { bytes: kept.to_vec(), is_exact: true });
    }
    let above = above(std::str::from_utf8(kept).ok()?)?;
    Some(Bound { bytes: above.into_bytes(), is_exact: false })
}

/// The first text that is above all that begin with this one: the last letter gives way to the next one there is. The
/// order of letters is that of their bytes in UTF-8.
fn above(text: &str) -> Option<String> {
    let mut letters = text.chars();
    loop {
        let last = letters.next_back()?;
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(format!("{}{next}", letters.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, StringArray};

    use super::*;

    fn bounds(texts: &[&str]) -> TextBounds {
        Extremes::of(&StringArray::from(texts.to_vec())).bounds().unwrap()
    }

    #[test]
    fn the_order_is_that_of_bytes() {
        let texts = ["b", "", "a", "ab", "abcdefgh", "abcdefgi", "abcdefgh\u{1}", "é", "z"];
        let (smallest, largest) = bounds(&texts);
        assert_eq!((smallest.bytes, largest.unwrap().bytes), (b"".to_vec(), "é".as_bytes().to_vec()));
        let (smallest, largest) = bounds(&["abcdefgi", "abcdefgh\u{1}", "abcdefghh"]);
        assert_eq!((smallest.bytes, largest.unwrap().bytes), (b"abcdefgh\x01".to_vec(), b"abcdefgi".to_vec()));
        let nothing: [Option<&str>; 2] = [None, None];
        assert_eq!(Extremes::of(&StringArray::from(nothing.to_vec())).bounds(), None);
    }

    #[test]
    fn what_is_cut_off_stays_a_bound() {
        for letter in ["a", "é", "\u{D7FF}", "漢", "\u{10FFFF}", "😀"] {
            for before in 0..4 {
                let text = "x".repeat(before) + &letter.repeat(70);
                let (smallest, largest) = bounds(&[&text]);
                assert!(!smallest.is_exact && text.starts_with(str::from_utf8(&smallest.bytes).unwrap()));
                let Some(largest) = largest else {
                    assert_eq!((letter, before), ("\u{10FFFF}", 0));
                    continue;
                };
                assert!(!largest.is_exact && largest.bytes.as_slice() > text.as_bytes(), "{letter} {before}");
                assert!(str::from_utf8(&largest.bytes).is_ok() && largest.bytes.len() <= BOUND_BYTES);
            }
        }
    }

    #[test]
    fn above_the_last_letter_there_is_nothing() {
        assert_eq!(above("\u{10FFFF}\u{10FFFF}"), None);
        assert_eq!(above("a\u{10FFFF}").as_deref(), Some("b"));
        let bytes = BinaryArray::from(vec![[0xFF_u8; 70].as_slice()]);
        let (smallest, largest) = Extremes::of(&bytes).bounds().unwrap();
        assert_eq!((smallest.bytes.len(), largest), (BOUND_BYTES, None));
    }

    #[test]
    fn a_page_without_a_bound_leaves_its_column_without() {
        let mut chunk = ChunkBounds::default();
        chunk.add(Some(bounds(&["b", "c"])), 1);
        chunk.add(None, 7);
        chunk.add(Some(bounds(&["a", &"\u{10FFFF}".repeat(20)])), 0);
        let statistics = chunk.statistics();
        assert_eq!((statistics.min_bytes_opt(), statistics.max_bytes_opt()), (Some(b"a".as_slice()), None));
        assert_eq!((statistics.null_count_opt(), statistics.min_is_exact()), (Some(8), true));
    }
}
