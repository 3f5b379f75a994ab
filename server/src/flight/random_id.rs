//! Ids that nobody guesses: of sessions, and of queries.

use std::fmt;

use tonic::{Code, Status};

use super::reason::{Reason, Told};

const BYTES: usize = 16;

/// 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RandomId([u8; BYTES]);

impl RandomId {
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn new() -> Result<Self, Status> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| {
            tracing::error!(%error, "the operating system gives no random bytes");
            Told::new(Code::Internal, Reason::Internal).status("no id could be made; the server's log says why")
        })?;
        Ok(Self(bytes))
    }

    /// The id that these bytes are.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// The id that is written so: its one form, in hexadecimal digits of lower case.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 2 * BYTES || !text.bytes().all(is_digit) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_text() {
        let id = RandomId::new().unwrap();
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(RandomId::from_text(&text), Some(id));
        assert_eq!(RandomId::from_bytes(&id.to_bytes()), Some(id));
        assert_ne!(RandomId::new().unwrap(), id);
        let low = "000000000000000000000000000000ff";
        assert_eq!(RandomId::from_text(low).map(|id| id.to_string()).as_deref(), Some(low));
        for other in ["", "ff", "000000000000000000000000000000FF", "+00000000000000000000000000000ff", &text[1..]] {
            assert_eq!(RandomId::from_text(other), None, "{other}");
        }
        assert_eq!(RandomId::from_bytes(&[0; 15]), None);
    }
}
