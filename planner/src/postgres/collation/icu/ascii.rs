//! Keys of texts of ASCII, some five times as fast as ICU4X makes them and byte for byte the same: such a text has
//! nothing on the second level but common weights, and on the third those and the weights of capitals.
//!
//! What a letter weighs is read off ICU4X's keys of single letters. All pairs are then compared with its own keys, so
//! that locales in which two letters of ASCII are one (Danish `aa`, Czech `ch`, ...) do without, and so do settings
//! with other levels.

use icu_collator::CollatorBorrowed;
use icu_collator::options::{AlternateHandling, CaseLevel, Strength};
use icu_collator::preferences::{CollationCaseFirst, CollationNumericOrdering};

const CHARACTERS: usize = 128;
const LEVEL_SEPARATOR: u8 = 1;
/// Common weights in a row are written as their number, from here if less follows and to there if more does.
const COMMON_LOW: u8 = 0x05;
const TERTIARY_HIGH: u8 = 0xC5;
const SECONDARY_MIDDLE: u8 = 0x25;
const SECONDARY_COUNT: usize = 0x21;
const TERTIARY_MIDDLE: u8 = 0x65;
const TERTIARY_COUNT: usize = 0x61;
/// Longer texts are as well off without.
const MAX_BYTES: usize = 4096;

/// What characters of ASCII weigh.
#[derive(Debug)]
pub(super) struct Ascii {
    weights: [Option<Weight>; CHARACTERS],
}

#[derive(Debug, Clone, Copy)]
struct Weight {
    primary: [u8; 3],
    length: u8,
    /// 0 for the common weight.
    tertiary: u8,
}

impl Ascii {
    /// The weights, if keys are made of them.
    pub(super) fn of(collator: &CollatorBorrowed<'static>) -> Option<Self> {
        let options = collator.resolved_options();
        let usual = options.strength == Strength::Tertiary
            && options.alternate_handling == AlternateHandling::NonIgnorable
            && options.case_level == CaseLevel::Off
            && options.case_first == CollationCaseFirst::False;
        if !usual {
            return None;
        }
        let numeric = options.numeric == CollationNumericOrdering::True;
        let mut weights = [None; CHARACTERS];
        for (code, weight) in (0_u8..).zip(&mut weights) {
            if !(numeric && code.is_ascii_digit()) {
                *weight = Weight::read(&written(collator, &char::from(code).to_string()));
            }
        }
        let ascii = Self { weights };
        let known = |code: &u8| ascii.weights[usize::from(*code)].is_some();
        let characters: Vec<u8> = (0..CHARACTERS as u8).filter(known).collect();
        for left in &characters {
            for right in &characters {
                let pair: String = [char::from(*left), char::from(*right)].iter().collect();
                let mut key = vec![];
                if !ascii.sort_key(&pair, &mut key) || key != written(collator, &pair) {
                    return None;
                }
            }
        }
        Some(ascii)
    }

    /// Appends the key of a text; nothing if it is not all of characters that have weights.
    pub(super) fn sort_key(&self, text: &str, key: &mut Vec<u8>) -> bool {
        let start = key.len();
        let bytes = text.as_bytes();
        if bytes.len() > MAX_BYTES {
            return false;
        }
        let mut has_capitals = false;
        for byte in bytes {
            let Some(Some(weight)) = self.weights.get(usize::from(*byte)) else {
                key.truncate(start);
                return false;
            };
            key.extend_from_slice(&weight.primary[..usize::from(weight.length)]);
            has_capitals |= weight.tertiary != 0;
        }
        key.push(LEVEL_SEPARATOR);
        common(bytes.len(), SECONDARY_COUNT, SECONDARY_MIDDLE, |rest| COMMON_LOW + rest, key);
        key.push(LEVEL_SEPARATOR);
        let mut commons = bytes.len();
        if has_capitals {
            commons = 0;
            for byte in bytes {
                match self.weights[usize::from(*byte)] {
                    Some(Weight { tertiary: tertiary @ 1.., .. }) => {
                        common(commons, TERTIARY_COUNT, TERTIARY_MIDDLE, |rest| TERTIARY_HIGH - rest, key);
                        key.push(tertiary);
                        commons = 0;
                    }
                    _ => commons += 1,
                }
            }
        }
        common(commons, TERTIARY_COUNT, TERTIARY_MIDDLE, |rest| COMMON_LOW + rest, key);
        true
    }
}

/// Appends so many common weights.
fn common(count: usize, most: usize, middle: u8, last: impl Fn(u8) -> u8, key: &mut Vec<u8>) {
    if let Some(before) = count.checked_sub(1) {
        key.extend(std::iter::repeat_n(middle, before / most));
        key.push(last((before % most) as u8));
    }
}

fn written(collator: &CollatorBorrowed<'static>, text: &str) -> Vec<u8> {
    let mut key = vec![];
    let Ok(()) = collator.write_sort_key_to(text, &mut key);
    key
}

impl Weight {
    /// From the key of a single character.
    fn read(key: &[u8]) -> Option<Self> {
        let mut levels = key.split(|byte| *byte == LEVEL_SEPARATOR);
        let (Some(primary), Some([COMMON_LOW]), Some([tertiary]), None) =
            (levels.next(), levels.next(), levels.next(), levels.next())
        else {
            return None;
        };
        let mut weight = Self { primary: [0; 3], length: primary.len() as u8, tertiary: 0 };
        weight.primary.get_mut(..primary.len())?.copy_from_slice(primary);
        if *tertiary != COMMON_LOW {
            weight.tertiary = *tertiary;
        }
        (!primary.is_empty()).then_some(weight)
    }
}
