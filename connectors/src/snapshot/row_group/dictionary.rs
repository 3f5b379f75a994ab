//! The distinct texts of a column, each with a number, as Parquet's dictionary page holds them: a length of 32 bits
//! before every text.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// No number.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Dictionary {
    page: Vec<u8>,
    /// Where in the page the texts end.
    ends: Vec<u32>,
    /// The numbers of texts of one byte: flags and codes are common, and need no hashing.
    letters: Box<[u32; 256]>,
    others: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Dictionary {
    pub(super) fn new() -> Self {
        Self {
            page: vec![],
            ends: vec![],
            letters: Box::new([NONE; 256]),
            others: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// How many texts there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        get(&self.page, &self.ends, number)
    }

    /// Bytes of the page.
    pub(super) fn bytes(&self) -> usize {
        self.page.len()
    }

    pub(super) fn into_page(self) -> Vec<u8> {
        self.page
    }

    /// The number of a text, which is added if it is new.
    #[inline]
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        if let [letter] = text {
            let known = self.letters[usize::from(*letter)];
            if known != NONE {
                return known;
            }
            let number = add(&mut self.page, &mut self.ends, text);
            self.letters[usize::from(*letter)] = number;
            return number;
        }
        let Self { page, ends, others, hasher, .. } = self;
        let hash = hasher.hash_one(text);
        if let Some(known) = others.find(hash, |number| get(page, ends, *number) == text) {
            return *known;
        }
        let number = add(page, ends, text);
        others.insert_unique(hash, number, |number| hasher.hash_one(get(page, ends, *number)));
        number
    }
}

fn add(page: &mut Vec<u8>, ends: &mut Vec<u32>, text: &[u8]) -> u32 {
    let number = ends.len() as u32;
    page.extend_from_slice(&(text.len() as u32).to_le_bytes());
    page.extend_from_slice(text);
    ends.push(page.len() as u32);
    number
}

#[inline]
fn get<'p>(page: &'p [u8], ends: &[u32], number: u32) -> &'p [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]) as usize + size_of::<u32>();
    &page[start..ends[number] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_numbers() {
        let mut dictionary = Dictionary::new();
        let texts: Vec<String> = (0..1_000).map(|number| "x".repeat(number % 3) + &number.to_string()).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| dictionary.number(text.as_bytes())).collect();
        assert_eq!(dictionary.len(), 1_000);
        assert_eq!(texts.iter().map(|text| dictionary.number(text.as_bytes())).collect::<Vec<_>>(), numbers);
        assert_eq!((dictionary.number(b""), dictionary.number(b"")), (1_000, 1_000));
    }
}
