//! LIKE, SIMILAR TO and regular expressions.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Like};

use crate::functions::column::{Bpchar, Int4, Text};
use crate::functions::function::Function;
use crate::functions::strict::{cached2, cached3, cached4, cached5, cached6, cached7, strict2};
use crate::pg_type::PgType;
use crate::postgres::error::{ValueError, ValueResult};
use crate::postgres::regex::like::LikePattern;
use crate::postgres::regex::{Occurrence, Regex, Replacement, similar};

/// The last regular expression of a batch.
#[derive(Default)]
struct LastRegex(Option<(String, String, Regex)>);

impl LastRegex {
    fn get(&mut self, pattern: &str, flags: &str) -> ValueResult<&Regex> {
        self.read(pattern, flags, Regex::new)
    }

    /// The same for a function that looks at one match, and takes no flag for all.
    fn of(&mut self, function: &str, pattern: &str, flags: &str) -> ValueResult<&Regex> {
        self.read(pattern, flags, |pattern, flags| Regex::without_global(function, pattern, flags))
    }

    fn similar(&mut self, pattern: &str, escape: &str) -> ValueResult<&Regex> {
        self.read(pattern, escape, |pattern, escape| similar::compile(pattern, Some(escape)))
    }

    fn read(
        &mut self,
        pattern: &str,
        flags: &str,
        compile: impl FnOnce(&str, &str) -> ValueResult<Regex>,
    ) -> ValueResult<&Regex> {
        let known = self.0.take().filter(|(known, known_flags, _)| known == pattern && known_flags == flags);
        let regex = match known {
            Some(known) => known,
            None => (pattern.to_owned(), flags.to_owned(), compile(pattern, flags)?),
        };
        Ok(&self.0.insert(regex).2)
    }
}

/// What LIKE escapes with unless it is told otherwise.
const DEFAULT_ESCAPE: char = '\\';

/// A LIKE pattern with a backslash before whatever was escaped by another character.
///
/// # Errors
/// When it ends with its escape character.
pub(crate) fn with_default_escape(pattern: &str, escape: Option<char>) -> ValueResult<String> {
    let mut written = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            _ if Some(letter) == escape => match letters.next() {
                Some(escaped) => written.extend([DEFAULT_ESCAPE, escaped]),
                None => return Err(ValueError::new("22025", "LIKE pattern must not end with escape character")),
            },
            DEFAULT_ESCAPE => written.extend([DEFAULT_ESCAPE, DEFAULT_ESCAPE]),
            other => written.push(other),
        }
    }
    Ok(written)
}

/// The last LIKE pattern of a batch.
#[derive(Default)]
struct LastLike(Option<(String, LikePattern)>);

impl LastLike {
    fn get(&mut self, pattern: &str, ignores_case: bool) -> ValueResult<&LikePattern> {
        let known = self.0.take().filter(|(known, _)| known == pattern);
        let compiled = match known {
            Some(known) => known,
            None if ignores_case => (pattern.to_owned(), LikePattern::ignoring_case(pattern, None)?),
            None => (pattern.to_owned(), LikePattern::new(pattern, None)?),
        };
        Ok(&self.0.insert(compiled).1)
    }
}

/// LIKE. With a constant pattern it is the engine's, which knows what to look for in statistics.
fn like(symbol: &'static str, pg_type: PgType, ignores_case: bool, negated: bool) -> Function {
    let by_value = cached2::<LastLike, Text, Text, _, _>("like", move |last, text: &str, pattern: &str| {
        Ok(last.get(pattern, ignores_case)?.is_match(text)? != negated)
    });
    Function::made(symbol, vec![pg_type, PgType::Text], PgType::Bool, move |call| match call.arguments.as_slice() {
        [text, pattern @ Expr::Literal(value, _)] if is_whole(value) => {
            let (text, pattern) = (Box::new(text.clone()), Box::new(pattern.clone()));
            Ok(Expr::Like(Like::new(negated, text, pattern, None, ignores_case)))
        }
        _ => by_value.expression(call),
    })
}

/// Whether a pattern does not end with its escape character, which is a mistake for some texts only.
fn is_whole(pattern: &ScalarValue) -> bool {
    let text = pattern.try_as_str().flatten().unwrap_or_default();
    let escapes = text.chars().rev().take_while(|letter| *letter == DEFAULT_ESCAPE).count();
    escapes % 2 == 0
}

