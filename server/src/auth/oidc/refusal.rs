//! Why a token of an identity provider is refused. That is for the log alone: whoever shows such a token hears no more
//! than everybody else who is refused.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::jwt::MAX_TOKEN_BYTES;

/// So much of a text that a stranger has written comes into the log.
const LONGEST_QUOTATION: usize = 64;
/// So many lines come into the log in a minute, so that nobody can fill it.
const MOST_LINES: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it has more than {max} bytes", max = MAX_TOKEN_BYTES)]
    TooLong,
    #[error("its {0} cannot be read")]
    Unreadable(&'static str),
    #[error("its type (typ) is {0}, which is not for calls")]
    Type(String),
    #[error("it asks for extensions (crit), and there are none here")]
    Extensions,
    #[error("no [[oidc]] has the issuer {0}")]
    UnknownIssuer(String),
    #[error("its algorithm is {0}, which algorithms does not allow")]
    Algorithm(String),
    #[error("it does not say for whom it is (aud)")]
    NoAudience,
    #[error("it is for {0}, which audience does not name")]
    Audience(String),
    #[error("it does not say when it ends (exp)")]
    NoEnd,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet (nbf)")]
    NotYetValid,
    #[error("it has no {0} that can be a principal's name")]
    Principal(String),
    #[error("its {0} is neither a list of texts nor a text")]
    Roles(String),
    #[error("it names no key (kid), and the issuer has several that it could be of")]
    NoKeyNamed,
    #[error("the issuer has no key {0}")]
    UnknownKey(String),
    #[error("its algorithm is not that of the key {0}")]
    KeyOfOtherKind(String),
    #[error("its signature is wrong")]
    Signature,
    #[error("the keys of the issuer are not known")]
    KeysUnknown,
}

impl Refusal {
    /// Whether the issuer may have a key by now that it had not when it was asked last.
    pub(super) fn may_be_of_a_new_key(&self) -> bool {
        matches!(self, Self::UnknownKey(_) | Self::KeysUnknown)
    }
}

/// What a stranger has written, for the log: short, and on one line.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(LONGEST_QUOTATION).collect::<String>())
}

/// Tells refusals to the log, and not too many.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl RefusalLog {
    pub(super) fn tell(&self, issuer: Option<&str>, refusal: &Refusal) {
        let issuer = issuer.unwrap_or("unknown");
        if let Some(left_out) = self.turn(Instant::now()) {
            tracing::info!(issuer, reason = %refusal, left_out, "refused a token of an identity provider");
        } else {
            tracing::debug!(issuer, reason = %refusal, "refused a token of an identity provider");
        }
    }

    /// Whether a line may be written; then how many were left out since the last one.
    fn turn(&self, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.since.is_none_or(|since| now.duration_since(since) >= MINUTE) {
            lines.since = Some(now);
            lines.written = 0;
        }
        if lines.written == MOST_LINES {
            lines.left_out += 1;
            return None;
        }
        lines.written += 1;
        Some(std::mem::take(&mut lines.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_not_filled() {
        let (log, start) = (RefusalLog::default(), Instant::now());
        let written = (0..100).filter_map(|_| log.turn(start)).count();
        assert_eq!(written, MOST_LINES as usize);
        assert_eq!(log.turn(start + MINUTE), Some(100 - u64::from(MOST_LINES)));
        assert_eq!(log.turn(start + MINUTE), Some(0));
    }

    #[test]
    fn what_strangers_write_is_short_and_on_one_line() {
        assert_eq!(quoted("a\nb\u{1b}"), r#""a\nb\u{1b}""#);
        assert_eq!(quoted(&"ä".repeat(1000)).chars().count(), LONGEST_QUOTATION + 2);
    }
}
