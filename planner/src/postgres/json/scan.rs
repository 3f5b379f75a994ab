//! Walks over the text of valid JSON without making anything of it. Values are slices of the text.

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// What `json_typeof` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
        }
    }

    pub(super) fn is_scalar(self) -> bool {
        !matches!(self, Self::Object | Self::Array)
    }
}

/// What a value is, by its first character that is not blank.
pub(super) fn kind(value: &str) -> Kind {
    match value.as_bytes().get(skip_blanks(value.as_bytes(), 0)) {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::String,
        Some(b't' | b'f') => Kind::Boolean,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// The value without the blanks around it.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches(BLANKS)
}

/// The value without the blanks behind it.
pub(super) fn trim_end(value: &str) -> &str {
    value.trim_end_matches(BLANKS)
}

/// What is between the quotes of a string.
pub(super) fn inside_quotes(value: &str) -> Option<&str> {
    trim(value).strip_prefix('"')?.strip_suffix('"')
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

/// The end of the string whose quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return bytes.len(),
        }
    }
}

/// The end of the value that begins at `at`.
fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => container_end(bytes, at),
        _ => {
            let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}') || is_blank(*byte);
            let rest = bytes.get(at..).unwrap_or_default();
            at + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

fn container_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The place after an opening bracket, or the end if the value does not begin with it.
fn after_bracket(text: &str, bracket: u8) -> usize {
    let at = skip_blanks(text.as_bytes(), 0);
    if text.as_bytes().get(at) == Some(&bracket) { at + 1 } else { text.len() }
}

/// The elements of an array; none of what is no array.
pub(super) fn elements(array: &str) -> Elements<'_> {
    Elements { text: array, at: after_bracket(array, b'[') }
}

pub(super) struct Elements<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut start = skip_blanks(bytes, self.at);
        if bytes.get(start) == Some(&b',') {
            start = skip_blanks(bytes, start + 1);
        }
        let end = value_end(bytes, start);
        self.at = end;
        // An empty value is the closing bracket.
        self.text.get(start..end).filter(|value| !value.is_empty())
    }
}

/// The members of an object, each key as it stands between its quotes; none of what is no object.
pub(super) fn members(object: &str) -> Members<'_> {
    Members { text: object, at: after_bracket(object, b'{') }
}

pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let mut start = skip_blanks(bytes, self.at);
        if bytes.get(start) == Some(&b',') {
            start = skip_blanks(bytes, start + 1);
        }
        if bytes.get(start) != Some(&b'"') {
            return None;
        }
        let end = string_end(bytes, start);
        let key = self.text.get(start + 1..end.saturating_sub(1))?;
        let mut start = skip_blanks(bytes, end);
        if bytes.get(start) == Some(&b':') {
            start = skip_blanks(bytes, start + 1);
        }
        let end = value_end(bytes, start);
        self.at = end;
        Some((key, self.text.get(start..end)?))
    }
}

#[cfg(test)]
mod tests {
    use super::{elements, members};

    #[test]
    fn values_are_slices() {
        let array: Vec<_> = elements(" [1 , \"a,\\\"]\" ,[ ] , {\"a\":[1,2]}, null ] ").collect();
        assert_eq!(array, ["1", "\"a,\\\"]\"", "[ ]", "{\"a\":[1,2]}", "null"]);
        let object: Vec<_> = members("{\"a\" : 1,\"b\\\"\":{\"c\":\"}\"} }").collect();
        assert_eq!(object, [("a", "1"), ("b\\\"", "{\"c\":\"}\"}")]);
        assert_eq!(elements("[ ]").next(), None);
        assert_eq!(members("{ }").next(), None);
        assert_eq!(elements("{\"a\":1}").next(), None);
    }

    #[test]
    fn what_is_no_json_ends() {
        for text in ["[", "[1", "[\"", "[\"\\", "[,,", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\\", "[}", "é", "[é"]
        {
            assert!(elements(text).take(9).count() < 9, "{text}");
            assert!(members(text).take(9).count() < 9, "{text}");
        }
    }
}