pub(super) fn operators() -> Vec<Function> {
    let mut operators = vec![];
    for (symbol, ignores_case, negated) in
        [("~~", false, false), ("!~~", false, true), ("~~*", true, false), ("!~~*", true, true)]
    {
        for pg_type in [PgType::Text, PgType::Name, PgType::Bpchar] {
            operators.push(like(symbol, pg_type, ignores_case, negated));
        }
    }
    for (symbol, flags, wanted) in [("~", "", true), ("~*", "i", true), ("!~", "", false), ("!~*", "i", false)] {
        let function = cached2::<LastRegex, Text, Text, _, _>(symbol, move |last, text: &str, pattern: &str| {
            Ok(last.get(pattern, flags)?.is_match(text)? == wanted)
        });
        operators.push(function);
        let function = cached2::<LastRegex, Bpchar, Text, _, _>(symbol, move |last, text: &str, pattern: &str| {
            Ok(last.get(pattern, flags)?.is_match(text)? == wanted)
        });
        operators.push(function);
    }
    operators
}

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        cached3::<LastRegex, Text, Text, Text, _, _>("similar_to", is_similar),
        cached3::<LastRegex, Bpchar, Text, Text, _, _>("similar_to", is_similar),
        strict2::<Text, Text, _, _>("like_escape", |pattern: &str, escape: &str| {
            with_default_escape(pattern, escape.chars().next())
        }),
        cached2::<LastRegex, Text, Text, _, _>("substring", |last, text: &str, pattern: &str| {
            Ok(last.get(pattern, "")?.substring(text)?.map(str::to_owned))
        }),
        cached3::<LastRegex, Text, Text, Text, _, _>("substring", |last, text: &str, pattern: &str, escape: &str| {
            Ok(last.similar(pattern, escape)?.substring(text)?.map(str::to_owned))
        }),
    ];
    functions.extend(matches());
    functions.extend(replacements());
    functions.extend(positions());
    functions
}

fn is_similar(last: &mut LastRegex, text: &str, pattern: &str, escape: &str) -> ValueResult<bool> {
    last.similar(pattern, escape)?.is_match(text)
}

/// Arrays of the parts that match.
fn matches() -> Vec<Function> {
    vec![
        cached2::<LastRegex, Text, Text, _, _>("regexp_match", |last, text: &str, pattern: &str| {
            last.get(pattern, "")?.first_match(text)
        }),
        cached3::<LastRegex, Text, Text, Text, _, _>("regexp_match", |last, text: &str, pattern: &str, flags: &str| {
            last.of("regexp_match", pattern, flags)?.first_match(text)
        }),
        cached2::<LastRegex, Text, Text, _, _>("regexp_matches", |last, text: &str, pattern: &str| {
            Ok(last.get(pattern, "")?.matches(text)?.into_iter().map(Some).collect::<Vec<_>>())
        })
        .set(&[]),
        cached3::<LastRegex, Text, Text, Text, _, _>(
            "regexp_matches",
            |last, text: &str, pattern: &str, flags: &str| {
                Ok(last.get(pattern, flags)?.matches(text)?.into_iter().map(Some).collect::<Vec<_>>())
            },
        )
        .set(&[]),
        cached2::<LastRegex, Text, Text, _, _>("regexp_split_to_array", |last, text: &str, pattern: &str| {
            Ok(owned(last.get(pattern, "")?.split(text)?))
        }),
        cached3::<LastRegex, Text, Text, Text, _, _>(
            "regexp_split_to_array",
            |last, text: &str, pattern: &str, flags: &str| {
                Ok(owned(last.of("regexp_split_to_array", pattern, flags)?.split(text)?))
            },
        ),
        cached2::<LastRegex, Text, Text, _, _>("regexp_split_to_table", |last, text: &str, pattern: &str| {
            Ok(owned(last.get(pattern, "")?.split(text)?))
        })
        .set(&[]),
        cached3::<LastRegex, Text, Text, Text, _, _>(
            "regexp_split_to_table",
            |last, text: &str, pattern: &str, flags: &str| {
                Ok(owned(last.of("regexp_split_to_table", pattern, flags)?.split(text)?))
            },
        )
        .set(&[]),
    ]
}

fn owned(parts: Vec<&str>) -> Vec<Option<String>> {
    parts.into_iter().map(|part| Some(part.to_owned())).collect()
}

/// A regular expression and what replaces it.
#[derive(Default)]
struct LastReplacement {
    regex: LastRegex,
    replacement: Option<(String, Replacement)>,
}

impl LastReplacement {
    fn get(&mut self, pattern: &str, flags: &str, text: &str) -> ValueResult<(&Regex, &Replacement)> {
        let known = self.replacement.take().filter(|(known, _)| known == text);
        let replacement = known.unwrap_or_else(|| (text.to_owned(), Replacement::parse(text)));
        let replacement = &self.replacement.insert(replacement).1;
        Ok((self.regex.get(pattern, flags)?, replacement))
    }
}

