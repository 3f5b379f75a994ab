//! `jsonb_pretty`: a line for each value.

use super::tree::Jsonb;
use super::{MAX_TEXT_BYTES, strings, too_large};
use crate::postgres::error::ValueResult;

const INDENT: &str = "    ";

/// `jsonb_pretty(jsonb)`.
pub(crate) fn jsonb_pretty(jsonb: &str) -> ValueResult<String> {
    let mut out = String::with_capacity(jsonb.len() * 2);
    write(&mut out, &Jsonb::parse(jsonb)?, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Jsonb<'_>, depth: usize) -> ValueResult<()> {
    match value {
        Jsonb::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                begin_line(out, at > 0, depth + 1)?;
                write(out, element, depth + 1)?;
            }
            begin_line(out, false, depth)?;
            out.push(']');
        }
        Jsonb::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                begin_line(out, at > 0, depth + 1)?;
                strings::write_string(out, key);
                out.push_str(": ");
                write(out, value, depth + 1)?;
            }
            begin_line(out, false, depth)?;
            out.push('}');
        }
        scalar => scalar.write(out),
    }
    Ok(())
}

fn begin_line(out: &mut String, after_another: bool, depth: usize) -> ValueResult<()> {
    if out.len() + depth * INDENT.len() > MAX_TEXT_BYTES {
        return Err(too_large());
    }
    out.push_str(if after_another { ",\n" } else { "\n" });
    out.extend(std::iter::repeat_n(INDENT, depth));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::jsonb_pretty;

    #[test]
    fn empty_containers_take_two_lines() {
        let pretty = "{\n    \"a\": null,\n    \"b\": [\n        1,\n        {\n        }\n    ]\n}";
        assert_eq!(jsonb_pretty("{\"a\": null, \"b\": [1, {}]}").as_deref(), Ok(pretty));
        assert_eq!(jsonb_pretty("[]").as_deref(), Ok("[\n]"));
        assert_eq!(jsonb_pretty("1").as_deref(), Ok("1"));
    }
}
