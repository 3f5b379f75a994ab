//! Functions that cut characters of a set from a text's ends.

/// `btrim(text, set)`.
pub(crate) fn btrim<'a>(text: &'a str, set: &str) -> &'a str {
    match single(set) {
        Some(letter) => text.trim_matches(letter),
        None => text.trim_matches(|letter| set.contains(letter)),
    }
}

/// `ltrim(text, set)`.
pub(crate) fn ltrim<'a>(text: &'a str, set: &str) -> &'a str {
    match single(set) {
        Some(letter) => text.trim_start_matches(letter),
        None => text.trim_start_matches(|letter| set.contains(letter)),
    }
}

/// `rtrim(text, set)`.
pub(crate) fn rtrim<'a>(text: &'a str, set: &str) -> &'a str {
    match single(set) {
        Some(letter) => text.trim_end_matches(letter),
        None => text.trim_end_matches(|letter| set.contains(letter)),
    }
}

fn single(set: &str) -> Option<char> {
    let mut letters = set.chars();
    letters.next().filter(|_| letters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        assert_eq!(btrim("xyxtrimyyx", "xyz"), "trim");
        assert_eq!(ltrim("ééa", "é"), "a");
        assert_eq!(rtrim("a  ", ""), "a  ");
    }
}
