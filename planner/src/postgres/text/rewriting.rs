//! Functions that rewrite parts of a text.

use hashbrown::HashMap;

use super::{before, byte_of_char, char_length, checked_length, from};
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::stop::Steps;

/// `reverse(text)`.
pub(crate) fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

/// `replace(text, part, new)`; an empty part is found nowhere.
pub(crate) fn replace(text: &str, part: &str, new: &str) -> ValueResult<String> {
    if part.is_empty() {
        return Ok(text.to_owned());
    }
    if new.len() > part.len() {
        let longest = text.len().checked_div(part.len()).and_then(|count| count.checked_mul(new.len()));
        if checked_length(longest.and_then(|bytes| bytes.checked_add(text.len()))).is_err() {
            let grown = text.matches(part).count().checked_mul(new.len() - part.len());
            checked_length(grown.and_then(|bytes| bytes.checked_add(text.len())))?;
        }
    }
    Ok(text.replace(part, new))
}

/// `overlay(text placing new from start for count)`, by default for as many characters as the new text has.
pub(crate) fn overlay(text: &str, new: &str, start: i32, count: Option<i32>) -> ValueResult<String> {
    let count = count.unwrap_or_else(|| char_length(new));
    if start <= 0 {
        return Err(ValueError::new("22011", "negative substring length not allowed"));
    }
    let end = start.checked_add(count).ok_or_else(|| ValueError::new("22003", "integer out of range"))?;
    let byte = |position: i32| byte_of_char(text, usize::try_from(position.saturating_sub(1)).unwrap_or_default());
    Ok([before(text, byte(start)), new, from(text, byte(end))].concat())
}

/// The character sets of `translate(text, from, to)`, which is worth keeping for many texts.
#[derive(Debug, Clone)]
pub(crate) struct Translation {
    /// What becomes of characters; none where they are left out.
    letters: HashMap<char, Option<char>>,
}

impl Translation {
    /// Characters of `from` without one at the same place of `to` are left out; of equal ones the first counts.
    ///
    /// # Errors
    /// When nobody waits any more.
    pub(crate) fn new(from: &str, to: &str) -> ValueResult<Self> {
        let mut steps = Steps::default();
        let mut to = to.chars();
        let mut letters = HashMap::new();
        for letter in from.chars() {
            steps.next()?;
            let new = to.next();
            letters.entry(letter).or_insert(new);
        }
        Ok(Self { letters })
    }

    /// The text with its characters replaced.
    ///
    /// # Errors
    /// When nobody waits any more.
    pub(crate) fn apply(&self, text: &str) -> ValueResult<String> {
        let mut steps = Steps::default();
        let mut translated = String::with_capacity(text.len());
        for letter in text.chars() {
            steps.next()?;
            match self.letters.get(&letter) {
                Some(new) => translated.extend(new),
                None => translated.push(letter),
            }
        }
        Ok(translated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_replaced() {
        let translate = |text, from, to| Translation::new(from, to).unwrap().apply(text).unwrap();
        assert_eq!(translate("12345", "143", "ax"), "a2x5");
        assert_eq!(translate("aéa", "éaa", "xyz"), "yxy");
        assert_eq!(reverse("aé€"), "€éa");
        assert_eq!(replace("abab", "b", "").as_deref(), Ok("aa"));
        assert_eq!(replace("abab", "", "x").as_deref(), Ok("abab"));
    }

    #[test]
    fn overlays() {
        assert_eq!(overlay("Txxxxas", "hom", 2, Some(4)).as_deref(), Ok("Thomas"));
        assert_eq!(overlay("abc", "X", 2, Some(-1)).as_deref(), Ok("aXabc"));
        assert_eq!(overlay("abc", "X", 0, None).unwrap_err().sqlstate, "22011");
        assert_eq!(overlay("abc", "X", 2, Some(i32::MAX)).unwrap_err().message, "integer out of range");
    }
}