fn replacements() -> Vec<Function> {
    vec![
        cached3::<LastReplacement, Text, Text, Text, _, _>(
            "regexp_replace",
            |last, text: &str, pattern: &str, new: &str| {
                let (regex, new) = last.get(pattern, "", new)?;
                regex.replace(text, new)
            },
        ),
        cached4::<LastReplacement, Text, Text, Text, Text, _, _>(
            "regexp_replace",
            |last, text: &str, pattern: &str, new: &str, flags: &str| {
                let (regex, new) = last.get(pattern, flags, new)?;
                regex.replace(text, new)
            },
        ),
        cached4::<LastReplacement, Text, Text, Text, Int4, _, _>(
            "regexp_replace",
            |last, text: &str, pattern: &str, new: &str, start| {
                let (regex, new) = last.get(pattern, "", new)?;
                regex.replace_nth(text, new, start, Some(1))
            },
        ),
        cached5::<LastReplacement, Text, Text, Text, Int4, Int4, _, _>(
            "regexp_replace",
            |last, text: &str, pattern: &str, new: &str, start, n| {
                let (regex, new) = last.get(pattern, "", new)?;
                regex.replace_nth(text, new, start, Some(n))
            },
        ),
        cached6::<LastReplacement, Text, Text, Text, Int4, Int4, Text, _, _>(
            "regexp_replace",
            |last, text: &str, pattern: &str, new: &str, start, n, flags: &str| {
                let (regex, new) = last.get(pattern, flags, new)?;
                regex.replace_nth(text, new, start, Some(n))
            },
        ),
    ]
}

fn positions() -> Vec<Function> {
    let first = |start, n| Occurrence { start, n, group: 0 };
    vec![
        cached2::<LastRegex, Text, Text, _, _>("regexp_like", |last, text: &str, pattern: &str| {
            last.get(pattern, "")?.is_match(text)
        }),
        cached3::<LastRegex, Text, Text, Text, _, _>("regexp_like", |last, text: &str, pattern: &str, flags: &str| {
            last.of("regexp_like", pattern, flags)?.is_match(text)
        }),
        cached2::<LastRegex, Text, Text, _, _>("regexp_count", |last, text: &str, pattern: &str| {
            last.get(pattern, "")?.count(text, 1)
        }),
        cached3::<LastRegex, Text, Text, Int4, _, _>("regexp_count", |last, text: &str, pattern: &str, start| {
            last.get(pattern, "")?.count(text, start)
        }),
        cached4::<LastRegex, Text, Text, Int4, Text, _, _>(
            "regexp_count",
            |last, text: &str, pattern: &str, start, flags: &str| {
                last.of("regexp_count", pattern, flags)?.count(text, start)
            },
        ),
        cached2::<LastRegex, Text, Text, _, _>("regexp_instr", move |last, text: &str, pattern: &str| {
            last.get(pattern, "")?.instr(text, first(1, 1), 0)
        }),
        cached3::<LastRegex, Text, Text, Int4, _, _>("regexp_instr", move |last, text: &str, pattern: &str, start| {
            last.get(pattern, "")?.instr(text, first(start, 1), 0)
        }),
        cached4::<LastRegex, Text, Text, Int4, Int4, _, _>(
            "regexp_instr",
            move |last, text: &str, pattern: &str, start, n| last.get(pattern, "")?.instr(text, first(start, n), 0),
        ),
        cached5::<LastRegex, Text, Text, Int4, Int4, Int4, _, _>(
            "regexp_instr",
            move |last, text: &str, pattern: &str, start, n, end| {
                last.get(pattern, "")?.instr(text, first(start, n), end)
            },
        ),
        cached6::<LastRegex, Text, Text, Int4, Int4, Int4, Text, _, _>(
            "regexp_instr",
            move |last, text: &str, pattern: &str, start, n, end, flags: &str| {
                last.of("regexp_instr", pattern, flags)?.instr(text, first(start, n), end)
            },
        ),
        cached7::<LastRegex, Text, Text, Int4, Int4, Int4, Text, Int4, _, _>(
            "regexp_instr",
            |last, text: &str, pattern: &str, start, n, end, flags: &str, group| {
                last.of("regexp_instr", pattern, flags)?.instr(text, Occurrence { start, n, group }, end)
            },
        ),
        cached2::<LastRegex, Text, Text, _, _>("regexp_substr", move |last, text: &str, pattern: &str| {
            Ok(last.get(pattern, "")?.substr(text, first(1, 1))?.map(str::to_owned))
        }),
        cached3::<LastRegex, Text, Text, Int4, _, _>("regexp_substr", move |last, text: &str, pattern: &str, start| {
            Ok(last.get(pattern, "")?.substr(text, first(start, 1))?.map(str::to_owned))
        }),
        cached4::<LastRegex, Text, Text, Int4, Int4, _, _>(
            "regexp_substr",
            move |last, text: &str, pattern: &str, start, n| {
                Ok(last.get(pattern, "")?.substr(text, first(start, n))?.map(str::to_owned))
            },
        ),
        cached5::<LastRegex, Text, Text, Int4, Int4, Text, _, _>(
            "regexp_substr",
            move |last, text: &str, pattern: &str, start, n, flags: &str| {
                Ok(last.of("regexp_substr", pattern, flags)?.substr(text, first(start, n))?.map(str::to_owned))
            },
        ),
        cached6::<LastRegex, Text, Text, Int4, Int4, Text, Int4, _, _>(
            "regexp_substr",
            |last, text: &str, pattern: &str, start, n, flags: &str, group| {
                Ok(last
                    .of("regexp_substr", pattern, flags)?
                    .substr(text, Occurrence { start, n, group })?
                    .map(str::to_owned))
            },
        ),
    ]
}
