//! The order of `jsonb`: object, array, boolean, number, string, null from high to low; containers by how many they
//! hold, then one after the other; strings, and names of members, by the default collation of the database. An empty array
//! that is the whole value comes before everything.

use super::decimal;
use super::tree::Jsonb;
use crate::postgres::error::ValueResult;

/// Ranks of what is not of the same kind, which sort keys begin with.
const EMPTY_WHOLE_ARRAY: u8 = 0;
const NULL: u8 = 1;
const STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOLEAN: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

fn rank(value: &Jsonb<'_>) -> u8 {
    match value {
        Jsonb::Null => NULL,
        Jsonb::String(_) => STRING,
        Jsonb::Number(_) => NUMBER,
        Jsonb::Bool(_) => BOOLEAN,
        Jsonb::Array(_) => ARRAY,
        Jsonb::Object(_) => OBJECT,
    }
}

/// Appends the key of a text. It has no zero byte, but for one between the key and the text itself.
type TextKey<'a> = &'a dyn Fn(&str, &mut Vec<u8>);

/// Bytes that are equal for equal values, and ordered as the values are where strings are ordered by their bytes.
pub(crate) fn sort_key(jsonb: &str) -> ValueResult<Vec<u8>> {
    let mut key = Vec::with_capacity(jsonb.len() + 8);
    write_sort_key_by(&mut key, jsonb, &|text, key| key.extend_from_slice(text.as_bytes()))?;
    Ok(key)
}

/// Appends bytes that are ordered as the values are where strings are ordered by their keys.
pub(crate) fn write_sort_key_by(key: &mut Vec<u8>, jsonb: &str, text_key: TextKey<'_>) -> ValueResult<()> {
    match &Jsonb::parse(jsonb)? {
        Jsonb::Array(elements) if elements.is_empty() => key.push(EMPTY_WHOLE_ARRAY),
        value => write_sort_key(key, value, text_key),
    }
    Ok(())
}

fn write_sort_key(key: &mut Vec<u8>, value: &Jsonb<'_>, text_key: TextKey<'_>) {
    key.push(rank(value));
    match value {
        Jsonb::Null => {}
        Jsonb::String(text) => write_text(key, text, text_key),
        Jsonb::Number(number) => decimal::write_sort_key(key, number),
        Jsonb::Bool(value) => key.push(u8::from(*value)),
        Jsonb::Array(elements) => {
            write_count(key, elements.len());
            for element in elements {
                write_sort_key(key, element, text_key);
            }
        }
        Jsonb::Object(members) => {
            write_count(key, members.len());
            for (name, value) in members {
                write_text(key, name, text_key);
                write_sort_key(key, value, text_key);
            }
        }
    }
}

fn write_count(key: &mut Vec<u8>, count: usize) {
    key.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

/// `jsonb` has no zero bytes in strings, so that one ends them.
fn write_text(key: &mut Vec<u8>, text: &str, text_key: TextKey<'_>) {
    text_key(text, key);
    key.push(0);
}

#[cfg(test)]
mod tests {
    use super::sort_key;

    #[test]
    fn the_order_is_that_of_postgresql() {
        let ascending = [
            "[]",
            "null",
            "\"\"",
            "\"a\"",
            "\"aa\"",
            "\"b\"",
            "-1.5",
            "0",
            "2",
            "10",
            "false",
            "true",
            "[null]",
            "[[]]",
            "[{}]",
            "[1, 2]",
            "[1, true]",
            "{}",
            "{\"a\": 1}",
            "{\"b\": 0}",
            "{\"a\": 1, \"b\": 1}",
            "{\"b\": 1, \"aa\": 0}",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(
                    sort_key(a).unwrap_or_default().cmp(&sort_key(b).unwrap_or_default()),
                    at.cmp(&other),
                    "{a} {b}"
                );
            }
        }
        assert_eq!(sort_key("[1.0, {\"a\": 100}]"), sort_key("[1, {\"a\": 100.00}]"));
    }
}
