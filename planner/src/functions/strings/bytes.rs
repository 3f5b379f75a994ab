//! Functions of `bytea`.

use crate::functions::column::{Bytea, Int4, Int8, Text};
use crate::functions::function::Function;
use crate::functions::strict::{strict1, strict2, strict3, strict4};
use crate::postgres::text::{encoding, hashing};
use crate::postgres::{bytea, text};

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        strict1::<Bytea, _, _>("length", text::octet_length),
        strict1::<Bytea, _, _>("octet_length", text::octet_length),
        strict1::<Bytea, _, _>("bit_length", text::bit_length),
        strict1::<Bytea, _, _>("bit_count", bytea::bit_count),
        strict1::<Bytea, _, _>("reverse", bytea::reverse),
        strict2::<Bytea, Bytea, _, _>("position", bytea::position),
        strict2::<Bytea, Int4, _, _>("get_byte", bytea::get_byte),
        strict3::<Bytea, Int4, Int4, _, _>("set_byte", bytea::set_byte),
        strict2::<Bytea, Int8, _, _>("get_bit", bytea::get_bit),
        strict3::<Bytea, Int8, Int4, _, _>("set_bit", bytea::set_bit),
        strict3::<Bytea, Bytea, Int4, _, _>("overlay", |bytes: &[u8], new: &[u8], start| {
            bytea::overlay(bytes, new, start, None)
        }),
        strict4::<Bytea, Bytea, Int4, Int4, _, _>("overlay", |bytes: &[u8], new: &[u8], start, count| {
            bytea::overlay(bytes, new, start, Some(count))
        }),
        strict1::<Bytea, _, _>("md5", hashing::md5),
        strict1::<Bytea, _, _>("sha224", hashing::sha224),
        strict1::<Bytea, _, _>("sha256", hashing::sha256),
        strict1::<Bytea, _, _>("sha384", hashing::sha384),
        strict1::<Bytea, _, _>("sha512", hashing::sha512),
        // Of the extension pgcrypto, by which Django makes SHA1 and its like.
        strict2::<Bytea, Text, _, _>("digest", hashing::digest),
        strict2::<Text, Text, _, _>("digest", |text: &str, algorithm: &str| {
            hashing::digest(text.as_bytes(), algorithm)
        }),
        strict1::<Bytea, _, _>("crc32", hashing::crc32),
        strict1::<Bytea, _, _>("crc32c", hashing::crc32c),
        strict2::<Bytea, Text, _, _>("encode", |bytes: &[u8], format: &str| {
            encoding::encode(bytes, encoding::Format::parse(format)?)
        }),
        strict2::<Text, Text, _, _>("decode", |text: &str, format: &str| {
            encoding::decode(text, encoding::Format::parse(format)?)
        }),
        strict2::<Text, Text, _, _>("convert_to", encoding::convert_to),
        strict2::<Bytea, Text, _, _>("convert_from", encoding::convert_from),
    ];
    for name in ["substring", "substr"] {
        functions.push(strict2::<Bytea, Int4, _, _>(name, |bytes: &[u8], start| {
            bytea::substring(bytes, start, None).map(<[u8]>::to_vec)
        }));
        functions.push(strict3::<Bytea, Int4, Int4, _, _>(name, |bytes: &[u8], start, count| {
            bytea::substring(bytes, start, Some(count)).map(<[u8]>::to_vec)
        }));
    }
    functions
}
