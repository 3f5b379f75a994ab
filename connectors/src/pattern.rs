//! Patterns of names, in which `*` stands for any characters.

/// Whether `text` matches `pattern`.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((prefix, rest)) => text.strip_prefix(prefix).is_some_and(|tail| {
            let mut starts = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            starts.any(|start| matches_pattern(rest, &tail[start..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("django_session", "django_session", true),
            ("django_session", "django_session_2", false),
            ("*_audit", "orders_audit", true),
            ("*_audit", "orders_audit_log", false),
            ("public.*", "public.orders", true),
            ("*", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
